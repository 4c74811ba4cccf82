"""A chirp is found wherever it is, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from device_daemon.audio.pcm import SILENCE_DBFS
from device_daemon.doctor.chirp import FRAMES_PER_MS, chirps, find, loudness, voice_dbfs

BEGIN_MS = 300
LENGTH_MS = 1_500
WINDOW = (BEGIN_MS * FRAMES_PER_MS, (BEGIN_MS + 500) * FRAMES_PER_MS)


def room(noise: float, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A recording of so much noise (in steps of 16 bit)."""
    return np.random.default_rng(seed).normal(0, 1, LENGTH_MS * FRAMES_PER_MS) * noise


def pcm(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()


@settings(max_examples=25)
@given(
    delay_frames=some.integers(0, 450 * FRAMES_PER_MS),
    level_db=some.floats(-45, 6),
    noise=some.floats(0, 60),
    upside_down=some.booleans(),
    seed=some.integers(0, 1_000),
)
def test_it_is_found_to_the_sample_and_as_loud_as_it_is(
    delay_frames: int, level_db: float, noise: float, upside_down: bool, seed: int
) -> None:
    recording = room(noise, seed)
    sound = np.frombuffer(chirps(), "<i2") * 10 ** (level_db / 20)
    begin = WINDOW[0] + delay_frames
    recording[begin : begin + len(sound)] += -sound if upside_down else sound
    found = find(pcm(recording), *WINDOW)
    assert found is not None
    assert abs(found.frame - begin) <= 1
    assert found.level_db == pytest.approx(level_db, abs=1.5)


@settings(max_examples=25)
@given(noise=some.floats(0, 10_000), hum=some.floats(0, 10_000), seed=some.integers(0, 1_000_000))
def test_in_noise_and_hum_there_is_none(noise: float, hum: float, seed: int) -> None:
    time_s = np.arange(LENGTH_MS * FRAMES_PER_MS) / 24_000
    assert find(pcm(room(noise, seed) + hum * np.sin(2 * np.pi * 50 * time_s)), *WINDOW) is None


def test_one_chirp_alone_or_too_early_is_somebody_elses() -> None:
    sound = np.frombuffer(chirps(), "<i2").astype(np.float64)
    once, early = room(5), room(5)
    once[WINDOW[0] : WINDOW[0] + 200 * FRAMES_PER_MS] += sound[: 200 * FRAMES_PER_MS]
    early[: len(sound)] += sound
    assert find(pcm(once), *WINDOW) is None
    assert find(pcm(early), *WINDOW) is None


def test_a_recording_that_is_too_short_holds_none() -> None:
    assert find(b"", *WINDOW) is None
    assert find(chirps(), *WINDOW) is None


def test_levels_are_those_of_the_sound() -> None:
    half = np.sin(2 * np.pi * 1_000 * np.arange(24_000) / 24_000) * 16_384
    loud = loudness(pcm(half))
    assert loud.level_dbfs == pytest.approx(-9.03, abs=0.01)
    assert loud.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert (loud.clipped_share, loud.dead) == (0.0, False)
    assert loudness(pcm(half * 4)).clipped_share > 0.5


@pytest.mark.parametrize("sample", [0, -1, 500])
def test_a_wire_that_is_stuck_is_dead_at_whatever_value(sample: int) -> None:
    assert loudness(np.full(24_000, sample, "<i2").tobytes()).dead
    assert loudness(np.full(24_000, sample, "<i2").tobytes()).level_dbfs == SILENCE_DBFS


def spoken(*pieces_ms: int, level: float = 3_276.8) -> bytes:
    """Four seconds of a quiet room with so much speech in it, each piece in a second of its own."""
    recording = np.random.default_rng(1).normal(0, 1, 96_000) * 10
    for second, ms in enumerate(pieces_ms):
        at = second * 24_000
        recording[at : at + ms * FRAMES_PER_MS] += level * np.tile([1.0, -1.0], ms * FRAMES_PER_MS // 2)
    return pcm(recording)


@pytest.mark.parametrize("pieces_ms", [(900, 900, 900, 900), (300, 500), (200,)])
def test_a_voice_is_as_loud_as_its_words_however_few_they_are(pieces_ms: tuple[int, ...]) -> None:
    assert voice_dbfs(spoken(*pieces_ms), -70) == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize("recording", [b"", spoken(), spoken(60), spoken(900, level=20.0)])
def test_noise_a_click_and_a_murmur_that_the_noise_covers_are_no_voice(recording: bytes) -> None:
    assert voice_dbfs(recording, -70) is None
