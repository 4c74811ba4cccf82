"""One piece of microphone audio with the time at which it was captured."""

from __future__ import annotations

from msgspec import Struct

from device_daemon.audio.pcm import BYTES_PER_MS


class Period(Struct, frozen=True):
    """24 kHz mono S16LE from the microphone, one period of the card's or what an echo canceller made of it."""

    pcm: bytes
    captured_at_s: float
    """`time.monotonic()` of the end of its last sample."""
    reference: bytes = b""
    """What the loudspeaker played meanwhile, of the same length; b"" for silence, or where nobody needs it."""

    @property
    def begins_at_s(self) -> float:
        """`time.monotonic()` of its first sample."""
        return self.captured_at_s - len(self.pcm) / (BYTES_PER_MS * 1000)
