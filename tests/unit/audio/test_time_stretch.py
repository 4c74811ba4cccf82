"""Time stretching: longer, at the same pitch and level, for any sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.audio.time_stretch import slower


@pytest.mark.parametrize("pitch_hz", [90.0, 220.0, 440.0])
def test_a_tone_takes_longer_and_keeps_its_pitch_and_level(pitch_hz: float) -> None:
    times = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = (8000 * np.sin(2 * np.pi * pitch_hz * times)).astype(np.int16)
    slow = np.frombuffer(slower(tone.tobytes(), 1.35), np.int16)[2400:-2400].astype(float)
    spectrum = np.abs(np.fft.rfft(slow * np.hanning(len(slow))))
    assert abs(np.argmax(spectrum) * SAMPLE_RATE_HZ / len(slow) - pitch_hz) < 1.0
    assert np.sqrt(np.mean(slow**2)) == pytest.approx(8000 / np.sqrt(2), rel=0.1)


@given(st.integers(0, 9000), st.floats(1.0, 2.0), st.integers(0, 9))
def test_any_sound_has_the_length_that_was_asked_for(frames: int, factor: float, seed: int) -> None:
    sound = np.random.default_rng(seed).integers(-32768, 32767, frames, np.int16)
    slow = np.frombuffer(slower(sound.tobytes(), factor), np.int16)
    assert len(slow) in {frames, int(frames * factor)}
    assert len(slow) >= frames
