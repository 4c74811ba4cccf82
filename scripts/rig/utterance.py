"""People who talk to the simulated card: espeak-ng's voices at 24 kHz."""

from __future__ import annotations

import subprocess
from typing import Final

import numpy as np

from scripts.rig.tracks import Samples

VOICE_RATE_HZ: Final = 24_000
_ESPEAK_DEADLINE_S: Final = 10
_QUIET: Final = 33  # -60 dBFS


def utterance(text: str, voice: str = "en", words_per_minute: int = 165) -> Samples:
    """Return a sentence as somebody says it: 24 kHz mono, shape (n,), from its first sound to its last."""
    command = ["espeak-ng", "--stdin", "--stdout", "-v", voice, "-s", str(words_per_minute)]
    wav = subprocess.run(
        command, input=text.encode(), capture_output=True, timeout=_ESPEAK_DEADLINE_S, check=True
    ).stdout
    start = wav.index(b"data") + 8  # the length that follows is a placeholder: espeak-ng writes to a pipe
    rate_hz = int.from_bytes(wav[24:28], "little")
    samples = resample(np.frombuffer(wav, np.int16, (len(wav) - start) // 2, start), rate_hz, VOICE_RATE_HZ)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Convert a whole utterance, shape (n,), by its spectrum: exact, and for tests only as it needs all of it at once."""
    if from_hz == to_hz or not len(samples):
        return samples
    pad = from_hz // 20  # what rings past an end falls into silence, not into the other end
    padded = np.pad(samples.astype(np.float64), pad)
    padded = np.pad(
        padded, (0, -len(padded) % from_hz)
    )  # whole seconds, which have a whole number of samples at any rate
    frames = len(padded) // from_hz * to_hz
    wave = np.fft.irfft(np.fft.rfft(padded)[: frames // 2 + 1], frames) * (to_hz / from_hz)
    start = pad * to_hz // from_hz
    kept = wave[start : start + -(-len(samples) * to_hz // from_hz)]
    return np.asarray(np.clip(np.rint(kept), -32768, 32767), np.int16)
