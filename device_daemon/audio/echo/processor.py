"""Cancelling the echo on the device.

Runs in the capture thread, so that no chunk of audio waits for the event loop and the loop never computes.
"""

from __future__ import annotations

from typing import Final

from device_daemon.audio.echo.cancellers import FRAME_BYTES, FRAME_MS, Canceller
from device_daemon.audio.echo.presence import EchoPresence
from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.gain import peak
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS

HANGOVER_S: Final = 0.25
"""A room goes on sounding after the loudspeaker: the canceller works for so long after the last sound. Longer, and its
suppression spoils the first words after an interruption (measured: correlation 0.7 after 500 ms, 0.99 after 250)."""
TRAINING_MS: Final = 300
"""So much loudspeaker sound a new canceller needs until it knows the room: AEC3 lets about 200 ms of the very first echo
through. Until then the microphone is silenced: better deaf for a moment than talking to oneself."""
_AUDIBLE_PEAK: Final = 104  # -50 dBFS: what is softer teaches nothing about the room


class LocalCancelling:
    """Cancels the echo on the device, in frames of 10 ms, while something sounds and `HANGOVER_S` after.

    What the canceller leaves is sent as it is. A gate for what lets through little (-13 dB over 60 ms) was tried: it
    spared turn detection nothing that lasts 120 ms, and an interruption was noticed 40 ms later, the slowest of twenty
    300 ms later (scripts/bench echo).
    """

    def __init__(self, track: ReferenceTrack, canceller: Canceller, presence: EchoPresence) -> None:
        """`presence` says whether there is an echo to cancel; it is given all that is captured."""
        self._track = track
        self._canceller = canceller
        self._presence = presence
        self._near = b""
        self._trained_ms = 0

    def process(self, pcm: bytes, begins_at_s: float) -> tuple[bytes, float]:
        """Return microphone audio without echo, and when its last sample was captured.

        Args:
            pcm: 24 kHz mono S16LE of any length.
            begins_at_s: when its first sample was captured (time.monotonic).

        Returns:
            Up to 10 ms less, or more, than it was given: a frame is processed once it is complete.
        """
        begins_at_s -= len(self._near) / (BYTES_PER_MS * 1000)
        pcm, self._near = self._near + pcm, b""
        sounds = self._track.sounded_since(begins_at_s - HANGOVER_S)
        complete = len(pcm) - len(pcm) % FRAME_BYTES
        far = self._track.read(begins_at_s, complete // BYTES_PER_FRAME) if sounds else bytes(complete)
        if not self._presence.observe(pcm[:complete], far):
            self._trained_ms = 0  # another room, if the loudspeaker is ever heard again
            sounds = False
        if not sounds:
            return pcm, begins_at_s + len(pcm) / (BYTES_PER_MS * 1000)
        self._near = pcm[complete:]
        frames = [
            self._frame(pcm[at : at + FRAME_BYTES], far[at : at + FRAME_BYTES])
            for at in range(0, complete, FRAME_BYTES)
        ]
        return b"".join(frames), begins_at_s + complete / (BYTES_PER_MS * 1000)

    def _frame(self, near: bytes, far: bytes) -> bytes:
        out = self._canceller.process(near, far)
        if self._trained_ms < TRAINING_MS and peak(far, BYTES_PER_FRAME) > _AUDIBLE_PEAK:
            self._trained_ms += FRAME_MS
            return bytes(len(out))
        return out
