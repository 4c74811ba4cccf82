"""Sound that has to change its rate, channels or level, in numpy. Imported through `pcm`, and only when needed."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from device_daemon.audio.pcm import SAMPLE_RATE_HZ, CardFormat, SampleFormat, Samples

Floats = npt.NDArray[np.float32]

_ZERO_CROSSINGS: Final = 24
"""Of the filter's sinc to each side, at the lower of the two rates: its delay is 1 ms at 24 kHz."""
_KAISER_BETA: Final = 9.0
_CUTOFF: Final = 0.93
"""Of half the lower rate: flat to 10 kHz at 24 kHz, what would alias above 12.4 kHz is 90 dB down."""
_FEW_PHASES: Final = 8
"""Up to so many, a product for each phase is cheaper than a copy of every window: 24 to 16 kHz in a fifth of the time."""
_RAMP_FRAMES: Final = 5 * SAMPLE_RATE_HZ // 1000
_DTYPE: Final[dict[SampleFormat, npt.DTypeLike]] = {"S16_LE": "<i2", "S32_LE": "<i4"}


class Resampler:
    """Changes the sample rate of a mono stream that comes in pieces of any size.

    A windowed-sinc filter, one set of taps for each phase between two samples. The stream's first sample out stands
    for the same moment as its first sample in; so the last `half` samples in are held back until more follow or
    `flush` is called, and n samples in make ceil(n * to_hz / from_hz) samples out.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        divisor = math.gcd(from_hz, to_hz)
        self._up = to_hz // divisor
        self._down = from_hz // divisor
        self._half = math.ceil(_ZERO_CROSSINGS * max(from_hz, to_hz) / to_hz)
        self._taps = _phases(self._up, self._half, min(1.0, to_hz / from_hz))
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        self._waiting: Floats = np.zeros(self._half - 1, np.float32)
        self._phase = 0  # where the next sample out lies behind the first window's place, in steps of 1/up samples in

    def process(self, pcm: bytes) -> bytes:
        """Return what is ready after another piece: 16-bit in, 16-bit out."""
        return _to_pcm(self.resample(_floats(pcm)))

    def flush(self) -> bytes:
        """Return the rest and start a new stream."""
        rest = self.resample(np.zeros(self._half, np.float32))
        self.reset()
        return _to_pcm(rest)

    def resample(self, samples: Floats) -> Floats:
        """Return what is ready after another piece, shape (n,) in and out."""
        waiting = np.concatenate((self._waiting, samples))
        width = 2 * self._half
        windows_n = len(waiting) - width + 1
        count = max(0, (windows_n * self._up - self._phase + self._down - 1) // self._down)
        if not count:
            self._waiting = waiting
            return np.zeros(0, np.float32)
        windows = np.ndarray((windows_n, width), np.float32, waiting, strides=(4, 4))
        if self._down == 1:
            out = (windows @ self._taps.T).reshape(-1)
        elif self._up <= _FEW_PHASES:
            out = np.empty(count, np.float32)
            for first in range(min(self._up, count)):
                window, phase = divmod(self._phase + first * self._down, self._up)
                every = out[first :: self._up]
                every[:] = windows[window :: self._down][: len(every)] @ self._taps[phase]
        else:
            steps = self._phase + self._down * np.arange(count)
            out = np.einsum("ij,ij->i", windows[steps // self._up], self._taps[steps % self._up])
        consumed, self._phase = divmod(self._phase + count * self._down, self._up)
        self._waiting = waiting[consumed:]
        return np.asarray(out, np.float32)


def _phases(up: int, half: int, band: float) -> Floats:
    """Return the taps for each phase, shape (up, 2 * half), for a stream whose usable share of bandwidth is `band`."""
    phase = np.arange(up)[:, np.newaxis] / up
    distance = phase - np.arange(1 - half, half + 1)  # from each sample in to the sample out
    cutoff = _CUTOFF * band
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0.0, 1.0 - (distance / half) ** 2)))
    taps = np.sinc(cutoff * distance) * window
    # Each phase passes a constant unchanged: else the phases would differ by a hum at the rate they repeat.
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)


class PlaybackConverter:
    """Turns the program's sound into a card's frames: gain, then rate, then channels."""

    def __init__(self, card: CardFormat) -> None:
        self._card = card
        self._resampler = Resampler(SAMPLE_RATE_HZ, card.rate_hz) if card.rate_hz != SAMPLE_RATE_HZ else None
        self._gain: float | None = None
        self.convert(bytes(2 * _RAMP_FRAMES), 1.0)  # the first use of a matrix product takes 8 ms: now, not then
        self.reset()

    def convert(self, pcm: Samples, gain: float) -> bytes:
        """Return the card's frames; a change of gain is spread over 5 ms so that it does not click."""
        samples = _floats(pcm)
        if self._gain is not None and self._gain != gain:
            ramp = min(_RAMP_FRAMES, len(samples))
            samples[:ramp] *= np.linspace(self._gain, gain, ramp, dtype=np.float32)
            samples[ramp:] *= gain
        elif gain != 1.0:
            samples *= gain
        self._gain = gain
        if self._resampler is not None:
            samples = self._resampler.resample(samples)
        return _to_frames(samples, self._card)

    def reset(self) -> None:
        """Start a new stream."""
        self._gain = None
        if self._resampler is not None:
            self._resampler.reset()


class CaptureConverter:
    """Turns a card's frames into the program's sound: channels, then gain, then rate.

    Without a choice of `channel` the two of a stereo card are averaged. Of more than two the first is taken: microphone
    arrays put their processed signal there, and raw or even played channels elsewhere. A channel that the card does not
    have is its last.
    """

    def __init__(self, card: CardFormat, gain_db: float, channel: int | None = None) -> None:
        self._mean = channel is None and card.channels == 2
        self._channel = min(channel or 0, card.channels - 1)
        self._card = card
        self._scale = 10 ** (gain_db / 20) / (65_536 if card.sample_format == "S32_LE" else 1)
        self._resampler = Resampler(card.rate_hz, SAMPLE_RATE_HZ) if card.rate_hz != SAMPLE_RATE_HZ else None

    def convert(self, frames: bytes) -> bytes:
        """Return what is ready after another piece of complete frames."""
        by_channel = np.frombuffer(frames, _DTYPE[self._card.sample_format]).reshape(-1, self._card.channels)
        if self._mean:
            samples = by_channel[:, 0].astype(np.float32)
            samples += by_channel[:, 1]
            samples *= self._scale / 2
        else:
            samples = by_channel[:, self._channel].astype(np.float32)
            samples *= self._scale
        if self._resampler is not None:
            samples = self._resampler.resample(samples)
        return _to_pcm(samples)


def _floats(pcm: Samples) -> Floats:
    return np.frombuffer(pcm, "<i2").astype(np.float32)


def _to_pcm(samples: Floats) -> bytes:
    return np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()


def _to_frames(samples: Floats, card: CardFormat) -> bytes:
    if card.sample_format == "S32_LE":
        # The largest float below 2**31: one more would wrap round.
        frames = np.clip(samples * 65_536, -(2.0**31), 2.0**31 - 128).astype("<i4")
    else:
        frames = np.clip(np.rint(samples), -32_768, 32_767).astype("<i2")
    if card.channels > 1:
        frames = np.repeat(frames, card.channels)
    return frames.tobytes()
