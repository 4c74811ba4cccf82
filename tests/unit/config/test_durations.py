"""Durations may be written with a unit; the number that is read is in the unit of the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.durations import parse_duration_ms
from device_daemon.config.reader import read
from device_daemon.config.settings import ButtonTrigger
from tests.unit.config.cases import LOCAL, problems

ALLOWED = "allowed: seconds from 0.1 to 86400, or with a unit such as 30s, 15m or 1h"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("900", 900),
        ("15m", 900),
        ("15 min", 900),
        ("15 minutes", 900),
        ("1h", 3_600),
        ("1h30m", 5_400),
        ("1h 30min", 5_400),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("1 day", 86_400),
        ("'15m'", 900),
        ("1 second", 1),
        ("250 milliseconds", 0.25),
    ],
)
def test_a_duration_is_read_with_its_unit(written: str, seconds: float) -> None:
    config = read(f"{LOCAL}conversation: {{max_duration_s: {written}}}", "f")
    assert config.conversation.max_duration_s == pytest.approx(seconds)


def test_a_key_in_milliseconds_takes_units_too() -> None:
    config = read(f"{LOCAL}triggers: [{{type: button, pin: 4, debounce_ms: 0.02s, hold_s: 500ms}}]", "f")
    (button,) = config.triggers
    assert isinstance(button, ButtonTrigger)
    assert (button.debounce_ms, button.hold_s) == (20, 0.5)
    assert isinstance(button.debounce_ms, int)


@pytest.mark.parametrize("written", ["15x", "30sek", "m15", "25h", "0ms", "1h-30m", "15mm", "1.5.5s", "soon"])
def test_any_other_text_is_refused_without_a_wrong_guess(written: str) -> None:
    assert problems(f"{LOCAL}conversation: {{max_duration_s: {written}}}") == [
        f"config.yaml:2:32: conversation.max_duration_s: found '{written}'; {ALLOWED}"
    ]


def test_a_part_of_a_millisecond_is_refused_where_whole_ones_are_wanted() -> None:
    (problem,) = problems(f"{LOCAL}triggers: [{{type: button, pin: 4, debounce_ms: 0.0005s}}]")
    assert "found '0.0005s'; allowed: whole milliseconds from 0 to 200, or with a unit such as 20ms or 0.5s" in problem


@given(hours=st.integers(0, 23), minutes=st.integers(0, 59), space=st.sampled_from(["", " "]))
def test_parts_add_up(hours: int, minutes: int, space: str) -> None:
    assert parse_duration_ms(f"{hours}h{space}{minutes}m") == (hours * 60 + minutes) * 60_000


@given(st.text(alphabet="0123456789.hmsd ", max_size=12))
def test_any_text_is_a_duration_or_none(text: str) -> None:
    found = parse_duration_ms(text)
    assert found is None or found >= 0
