"""Days and times as owners write them."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.times import (
    DAYS,
    guess_span,
    guess_time,
    guess_weekdays,
    is_within,
    parse_days,
    parse_hours,
    parse_time,
)

MINUTES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))
NUMBERS = st.integers(0, 6)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("daily", {0, 1, 2, 3, 4, 5, 6}),
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("sat,sun", {5, 6}),
        ("mon", {0}),
        ("fri-mon", {4, 5, 6, 0}),
        ("wed-wed", {2}),
        ("Mon - Wed, SAT", {0, 1, 2, 5}),
        (" Daily ", {0, 1, 2, 3, 4, 5, 6}),
        ("mon,mon-tue,tue", {0, 1}),
    ],
)
def test_days_are_a_day_a_range_or_a_list_in_any_case(text: str, days: set[int]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize(
    "text",
    ["", " ", "never", "monday", "mon-", "-fri", "mon,", "mon,,tue", "mon tue", "mon-wed-fri", "daily,mon", "0-4"],
)
def test_what_is_no_days_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed: daily, or days and ranges such as mon-fri or sat,sun$"):
        parse_days(text)


@given(NUMBERS, NUMBERS)
def test_a_range_begins_and_ends_with_its_days_and_leaves_none_between_out(first: int, last: int) -> None:
    days = parse_days(f"{DAYS[first]}-{DAYS[last]}")
    assert {first, last} <= days
    assert len(days) == (last - first) % 7 + 1
    assert all((day + 1) % 7 in days for day in days if day != last)


@given(st.lists(NUMBERS, min_size=1))
def test_a_list_of_days_is_all_of_them(days: list[int]) -> None:
    assert parse_days(",".join(DAYS[day] for day in days)) == set(days)


@given(MINUTES, MINUTES)
def test_every_time_can_be_written_and_is_read_as_it_is_written(first: time, last: time) -> None:
    assert parse_time(f"{first:%H:%M}") == first
    assert parse_hours(f"{first:%H:%M}-{last:%H:%M}") == (first, last)


@pytest.mark.parametrize(
    "text", ["", "7:30", "24:00", "07:60", "07:30:00", "0730", "07:30-08:00", "a07:30", "\u0660\u0667:\u0663\u0660"]
)
def test_what_is_no_time_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r'allowed: a time from "00:00" to "23:59"$'):
        parse_time(text)


@pytest.mark.parametrize(
    "text", ["", "07:00", "07:00-", "7:00-22:00", "07:00-24:00", "07:00 22:00", "07:00-08:00-09:00"]
)
def test_what_is_not_two_times_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r'allowed: two times such as "07:00-22:00"$'):
        parse_hours(text)


@given(st.times(), MINUTES, MINUTES)
def test_hours_begin_with_their_first_minute_and_end_before_their_last(moment: time, begin: time, end: time) -> None:
    if begin == end:
        return
    assert is_within(begin, begin, end)
    assert not is_within(end, begin, end)
    # Each moment is either in the hours or in the rest of the day, which are hours too.
    assert is_within(moment, begin, end) is not is_within(moment, end, begin)
    if begin < end:
        assert is_within(moment, begin, end) is (begin <= moment < end)


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{1,2}[:.h ]?[0-9]{2} ?([ap]m)?", fullmatch=True))
def test_what_was_meant_is_a_time_that_would_do(text: str) -> None:
    if (guess := guess_time(text)) is not None:
        parse_time(guess)
    if (hours := guess_span(f"{text}-{text}")) is not None:
        parse_hours(hours)


@given(
    st.text(max_size=12)
    | st.lists(st.sampled_from(["monday", "to", "-", ",", "Fri", "weekdays", "and", "x"])).map(" ".join)
)
def test_what_was_meant_are_days_that_would_do(text: str) -> None:
    if (guess := guess_weekdays(text)) is not None:
        parse_days(guess)


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("7:30", "07:30"),
        ("7.30 pm", "19:30"),
        ("12 am", "00:00"),
        ("12:15 p.m.", "12:15"),
        ("24:00", "00:00"),
        ("0730", "07:30"),
        ("7 Uhr", "07:00"),
        ("13 pm", None),
        ("7:60", None),
        ("noon", None),
        ("7" * 101, None),
    ],
)
def test_a_time_written_otherwise_is_understood_or_not_guessed_at(text: str, guess: str | None) -> None:
    assert guess_time(text) == guess


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("Monday-Friday", "mon-fri"),
        ("Monday to Friday", "mon-fri"),
        ("mon and tue", "mon,tue"),
        ("mon tue; wed", "mon,tue,wed"),
        ("mon-fry", "mon-fri"),
        ("weekends", "sat,sun"),
        ("every  day", "daily"),
        ("never", None),
        ("mon " * 30, None),
    ],
)
def test_days_written_otherwise_are_understood_or_not_guessed_at(text: str, guess: str | None) -> None:
    assert guess_weekdays(text) == guess
