"""Limits of use: what was used counts over restarts, midnights and clocks that are set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.settings import Limits
from device_daemon.conversation.budget import Budget
from device_daemon.system.usage import Usage

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def restarted(limits: Limits, usage: Usage) -> Budget:
    """As after a restart: with what the state file says."""
    return Budget(limits, msgspec.json.decode(msgspec.json.encode(usage), type=Usage))


def test_without_limits_nothing_is_refused() -> None:
    budget = Budget(Limits(), Usage())
    for _ in range(1_000):
        budget.began(NOON)
        budget.ended(NOON, 3_600)
    assert budget.refusal(NOON) is None


@given(st.integers(1, 5), st.lists(st.floats(0, 7_200), max_size=40))
def test_within_any_hour_no_more_than_so_many_begin(limit: int, pauses_s: list[float]) -> None:
    budget = Budget(Limits(conversations_per_hour=limit), Usage())
    now = NOON
    began: list[datetime] = []
    for pause_s in pauses_s:
        now += timedelta(seconds=pause_s)
        within_the_hour = [at for at in began if now - at < 60 * MINUTE]
        assert (budget.refusal(now) is None) == (len(within_the_hour) < limit)
        if budget.refusal(now) is None:
            budget.began(now)
            began.append(now)


def test_the_refusal_says_when_the_next_one_may_begin() -> None:
    budget = Budget(Limits(conversations_per_hour=1), Usage())
    budget.began(NOON)
    refusal = budget.refusal(NOON + 20 * MINUTE)
    assert refusal is not None
    assert "at 13:00" in str(refusal)


def test_the_minutes_of_a_day_count_over_restarts_until_midnight() -> None:
    limits, usage = Limits(minutes_per_day=10), Usage()
    Budget(limits, usage).ended(NOON, 400)
    assert restarted(limits, usage).refusal(NOON) is None
    Budget(limits, usage).ended(NOON, 200)
    assert restarted(limits, usage).refusal(NOON + 11 * 60 * MINUTE) is not None
    assert restarted(limits, usage).refusal(NOON + 12 * 60 * MINUTE) is None


def test_of_a_conversation_over_midnight_only_what_is_after_it_counts_for_the_new_day() -> None:
    budget = Budget(Limits(minutes_per_day=10), Usage())
    just_after_midnight = NOON + 12 * 60 * MINUTE + MINUTE
    budget.ended(just_after_midnight, 3_600)
    assert budget.refusal(just_after_midnight) is None
    budget.ended(just_after_midnight + 20 * MINUTE, 540)
    assert budget.refusal(just_after_midnight + 20 * MINUTE) is not None


def test_times_in_the_future_which_a_wrong_clock_has_left_count_for_nothing() -> None:
    limits, usage = Limits(conversations_per_hour=1), Usage()
    Budget(limits, usage).began(NOON + timedelta(days=365))
    assert restarted(limits, usage).refusal(NOON) is None


def test_how_many_were_held_today_counts_over_restarts_until_midnight() -> None:
    usage = Usage()
    for _ in range(3):
        Budget(Limits(), usage).began(NOON)
    assert restarted(Limits(), usage).held_today(NOON) == 3
    assert restarted(Limits(), usage).held_today(NOON + 12 * 60 * MINUTE) == 0
