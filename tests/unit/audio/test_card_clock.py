"""Where a card is between the steps of its pointer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.card_clock import CardClock

RATE_HZ = 24_000
PERIOD = 240


def test_a_pointer_that_moves_in_periods_becomes_one_that_moves_with_time() -> None:
    clock = CardClock(RATE_HZ, PERIOD)
    clock.start(10.0)
    clock.observe(240, 10.010)
    clock.observe(480, 10.020)
    assert clock.frames_at(10.020) == pytest.approx(480, abs=1)
    assert clock.frames_at(10.025) == pytest.approx(600, abs=1)
    assert clock.time_of(600) == pytest.approx(10.025, abs=1e-5)


def test_an_observation_that_came_late_is_outweighed_by_a_good_one() -> None:
    clock = CardClock(RATE_HZ, PERIOD)
    clock.start(0.0)
    clock.observe(240, 0.010)
    clock.observe(480, 0.026)  # 6 ms after the pointer moved
    assert clock.frames_at(0.026) == pytest.approx(624, abs=1)


def test_a_card_that_starts_slowly_is_believed_once_it_moves() -> None:
    clock = CardClock(RATE_HZ, PERIOD)
    clock.start(0.0)
    assert clock.frames_at(0.004) == pytest.approx(96, abs=1)
    clock.observe(240, 0.018)
    assert clock.frames_at(0.020) == pytest.approx(288, abs=1)


def test_a_pointer_that_stands_still_holds_the_position_back() -> None:
    clock = CardClock(RATE_HZ, PERIOD)
    clock.start(0.0)
    clock.observe(240, 0.010)
    clock.observe(240, 0.500)
    assert clock.frames_at(0.500) == 480
    assert clock.moved_s == 0.010


@given(
    drift=st.floats(-100e-6, 100e-6),
    coarse=st.booleans(),
    delays=st.lists(st.floats(0.0, 0.009), min_size=20, max_size=100),
)
def test_with_any_crystal_and_any_delay_it_is_never_ahead_and_at_most_the_least_delay_behind(
    drift: float, delays: list[float], *, coarse: bool
) -> None:
    clock = CardClock(RATE_HZ, PERIOD)
    clock.start(0.0)
    true_rate = RATE_HZ * (1 + drift)
    for i, delay in enumerate(delays, start=1):
        at_s = i * PERIOD / true_rate + delay + 1e-7
        clock.observe(i * PERIOD if coarse else int(at_s * true_rate), at_s)
    behind = at_s * true_rate - clock.frames_at(at_s)
    least = min(delays[-10:]) * RATE_HZ if coarse else 0.0
    # In the time of ten periods the line sinks, and the crystal runs off.
    slack = 2 + (abs(drift) + 300e-6) * 0.12 * RATE_HZ
    assert -slack <= behind <= least + slack
