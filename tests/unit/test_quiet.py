"""A voice that sets in is never kept waiting, speech under way hardly, a quiet room for longer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.quiet import (
    BREATH_MS,
    DESERTED_MS,
    DESERTED_PIECE_MS,
    ONSET_MS,
    PAUSE_MS,
    SETTLED_MS,
    UNDERWAY_MS,
    UNHURRIED_MS,
    Quiet,
)

PERIOD_MS = 20
FRAMES = 24 * PERIOD_MS


def noise(peak: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).integers(-peak, peak + 1, FRAMES, np.int16).tobytes()


def settled(quiet: Quiet, peak: int = 0) -> Quiet:
    for number in range(20 * SETTLED_MS // PERIOD_MS):
        quiet.may_wait_ms(noise(peak, number))
    assert quiet.may_wait_ms(noise(peak)) == DESERTED_PIECE_MS
    return quiet


def test_silence_may_wait_for_longer_the_longer_it_lasts() -> None:
    quiet = Quiet()
    pieces = [quiet.may_wait_ms(bytes(2 * FRAMES)) for _ in range(200)]
    assert pieces == sorted(pieces)
    assert pieces.count(PAUSE_MS) == (SETTLED_MS - BREATH_MS) // PERIOD_MS, "it begins as if there had been a breath"
    assert pieces.count(UNHURRIED_MS) == (DESERTED_MS - SETTLED_MS) // PERIOD_MS
    assert pieces[-1] == DESERTED_PIECE_MS


def test_a_single_click_in_a_quiet_room_is_in_a_hurry_and_what_follows_it_nearly_so() -> None:
    quiet = settled(Quiet())
    click = bytearray(2 * FRAMES)
    click[100:102] = (-20_000).to_bytes(2, "little", signed=True)
    assert quiet.may_wait_ms(bytes(click)) == 0
    after = [quiet.may_wait_ms(bytes(2 * FRAMES)) for _ in range(45)]
    assert after == [PAUSE_MS] * (SETTLED_MS // PERIOD_MS) + [UNHURRIED_MS] * 10


def test_the_noise_of_a_room_is_no_voice_and_a_voice_in_it_is() -> None:
    quiet = settled(Quiet(), peak=900)
    assert quiet.may_wait_ms(noise(9_000)) == 0


def test_a_room_that_becomes_noisy_is_quiet_again_after_a_while() -> None:
    quiet = settled(Quiet())
    assert quiet.may_wait_ms(noise(2_000)) == 0
    assert UNHURRIED_MS in [quiet.may_wait_ms(noise(2_000, number)) for number in range(1_000)]


@pytest.mark.parametrize("pause_ms", [0, BREATH_MS - PERIOD_MS, BREATH_MS, 2 * SETTLED_MS])
def test_speech_under_way_hardly_waits_and_after_a_breath_it_sets_in_anew(pause_ms: int) -> None:
    quiet = settled(Quiet())
    speech = [quiet.may_wait_ms(noise(9_000, number)) for number in range(30)]
    assert speech == [0] * (ONSET_MS // PERIOD_MS) + [UNDERWAY_MS] * (30 - ONSET_MS // PERIOD_MS)
    for _ in range(pause_ms // PERIOD_MS):
        quiet.may_wait_ms(bytes(2 * FRAMES))
    assert quiet.may_wait_ms(noise(9_000)) == (0 if pause_ms >= BREATH_MS else UNDERWAY_MS)


@given(st.integers(0, 200), st.integers(100, 32_767), st.integers(0, SETTLED_MS // PERIOD_MS))
def test_no_voice_that_sets_in_is_kept_waiting_in_a_silent_room_nor_the_pause_behind_it_for_long(
    silence: int, peak: int, pause: int
) -> None:
    quiet = Quiet()
    for _ in range(silence):
        quiet.may_wait_ms(bytes(2 * FRAMES))
    assert quiet.may_wait_ms(np.full(FRAMES, -peak, np.int16).tobytes()) == 0
    assert quiet.may_wait_ms(b"") <= PAUSE_MS, "a period without sound is no trouble"
    assert all(quiet.may_wait_ms(bytes(2 * FRAMES)) == PAUSE_MS for _ in range(pause))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), min_size=1, max_size=8), st.data())
def test_while_nothing_can_be_in_a_hurry_nothing_is(spoken: list[tuple[bool, int]], data: st.DataObject) -> None:
    quiet = Quiet()
    for loud, periods in spoken:
        for number in range(periods):
            quiet.may_wait_ms(noise(9_000, number) if loud else bytes(2 * FRAMES))
    for _ in range(quiet.no_hurry_ms // PERIOD_MS):
        assert quiet.may_wait_ms(noise(9_000) if data.draw(st.booleans()) else bytes(2 * FRAMES)) > 0


def test_only_a_voice_that_has_set_in_leaves_no_hurry_and_only_until_a_breath() -> None:
    quiet = settled(Quiet())
    left = []
    for number in range(ONSET_MS // PERIOD_MS):
        left.append(quiet.no_hurry_ms)
        quiet.may_wait_ms(noise(9_000, number))
    assert left == [0] * len(left)
    for so_far_ms in range(0, BREATH_MS, PERIOD_MS):
        assert quiet.no_hurry_ms == BREATH_MS - so_far_ms
        quiet.may_wait_ms(bytes(2 * FRAMES))
    assert quiet.no_hurry_ms == 0
    assert quiet.may_wait_ms(noise(9_000)) == 0
