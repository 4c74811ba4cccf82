"""Sound as it goes over the wire: PCM at several rates and G.711, to and from 16-bit samples."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from device_daemon.audio.convert import Resampler
from device_daemon.audio.pcm import SAMPLE_RATE_HZ

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


class InputFormat(Struct, frozen=True):
    """What a client said it sends; with two channels the second is its echo reference."""

    encoding: str = "pcm16"
    rate_hz: int = 24_000
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * (2 if self.encoding == "pcm16" else 1)

    def decode(self, data: bytes) -> tuple[Frames, Frames | None]:
        """Return the microphone's samples and the echo reference, if there is one; `data` holds whole frames."""
        if self.encoding == "g711_ulaw":
            return _ULAW_TO_PCM[np.frombuffer(data, np.uint8)], None
        if self.encoding == "g711_alaw":
            return _ALAW_TO_PCM[np.frombuffer(data, np.uint8)], None
        frames = np.frombuffer(data, np.dtype("<i2"))
        return (frames, None) if self.channels == 1 else (frames[0::2], frames[1::2])


class Encoder:
    """Turns pcm at 24 kHz, piece by piece, into one of the formats of `output_audio_format`."""

    def __init__(self, output_format: str) -> None:
        rate_hz = OUTPUT_RATES_HZ[output_format]
        self._companding = {"g711_ulaw": ulaw, "g711_alaw": alaw}.get(output_format)
        self._resampler = None if rate_hz == SAMPLE_RATE_HZ else Resampler(SAMPLE_RATE_HZ, rate_hz)

    def encode(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Return the next piece; the `last` one carries what the resampler still held."""
        if self._resampler is not None:
            pcm = self._resampler.process(pcm) + (self._resampler.flush() if last else b"")
        if self._companding is None:
            return pcm
        return self._companding(np.frombuffer(pcm, np.dtype("<i2")))


def ulaw(frames: Frames) -> bytes:
    """Return G.711 mu-law, one byte a sample."""
    magnitude = np.minimum(np.abs(frames.astype(np.int32)), 32_635) + 0x84
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(frames < 0, 0x80, 0)
    code: NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return code.tobytes()


def alaw(frames: Frames) -> bytes:
    """Return G.711 A-law, one byte a sample."""
    magnitude = np.minimum(np.where(frames < 0, -1 - frames.astype(np.int32), frames.astype(np.int32)), 32_767) >> 3
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    mantissa = np.where(exponent > 0, magnitude >> exponent, magnitude >> 1) & 0x0F
    sign = np.where(frames < 0, 0x00, 0x80)
    code: NDArray[np.uint8] = ((sign | (exponent << 4) | mantissa) ^ 0x55).astype(np.uint8)
    return code.tobytes()


def _ulaw_table() -> Frames:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 0x07)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Frames:
    code = np.arange(256) ^ 0x55
    exponent = (code >> 4) & 0x07
    step = (code & 0x0F) << 4
    magnitude = np.where(exponent == 0, step + 8, (step + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_ULAW_TO_PCM = _ulaw_table()
_ALAW_TO_PCM = _alaw_table()
