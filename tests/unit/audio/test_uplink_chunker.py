"""A voice that sets in is never kept waiting, speech under way hardly, a quiet room for longer."""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.gain import peak as peak_of
from device_daemon.audio.pcm import BYTES_PER_FRAME
from device_daemon.audio.uplink_chunker import (
    BREATH_MS,
    DESERTED_MS,
    DESERTED_PIECE_MS,
    NOW_MS,
    ONSET_MS,
    PAUSE_MS,
    SETTING_IN_MS,
    SETTING_IN_PIECE_MS,
    SETTLED_MS,
    UNDERWAY_MS,
    UNHURRIED_MS,
    UplinkChunker,
)

PERIOD_MS = 20
FRAMES = 24 * PERIOD_MS


def noise(peak: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).integers(-peak, peak + 1, FRAMES, np.int16).tobytes()


def settled(quiet: UplinkChunker, peak: int = 0) -> UplinkChunker:
    for number in range(20 * SETTLED_MS // PERIOD_MS):
        quiet.may_wait_ms(noise(peak, number))
    assert quiet.may_wait_ms(noise(peak)) == DESERTED_PIECE_MS
    return quiet


def test_silence_may_wait_for_longer_the_longer_it_lasts() -> None:
    quiet = UplinkChunker()
    pieces = [quiet.may_wait_ms(bytes(2 * FRAMES)) for _ in range(200)]
    assert pieces == sorted(pieces)
    assert pieces.count(PAUSE_MS) == (SETTLED_MS - BREATH_MS) // PERIOD_MS, "it begins as if there had been a breath"
    assert pieces.count(UNHURRIED_MS) == (DESERTED_MS - SETTLED_MS) // PERIOD_MS
    assert pieces[-1] == DESERTED_PIECE_MS


def test_a_single_click_in_a_quiet_room_is_in_a_hurry_and_what_follows_it_nearly_so() -> None:
    quiet = settled(UplinkChunker())
    click = bytearray(2 * FRAMES)
    click[100:102] = (-20_000).to_bytes(2, "little", signed=True)
    assert quiet.may_wait_ms(bytes(click)) == 0
    after = [quiet.may_wait_ms(bytes(2 * FRAMES)) for _ in range(SETTLED_MS // PERIOD_MS + 10)]
    assert after.count(UNDERWAY_MS) == BREATH_MS // PERIOD_MS - 1, "nobody takes that little for the end"
    assert after == sorted(after, key=[UNDERWAY_MS, NOW_MS, PAUSE_MS, UNHURRIED_MS].index)
    assert after.count(UNHURRIED_MS) == 10


def test_the_noise_of_a_room_is_no_voice_and_a_voice_in_it_is() -> None:
    quiet = settled(UplinkChunker(), peak=900)
    assert quiet.may_wait_ms(noise(9_000)) == 0


def test_a_room_that_becomes_noisy_is_quiet_again_after_a_while() -> None:
    quiet = settled(UplinkChunker())
    assert quiet.may_wait_ms(noise(2_000)) == 0
    assert UNHURRIED_MS in [quiet.may_wait_ms(noise(2_000, number)) for number in range(1_000)]


@pytest.mark.parametrize("pause_ms", [0, BREATH_MS - PERIOD_MS, BREATH_MS, 2 * SETTLED_MS])
def test_speech_under_way_hardly_waits_and_after_a_breath_it_sets_in_anew(pause_ms: int) -> None:
    quiet = settled(UplinkChunker())
    speech = [quiet.may_wait_ms(noise(9_000, number)) for number in range(30)]
    onset, setting_in = ONSET_MS // PERIOD_MS, (SETTING_IN_MS - ONSET_MS) // PERIOD_MS
    assert speech == [0] * onset + [SETTING_IN_PIECE_MS] * setting_in + [UNDERWAY_MS] * (30 - onset - setting_in)
    for _ in range(pause_ms // PERIOD_MS):
        quiet.may_wait_ms(bytes(2 * FRAMES))
    assert quiet.may_wait_ms(noise(9_000)) == (0 if pause_ms >= BREATH_MS else UNDERWAY_MS)


@given(st.integers(0, 200), st.integers(100, 32_767), st.integers(0, SETTLED_MS // PERIOD_MS))
def test_no_voice_that_sets_in_is_kept_waiting_in_a_silent_room_nor_the_pause_behind_it_for_long(
    silence: int, peak: int, pause: int
) -> None:
    quiet = UplinkChunker()
    for _ in range(silence):
        quiet.may_wait_ms(bytes(2 * FRAMES))
    assert quiet.may_wait_ms(np.full(FRAMES, -peak, np.int16).tobytes()) == 0
    assert quiet.may_wait_ms(b"") <= UNDERWAY_MS, "a period without sound is no trouble"
    breath = BREATH_MS // PERIOD_MS
    told = [UNDERWAY_MS] * (breath - 1) + [NOW_MS] + [PAUSE_MS] * (SETTLED_MS // PERIOD_MS - breath)
    assert [quiet.may_wait_ms(bytes(2 * FRAMES)) for _ in range(pause)] == told[:pause]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), min_size=1, max_size=8), st.data())
def test_while_nothing_can_be_in_a_hurry_nothing_is(spoken: list[tuple[bool, int]], data: st.DataObject) -> None:
    quiet = UplinkChunker()
    for loud, periods in spoken:
        for number in range(periods):
            quiet.may_wait_ms(noise(9_000, number) if loud else bytes(2 * FRAMES))
    for _ in range(quiet.no_hurry_ms // PERIOD_MS):
        assert quiet.may_wait_ms(noise(9_000) if data.draw(st.booleans()) else bytes(2 * FRAMES)) > 0


def handed_over(peaks: list[int], *, tell_all: bool) -> list[tuple[int, bool]]:
    """Return the pieces in which a stream would be handed over: how many periods, and whether in a hurry."""
    quiet, held = UplinkChunker(), 0
    pieces: list[tuple[int, bool]] = []
    untold: list[bytes] = []
    calm = quiet.calm(0)
    for number, peak in enumerate(peaks):
        pcm = noise(peak, number) if peak else bytes(2 * FRAMES)
        held += 1
        if not tell_all and len(untold) < calm.periods and calm.above < peak_of(pcm, BYTES_PER_FRAME) <= calm.up_to:
            untold.append(pcm)
            continue
        patience_ms = quiet.may_wait_ms(pcm, untold)
        untold = []
        if held * PERIOD_MS >= patience_ms:
            pieces.append((held, not patience_ms))
            held = 0
        calm = quiet.calm(patience_ms // PERIOD_MS - held - 1)
    return pieces


@given(st.lists(st.tuples(st.sampled_from([0, 20, 50, 120, 300, 900, 9_000]), st.integers(1, 60)), max_size=8))
def test_what_is_told_to_be_no_news_is_none(stretches: list[tuple[int, int]]) -> None:
    peaks = [peak for peak, periods in stretches for _ in range(periods)]
    # With a loud end, by which all that was held back is handed over.
    assert handed_over([*peaks, 20_000], tell_all=False) == handed_over([*peaks, 20_000], tell_all=True)


@pytest.mark.parametrize("spoken", range(1, 50))
def test_where_services_take_a_pause_for_the_end_a_piece_ends(spoken: int) -> None:
    pieces = handed_over([9_000] * spoken + [0] * (SETTLED_MS // PERIOD_MS), tell_all=False)
    ends_ms = [(end - spoken) * PERIOD_MS for end in accumulate(periods for periods, _ in pieces)]
    assert {200, 500} < set(ends_ms)
    assert max(after - before for before, after in pairwise(ends_ms)) <= UNDERWAY_MS


def test_in_a_quiet_room_one_period_of_a_piece_is_news_and_in_speech_each() -> None:
    quiet = settled(UplinkChunker(), peak=900)
    assert quiet.calm(DESERTED_PIECE_MS // PERIOD_MS - 1).periods == DESERTED_PIECE_MS // PERIOD_MS - 1
    quiet.may_wait_ms(noise(9_000))
    assert quiet.calm(10).periods == 0
    quiet.may_wait_ms(bytes(2 * FRAMES))
    assert quiet.calm(10).periods == 0, "a short gap is part of it"


def test_only_a_voice_that_has_set_in_leaves_no_hurry_and_only_until_a_breath() -> None:
    quiet = settled(UplinkChunker())
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
