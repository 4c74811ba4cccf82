"""PCM audio as bytes: the program's own sample format, what a card's format is called, and levels in dBFS.

Inside the program audio is always 24 000 Hz, mono, signed 16-bit little endian, in `bytes`.
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct

SAMPLE_RATE_HZ: Final = 24_000
BYTES_PER_FRAME: Final = 2
BYTES_PER_MS: Final = SAMPLE_RATE_HZ * BYTES_PER_FRAME // 1000
FULL_SCALE: Final = 32_768
SILENCE_DBFS: Final = -96.0
"""What `level_dbfs` says of digital silence: just below one bit."""

Samples = bytes | memoryview
SampleFormat = Literal["S16_LE", "S32_LE"]

_TYPECODE: Final[dict[SampleFormat, str]] = {"S16_LE": "h", "S32_LE": "i"}
_LEVEL_BYTES: Final = 10 * BYTES_PER_MS


class CardFormat(Struct, frozen=True):
    """How a card's samples are laid out: interleaved frames of `channels` samples."""

    rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1
    sample_format: SampleFormat = "S16_LE"

    @property
    def frame_bytes(self) -> int:
        """Size of one frame."""
        return array(_TYPECODE[self.sample_format]).itemsize * self.channels

    def __str__(self) -> str:
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.rate_hz} Hz {channels} {self.sample_format}"


OWN_FORMAT: Final = CardFormat()
"""The program's own format: with it, nothing has to be converted."""


def level_dbfs(pcm: Samples) -> float:
    """Return the effective level of the last 10 ms of `pcm`, in dB under a full-scale square wave.

    Costs some 15 µs: for a level meter, not for every period.
    """
    samples = _samples(memoryview(pcm)[-_LEVEL_BYTES:], "S16_LE")
    power = sum(sample * sample for sample in samples)
    if not power:
        return SILENCE_DBFS
    return max(SILENCE_DBFS, 10.0 * math.log10(power / len(samples) / FULL_SCALE**2))


def volume_gain(percent: int) -> float:
    """Return the factor for a volume of 0..100: cubic, so that every step sounds alike (50 is -18 dB)."""
    return (percent / 100) ** 3


def fade_out(frames: Samples, card: CardFormat) -> bytes:
    """Return `frames`, in the card's format, faded out along half a cosine.

    Without numpy: a flush must not wait for an import, and this is at most 3 ms of sound.
    """
    samples = _samples(frames, card.sample_format)
    weights = _cosine(len(samples) // card.channels)
    channels = card.channels
    faded = (int(sample * weights[i // channels]) for i, sample in enumerate(samples))
    return array(samples.typecode, faded).tobytes()


@lru_cache(maxsize=4)
def _cosine(frames: int) -> tuple[float, ...]:
    """Return weights that fall from 1 to 0, without reaching either."""
    return tuple(0.5 + 0.5 * math.cos(math.pi * (i + 0.5) / frames) for i in range(frames))


def _samples(data: Samples, sample_format: SampleFormat) -> array[int]:
    samples = array(_TYPECODE[sample_format])
    samples.frombytes(data)
    return samples
