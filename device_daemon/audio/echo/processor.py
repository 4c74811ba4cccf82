"""Cancelling the echo on the device, and telling a person from what is left of it.

Runs in the capture thread, so that no chunk of audio waits for the event loop and the loop never computes.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from device_daemon.audio.echo.cancellers import FRAME_BYTES, FRAME_MS, Canceller
from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.gain import energy, peak
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS

HANGOVER_S: Final = 0.25
"""A room goes on sounding after the loudspeaker: the canceller works for so long after the last sound. Longer, and its
suppression spoils the first words after an interruption (measured: correlation 0.7 after 500 ms, 0.99 after 250)."""
TRAINING_MS: Final = 300
"""So much loudspeaker sound a new canceller needs until it knows the room: AEC3 lets about 200 ms of the very first echo
through. Until then the microphone is silenced: better deaf for a moment than talking to oneself."""
_AUDIBLE_PEAK: Final = 104  # -50 dBFS: what is softer teaches nothing about the room


class DoubleTalkGate:
    """Tells a person from what a canceller leaves of the echo, by how much of the microphone's energy it let through.

    Where only the loudspeaker sounds, AEC3 takes away 20 dB and more; while a person speaks as well, it takes away less.
    A service's turn detection listens to absolute levels and would take a loud rest of the echo for a person.
    """

    OPENS_AT: Final = 10 ** (-13 / 10)
    """Of the energy: measured in rooms with a clipping loudspeaker, the echo's rest stays under -14 dB."""
    STAYS_OPEN_AT: Final = 10 ** (-20 / 10)
    SMOOTHED_FRAMES: Final = 6
    HOLD_FRAMES: Final = 40
    """Words have gaps: it closes after 400 ms without a person."""

    def __init__(self) -> None:
        self._near: deque[int] = deque(maxlen=self.SMOOTHED_FRAMES)
        self._out: deque[int] = deque(maxlen=self.SMOOTHED_FRAMES)
        self._open_for = 0

    def passes(self, near: bytes, out: bytes) -> bool:
        """Return whether a frame is to be heard.

        Args:
            near: 10 ms as the microphone captured it.
            out: the same without echo.
        """
        self._near.append(energy(near))
        self._out.append(energy(out))
        share = sum(self._out) / max(1, sum(self._near))
        if share > (self.STAYS_OPEN_AT if self._open_for else self.OPENS_AT):
            self._open_for = self.HOLD_FRAMES
        elif self._open_for:
            self._open_for -= 1
        return self._open_for > 0


class LocalCancelling:
    """Cancels the echo on the device, in frames of 10 ms, while something sounds and `HANGOVER_S` after."""

    def __init__(self, track: ReferenceTrack, canceller: Canceller) -> None:
        self._track = track
        self._canceller = canceller
        self._gate = DoubleTalkGate()
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
        if not self._track.sounded_since(begins_at_s - HANGOVER_S):
            self._gate = DoubleTalkGate()
            return pcm, begins_at_s + len(pcm) / (BYTES_PER_MS * 1000)
        complete = len(pcm) - len(pcm) % FRAME_BYTES
        self._near = pcm[complete:]
        far = self._track.read(begins_at_s, complete // BYTES_PER_FRAME)
        frames = [
            self._frame(pcm[at : at + FRAME_BYTES], far[at : at + FRAME_BYTES])
            for at in range(0, complete, FRAME_BYTES)
        ]
        return b"".join(frames), begins_at_s + complete / (BYTES_PER_MS * 1000)

    def _frame(self, near: bytes, far: bytes) -> bytes:
        out = self._canceller.process(near, far)
        passes = self._gate.passes(near, out)
        if self._trained_ms < TRAINING_MS and peak(far, BYTES_PER_FRAME) > _AUDIBLE_PEAK:
            self._trained_ms += FRAME_MS
            passes = False
        return out if passes else bytes(len(out))
