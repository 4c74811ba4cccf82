"""Making sound quieter, and telling its peak, without numpy, whose import costs 110 ms and 15 MB."""

from __future__ import annotations

import warnings
from array import array
from typing import Final

from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ, Samples

with warnings.catch_warnings():
    # Python 3.13 has it no more; there it is the package audioop-lts.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

peak: Final = audioop.max
"""`peak(pcm, BYTES_PER_FRAME)`: how far from 0 the loudest sample is, 0..32 768; 0 if there is none."""
_RAMP_FRAMES: Final = 5 * SAMPLE_RATE_HZ // 1000


def interleaved(left: Samples, right: Samples) -> bytes:
    """Return two mono streams of equal length as one of stereo frames."""
    return audioop.add(
        audioop.tostereo(left, BYTES_PER_FRAME, 1, 0), audioop.tostereo(right, BYTES_PER_FRAME, 0, 1), BYTES_PER_FRAME
    )


def energy(pcm: Samples) -> int:
    """Return the mean square of 16-bit samples."""
    return audioop.rms(pcm, BYTES_PER_FRAME) ** 2


class Gain:
    """Scales a stream of the program's own format, piece by piece; pieces of full loudness pass through untouched."""

    def __init__(self) -> None:
        self._gain: float | None = None

    def convert(self, pcm: Samples, gain: float) -> Samples:
        """Return a piece, as loud as `gain` (0..1) says; a change of gain is spread over 5 ms so that it does not click."""
        before, self._gain = self._gain, gain
        if before is None or before == gain:
            return scaled(pcm, gain)
        ramp_bytes = min(_RAMP_FRAMES * BYTES_PER_FRAME, len(pcm))
        pcm = memoryview(pcm)
        return _ramp(pcm[:ramp_bytes], before, gain) + scaled(pcm[ramp_bytes:], gain)

    def reset(self) -> None:
        """Start a new stream: its first gain is no change."""
        self._gain = None


def scaled(pcm: Samples, gain: float) -> Samples:
    """Return every sample times `gain` (0..1), rounded down."""
    return pcm if gain == 1.0 else audioop.mul(pcm, BYTES_PER_FRAME, gain)


def _ramp(pcm: Samples, before: float, after: float) -> bytes:
    """Return samples whose gain goes evenly from one to the other."""
    samples = array("h", bytes(pcm))
    last = max(1, len(samples) - 1)
    for i, sample in enumerate(samples):
        samples[i] = round(sample * (before + (after - before) * i / last))
    return samples.tobytes()
