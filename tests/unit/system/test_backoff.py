"""Tries grow rarer, never all at the same time, and never where they cannot help."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.errors import (
    AuthRefused,
    ClockNotSet,
    ConnectionLost,
    KeyMissing,
    ServiceBusy,
    ServiceSilent,
    ServiceUnreachable,
    SessionRejected,
    SpeakerError,
)
from device_daemon.system.backoff import BOOT_S, BOOT_SPREAD_S, backoff, retry_delay_s, start_delay_s


def test_delays_double_up_to_a_minute() -> None:
    assert list(islice(backoff(jitter=0.0), 7)) == [2, 4, 8, 16, 32, 60, 60]


@given(st.integers(1, 200))
def test_no_delay_is_the_same_for_all_and_none_is_far_from_its_place(tries: int) -> None:
    for delay_s, middle_s in zip(backoff(), islice(backoff(jitter=0.0), tries), strict=False):
        assert 0.8 * middle_s <= delay_s <= 1.2 * middle_s


def test_what_all_lose_at_the_same_moment_is_tried_again_all_over_the_spread() -> None:
    first_s = sorted(next(backoff(spread_s=30.0)) for _ in range(500))
    assert first_s[0] >= 1.6
    assert first_s[-1] <= 32.4
    in_a_second = max(sum(at_s <= other_s < at_s + 1 for other_s in first_s) for at_s in first_s)
    assert in_a_second < 45, "500 over 30 s are 17 a second on average"


def test_only_the_first_delay_is_spread() -> None:
    assert list(islice(backoff(jitter=0.0, spread_s=30.0, uniform=lambda _least, most: most), 3)) == [32, 4, 8]


def test_only_a_start_with_the_machine_waits_and_each_speaker_for_another_time() -> None:
    assert start_delay_s(BOOT_S) == 0.0
    after_power_cut_s = sorted(start_delay_s(25.0) for _ in range(500))
    assert after_power_cut_s[0] < 0.1 * BOOT_SPREAD_S
    assert 0.9 * BOOT_SPREAD_S < after_power_cut_s[-1] <= BOOT_SPREAD_S


@pytest.mark.parametrize(
    "failure", [ServiceUnreachable("x"), ConnectionLost("x"), ServiceSilent("x"), ClockNotSet("x"), ServiceBusy("x")]
)
def test_what_time_may_remedy_is_retried(failure: SpeakerError) -> None:
    assert retry_delay_s(failure, 2.0) == 2.0


@pytest.mark.parametrize("failure", [AuthRefused("x"), KeyMissing("x"), SessionRejected("x")])
def test_what_a_person_has_to_change_is_not_retried(failure: SpeakerError) -> None:
    assert retry_delay_s(failure, 2.0) is None


@pytest.mark.parametrize(("asked_s", "delay_s"), [(17.0, 17.0), (0.5, 2.0), (None, 2.0)])
def test_a_service_that_asks_for_time_gets_it(asked_s: float | None, delay_s: float) -> None:
    assert retry_delay_s(ServiceBusy("x", asked_s), 2.0) == delay_s
