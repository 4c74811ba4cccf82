"""Audio on the wire: 16-bit PCM at several rates, G.711, and interleaved stereo with an echo reference.

Source of the format names: the SDK's `InputAudioFormat` and `OutputAudioFormat`, and its live tests, which also use
rates the enumeration does not list.
"""

from __future__ import annotations

import warnings

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from device_daemon.audio.convert import Resampler
from device_daemon.audio.pcm import SAMPLE_RATE_HZ

with warnings.catch_warnings():
    # In the standard library up to Python 3.12, then the package audioop-lts.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Frames = NDArray[np.int16]
OUTPUT_RATES_HZ = {
    "pcm16": 24_000,
    "pcm16_8000hz": 8_000,
    "pcm16_16000hz": 16_000,
    "pcm16_22050hz": 22_050,
    "pcm16_24000hz": 24_000,
    "pcm16_44100hz": 44_100,
    "pcm16_48000hz": 48_000,
    "g711_ulaw": 8_000,
    "g711_alaw": 8_000,
}
"""The values of `output_audio_format`."""

_SAMPLE_BYTES = 2
_TO_G711 = {"g711_ulaw": audioop.lin2ulaw, "g711_alaw": audioop.lin2alaw}
_FROM_G711 = {"g711_ulaw": audioop.ulaw2lin, "g711_alaw": audioop.alaw2lin}


class InputFormat(Struct, frozen=True):
    """The format of the client's audio. Of two channels the first is the microphone, the second its echo reference."""

    encoding: str = "pcm16"
    rate_hz: int = 24_000
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * (_SAMPLE_BYTES if self.encoding == "pcm16" else 1)

    def decode(self, data: bytes) -> tuple[Frames, Frames | None]:
        """Return the microphone's samples and the echo reference, if there is one.

        Args:
            data: complete frames, a multiple of `frame_bytes`.
        """
        if self.encoding in _FROM_G711:
            data = _FROM_G711[self.encoding](data, _SAMPLE_BYTES)
        frames = np.frombuffer(data, np.dtype("<i2"))
        return (frames, None) if self.channels == 1 else (frames[0::2], frames[1::2])


class Encoder:
    """Converts 24 kHz pcm, piece by piece, to one of the formats of `output_audio_format`."""

    def __init__(self, output_format: str) -> None:
        rate_hz = OUTPUT_RATES_HZ[output_format]
        self._to_g711 = _TO_G711.get(output_format)
        self._resampler = None if rate_hz == SAMPLE_RATE_HZ else Resampler(SAMPLE_RATE_HZ, rate_hz)

    def encode(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Return the next piece; the `last` one includes what the resampler still held back."""
        if self._resampler is not None:
            pcm = self._resampler.process(pcm) + (self._resampler.flush() if last else b"")
        return pcm if self._to_g711 is None else self._to_g711(pcm, _SAMPLE_BYTES)
