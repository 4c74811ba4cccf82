from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.settings import MotionTrigger
from device_daemon.config.times import is_within
from device_daemon.triggers.presence import QUIET_AFTER_CONVERSATION_S, why_not

NOON = time(12)
SECONDS = st.floats(0, 1e6)
MINUTES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


def ask(
    now_s: float = 5000.0,
    opened_s: float | None = None,
    over_s: float | None = None,
    at: time = NOON,
    **settings: Any,
) -> str:
    return why_not(
        MotionTrigger(**{"pin": 4, **settings}),
        now_s=now_s,
        last_opened_s=opened_s,
        last_conversation_over_s=over_s,
        local_time=at,
    )


def test_who_walks_past_first_is_greeted() -> None:
    assert ask() == ""


def test_the_sensor_is_quiet_for_its_cooldown_after_it_opened_a_conversation() -> None:
    assert ask(now_s=1599.9, opened_s=1000.0) == "it opened a conversation 600 s ago, and is quiet for 600 s"
    assert ask(now_s=1600.0, opened_s=1000.0) == ""
    assert ask(now_s=1000.0, opened_s=1000.0, cooldown_s=0) == ""


def test_a_conversation_somebody_else_opened_starts_no_cooldown() -> None:
    assert ask(now_s=1000.0 + QUIET_AFTER_CONVERSATION_S, over_s=1000.0, cooldown_s=86_400) == ""


def test_who_has_just_talked_to_the_speaker_is_not_greeted_on_leaving() -> None:
    told = "a conversation was over less than 15 s ago"
    assert ask(now_s=1014.9, over_s=1000.0, cooldown_s=0) == told
    assert ask(now_s=1015.0, over_s=1000.0, cooldown_s=0) == ""


def test_motion_that_was_seen_before_the_end_of_the_conversation_greets_nobody_after_it() -> None:
    assert ask(now_s=999.9, over_s=1000.0)


@pytest.mark.parametrize(
    ("between", "at", "opens"),
    [
        ("07:00-22:00", time(6, 59, 59), False),
        ("07:00-22:00", time(7), True),
        ("07:00-22:00", time(21, 59, 59, 999_999), True),
        ("07:00-22:00", time(22), False),
        ("22:00-06:00", time(21, 59), False),
        ("22:00-06:00", time(22), True),
        ("22:00-06:00", time(0), True),
        ("22:00-06:00", time(5, 59), True),
        ("22:00-06:00", time(6), False),
        ("18:00-00:00", time(23, 59), True),
        ("18:00-00:00", time(0), False),
    ],
)
def test_hours_include_their_beginning_and_not_their_end_also_over_midnight(
    between: str, at: time, opens: bool
) -> None:
    told = ask(at=at, between=between)
    assert told == ("" if opens else f"it is {at:%H:%M}, and it greets only at {between}")


@given(
    now_s=SECONDS,
    opened_s=SECONDS | st.none(),
    over_s=SECONDS | st.none(),
    at=st.times(),
    cooldown_s=st.floats(0, 86_400),
    hours=st.none() | st.tuples(MINUTES, MINUTES).filter(lambda ends: ends[0] != ends[1]),
)
def test_it_opens_if_and_only_if_no_rule_is_against_it(
    now_s: float,
    opened_s: float | None,
    over_s: float | None,
    at: time,
    cooldown_s: float,
    hours: tuple[time, time] | None,
) -> None:
    between = None if hours is None else f"{hours[0]:%H:%M}-{hours[1]:%H:%M}"
    told = ask(now_s=now_s, opened_s=opened_s, over_s=over_s, at=at, cooldown_s=cooldown_s, between=between)
    cool = opened_s is None or now_s - opened_s >= cooldown_s
    calm = over_s is None or now_s - over_s >= QUIET_AFTER_CONVERSATION_S
    assert (told == "") is (cool and calm and (hours is None or is_within(at, *hours)))


@given(now_s=SECONDS, later_s=SECONDS, opened_s=SECONDS, over_s=SECONDS)
def test_what_may_open_may_do_so_later_too(now_s: float, later_s: float, opened_s: float, over_s: float) -> None:
    if not ask(now_s=now_s, opened_s=opened_s, over_s=over_s):
        assert ask(now_s=max(now_s, later_s), opened_s=opened_s, over_s=over_s) == ""
