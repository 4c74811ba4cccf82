"""What the doctor's sweep says of a room is what the room is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.doctor.chirp import FRAMES_PER_MS
from device_daemon.doctor.echo_path import LEAST_DISTORTION_DB, EchoPath, measure, sweep
from scripts.rig.acoustics import Wave, drifted, impulse_response, rms, soft_clip

BEGIN = 300 * FRAMES_PER_MS
WINDOW = (BEGIN - 20 * FRAMES_PER_MS, BEGIN + 500 * FRAMES_PER_MS)
TAIL = 700 * FRAMES_PER_MS


def recorded(
    *,
    delay_ms: float = 6.0,
    level_db: float = -12.0,
    ceiling: float | None = None,
    ppm: float = 0.0,
    noise: float = 10.0,
    microphone_gain: float = 1.0,
    seed: int = 0,
) -> bytes:
    """The sweep in a room of 120 ms; `ceiling` is where the loudspeaker clips, relative to the loud chirp's peak."""
    played: Wave = np.concatenate([np.zeros(BEGIN), np.frombuffer(sweep(), "<i2").astype(np.float64), np.zeros(TAIL)])
    if ceiling is not None:
        played = soft_clip(played, ceiling * np.abs(played).max())
    response = impulse_response(delay_ms, seed=seed) * 10 ** (level_db / 20)
    size = 1 << (len(played) + len(response)).bit_length()
    heard = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)[: len(played)]
    heard = drifted(heard, ppm) + np.random.default_rng(seed).standard_normal(len(heard)) * noise
    return np.clip(np.rint(heard * microphone_gain), -32_768, 32_767).astype("<i2").tobytes()


def measured(recording: bytes) -> EchoPath:
    path = measure(recording, *WINDOW)
    assert path is not None
    return path


@settings(max_examples=25, deadline=None)
@given(
    delay_ms=some.floats(2, 300),
    level_db=some.floats(-30, -10),
    ppm=some.floats(-200, 200),
    noise=some.floats(1, 30),
    seed=some.integers(0, 1_000),
)
def test_delay_level_and_drift_of_any_linear_room_are_found(
    delay_ms: float, level_db: float, ppm: float, noise: float, seed: int
) -> None:
    path = measured(recorded(delay_ms=delay_ms, level_db=level_db, ppm=ppm, noise=noise, seed=seed))
    assert (path.frame - BEGIN) / FRAMES_PER_MS == pytest.approx(delay_ms, abs=1.0)
    assert path.level_db == pytest.approx(level_db, abs=2.0)
    assert path.drift_ppm == pytest.approx(ppm, abs=10)
    assert path.distortion_db < -15
    assert path.clipped_share == 0.0


@settings(max_examples=15, deadline=None)
@given(ceiling=some.floats(0.1, 0.5), seed=some.integers(0, 1_000))
def test_a_loudspeaker_that_clips_is_told_from_one_that_does_not(ceiling: float, seed: int) -> None:
    clipping = measured(recorded(ceiling=ceiling, seed=seed))
    linear = measured(recorded(seed=seed))
    assert clipping.distortion_db > -20 > linear.distortion_db + 5


def test_a_microphone_that_is_overdriven_by_the_loudspeaker_is_seen() -> None:
    assert measured(recorded(level_db=0.0, microphone_gain=4.0)).clipped_share > 0.1


def test_where_nothing_is_heard_there_is_no_path() -> None:
    silent = np.random.default_rng(1).normal(0, 20, 4 * SAMPLE_RATE_HZ).astype("<i2").tobytes()
    assert measure(silent, *WINDOW) is None


def test_clocks_that_cannot_be_so_far_apart_are_not_reported() -> None:
    recording = np.frombuffer(recorded(), "<i2")
    cut = BEGIN + 1_500 * FRAMES_PER_MS  # 5 ms were lost between the chirps
    assert measured(np.delete(recording, np.s_[cut : cut + 5 * FRAMES_PER_MS]).tobytes()).drift_ppm is None


def test_a_recording_that_ends_early_has_its_level_all_the_same() -> None:
    path = measured(recorded()[: (BEGIN + 1_200 * FRAMES_PER_MS) * 2])
    assert path.level_db == pytest.approx(-12, abs=2)
    assert (path.distortion_db, path.drift_ppm) == (LEAST_DISTORTION_DB, None)


def test_the_sweep_is_no_louder_than_full_scale() -> None:
    samples = np.frombuffer(sweep(), "<i2").astype(float)
    assert np.abs(samples).max() < 32_000
    assert rms(samples) > 1_000
