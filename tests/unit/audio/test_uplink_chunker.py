"""The onset of a voice goes out at once, and everything else in chunks of a constant length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.uplink_chunker import CHUNK_MS, PAUSE_MS, UplinkChunker

PERIOD_MS = 20


def noise(peak: int, seed: int = 0, ms: float = PERIOD_MS) -> bytes:
    return np.random.default_rng(seed).integers(-peak, peak + 1, round(24 * ms), np.int16).tobytes()


def silence(ms: float = PERIOD_MS) -> bytes:
    return bytes(2 * round(24 * ms))


def chunks_ms(chunker: UplinkChunker, periods: list[bytes]) -> list[int]:
    """How long the chunks are that these periods make, without the last one if it is not complete."""
    found, open_ms = [], 0
    for pcm in periods:
        open_ms += len(pcm) // 48
        if chunker.add(pcm):
            found.append(open_ms)
            open_ms = 0
    return found


@pytest.mark.parametrize("peak", [0, 900])
def test_a_room_without_a_voice_goes_out_in_chunks_of_60_ms_however_long_it_is_quiet(peak: int) -> None:
    chunker = UplinkChunker()
    first, *chunks = chunks_ms(chunker, [noise(peak, number) for number in range(600)])
    assert first in {PERIOD_MS, 60}, "a noise that begins may be a voice"
    assert set(chunks) == {60}


def test_speech_goes_out_in_the_same_chunks() -> None:
    assert chunks_ms(UplinkChunker(), [noise(9_000, number) for number in range(31)]) == [PERIOD_MS] + [60] * 10


@pytest.mark.parametrize("waiting", [0, 1, 2])
def test_the_onset_of_a_voice_takes_along_at_once_what_waits(waiting: int) -> None:
    chunker = UplinkChunker()
    for _ in range(3 * 10 + waiting):
        chunker.add(silence())
    assert chunker.add(noise(9_000))
    assert chunks_ms(chunker, [silence() for _ in range(9)]) == [60, 60, 60]


def test_a_single_loud_sample_in_a_quiet_room_is_an_onset() -> None:
    chunker = UplinkChunker()
    click = bytearray(silence())
    click[100:102] = (-20_000).to_bytes(2, "little", signed=True)
    assert chunker.add(bytes(click))


@pytest.mark.parametrize(("gap_ms", "onset"), [(PAUSE_MS - PERIOD_MS, False), (PAUSE_MS, True)])
def test_after_a_pause_a_voice_sets_in_anew_and_between_two_words_it_does_not(gap_ms: int, onset: bool) -> None:
    chunker = UplinkChunker()
    chunker.add(noise(9_000))
    for _ in range(gap_ms // PERIOD_MS):
        chunker.add(silence())
    assert chunker.add(noise(9_000)) is onset


def test_the_noise_of_a_room_is_no_voice_and_a_voice_in_it_is() -> None:
    chunker = UplinkChunker()
    periods = [noise(900, number) for number in range(1_000)]
    list(map(chunker.add, periods))
    while not chunker.add(periods[0]):
        pass
    assert not chunker.add(periods[1])
    assert chunker.add(noise(9_000))


@pytest.mark.parametrize("period_ms", [2, 5, 10, 16, 21.333, 32, 43, 50, 100])
def test_a_chunk_is_as_near_to_60_ms_as_whole_periods_allow(period_ms: float) -> None:
    chunks = chunks_ms(UplinkChunker(), [silence(period_ms)] * 200)
    assert all(abs(chunk_ms - CHUNK_MS) <= max(period_ms / 2, period_ms - CHUNK_MS) for chunk_ms in chunks)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 12)), max_size=8), st.integers(2, 50), st.data())
def test_before_the_last_of_the_periods_that_may_be_read_at_once_there_is_nothing_to_decide(
    spoken: list[tuple[bool, int]], period_ms: int, data: st.DataObject
) -> None:
    chunker = UplinkChunker()
    for loud, periods in spoken:
        for number in range(periods):
            chunker.add(noise(9_000, number, period_ms) if loud else silence(period_ms))
    for _ in range(chunker.at_once_ms // period_ms - 1):
        assert not chunker.add(noise(9_000, 0, period_ms) if data.draw(st.booleans()) else silence(period_ms))


def test_while_a_voice_speaks_a_chunk_is_read_at_once_and_while_one_may_set_in_each_period_by_itself() -> None:
    chunker = UplinkChunker()
    assert chunker.at_once_ms == 0
    chunker.add(noise(9_000))
    assert chunker.at_once_ms == CHUNK_MS
    for _ in range(PAUSE_MS // PERIOD_MS):
        chunker.add(silence())
    assert chunker.at_once_ms == 0


def test_a_period_without_sound_is_no_trouble() -> None:
    chunker = UplinkChunker()
    assert not chunker.add(b"")
