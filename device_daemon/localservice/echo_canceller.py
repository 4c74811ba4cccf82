"""Acoustic echo cancellation (AEC), with the reference that the client sends beside its microphone or with what was sent.

WebRTC's AEC3, from the optional extra `echo` (pywebrtc-audio), as the device itself may use it. Measured at 24 kHz with
espeak voices in a simulated room of 120 ms: the echo alone starts no turn, and a person 6 dB under it does; 20 to 42 ms
of processor time per second of audio.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from device_daemon.localservice.audio_formats import Frames

_BLOCK_MS = 10
"""What AEC3 works on at once."""


class ReferenceEchoCanceller:
    """Removes the echo of a reference from a microphone, as one continuous stream in pieces of any size."""

    def __init__(self, process: Callable[[Frames, Frames], Frames], rate_hz: int) -> None:
        self._process = process
        self._block_frames = rate_hz * _BLOCK_MS // 1000
        self._near: Frames = np.empty(0, np.int16)
        self._far: Frames = np.empty(0, np.int16)

    def cancel(self, microphone: Frames, reference: Frames) -> Frames:
        """Return the microphone without echo; less than 10 ms are held back until more audio follows.

        Args:
            microphone: shape (n,), at the stream's rate.
            reference: shape (n,), what the loudspeaker played at the same moment.
        """
        self._near = np.concatenate((self._near, microphone))
        self._far = np.concatenate((self._far, reference))
        end = len(self._near) // self._block_frames * self._block_frames
        blocks = [
            self._process(self._near[at : at + self._block_frames], self._far[at : at + self._block_frames])
            for at in range(0, end, self._block_frames)
        ]
        self._near, self._far = self._near[end:], self._far[end:]
        return np.concatenate(blocks) if blocks else np.empty(0, np.int16)

    def rest(self) -> Frames:
        """Return what was held back, as it came: nothing sounds any more."""
        rest, self._near, self._far = self._near, self._near[:0], self._far[:0]
        return rest


def webrtc_canceller(rate_hz: int) -> ReferenceEchoCanceller | None:
    """Return a canceller for a stream of this rate; None where the extra `echo` is not installed."""
    try:
        from pywebrtc_audio import AudioProcessor  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return ReferenceEchoCanceller(AudioProcessor(sample_rate=rate_hz, echo_cancellation=True).process, rate_hz)
