"""Captured sound is never handed on faster than time passes, and a card that was read late is not slowed down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from device_daemon.audio.capture_pace import AHEAD_S, CapturePace

FASTEST = 1 + 300e-6


@given(some.lists(some.tuples(some.floats(0.001, 0.5), some.floats(0.0, 10.0)), min_size=1, max_size=60))
def test_whatever_a_source_gives_and_whenever_no_more_is_handed_on_than_was_time_to_capture(
    pieces: list[tuple[float, float]],
) -> None:
    pace, now_s, handed_on_s = CapturePace(0.0), 0.0, 0.0
    for sound_s, until_next_s in pieces:
        now_s += pace.wait_s(sound_s, now_s)
        handed_on_s += sound_s
        assert handed_on_s <= now_s * FASTEST + AHEAD_S + 1e-6
        now_s += until_next_s


@given(
    some.lists(some.tuples(some.integers(1, 100), some.floats(0.0, 3.0)), min_size=1, max_size=60),
    some.floats(-200e-6, 200e-6),
)
def test_a_real_card_is_never_waited_for_however_late_it_is_read_and_however_long_its_periods(
    reads: list[tuple[int, float]], drift: float
) -> None:
    pace, now_s, read_s = CapturePace(0.0), 0.0, 0.0
    for period_ms, late_s in reads:
        now_s += period_ms / 1000 + late_s
        captured_s = now_s * (1 + drift)
        assert pace.wait_s(captured_s - read_s, now_s) == 0
        read_s = captured_s
