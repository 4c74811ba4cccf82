"""The ways to handle echo, as the echo benchmark compares them: each stands between a microphone and the turn detection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from device_daemon.audio.echo.cancellers import CANCELLERS, FRAME_BYTES, Canceller
from device_daemon.audio.echo.presence import EchoPresence
from device_daemon.audio.echo.processor import LocalCancelling
from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ
from device_daemon.localservice.assumed_playback import AssumedPlayback
from device_daemon.localservice.echo_canceller import webrtc_canceller
from scripts.benchmark.command_line import CannotMeasure
from scripts.benchmark.echo_room import CHUNK

ROUND_TRIP_CHUNKS: Final = 2
"""service: from the moment the service sends a sound until its echo is back there: a network of 80 ms there and back, and
40 ms in the device."""


class Way:
    """What arrives at the turn detection. This one has no canceller at all; it knows what was played, as the device does."""

    def __init__(self) -> None:
        self._track = ReferenceTrack()
        self._run_starts_s: float | None = None

    def process(self, near: bytes, begins_at_s: float) -> bytes:
        """Return what the turn detection hears of a chunk of the microphone's."""
        del begins_at_s
        return near

    def plays(self, sound: bytes, at_s: float) -> None:
        """The loudspeaker plays a sound from a time on, behind the one before."""
        if self._run_starts_s is None:
            self._run_starts_s = at_s
            self._track.begin()
        self._track.write(sound)
        self._track.anchor(self._run_starts_s)

    def stops(self, at_s: float) -> None:
        """The loudspeaker falls silent."""
        if self._run_starts_s is not None:
            self._track.cut(round((at_s - self._run_starts_s) * SAMPLE_RATE_HZ))
            self._run_starts_s = None


class OnTheDevice(Way):
    """local: the device cancels, and sends what is left."""

    def __init__(self, canceller: Canceller) -> None:
        super().__init__()
        self._cancelling = LocalCancelling(self._track, canceller, EchoPresence())

    def process(self, near: bytes, begins_at_s: float) -> bytes:
        """Return what the device's canceller leaves."""
        return self._cancelling.process(near, begins_at_s)[0]


class WithClientReference(Way):
    """client-reference: the device sends both channels, the service cancels one with the other."""

    def __init__(self, canceller: Canceller) -> None:
        super().__init__()
        self._canceller = canceller

    def process(self, near: bytes, begins_at_s: float) -> bytes:
        """Return what the service's canceller leaves of the first channel."""
        far = self._track.read(begins_at_s, len(near) // BYTES_PER_FRAME)
        return b"".join(
            self._canceller.process(near[at : at + FRAME_BYTES], far[at : at + FRAME_BYTES])
            for at in range(0, len(near), FRAME_BYTES)
        )


class WithServerReference(Way):
    """service: the service cancels with what it sent, as the local one does: from the moment it sent it."""

    def __init__(self) -> None:
        super().__init__()
        canceller = webrtc_canceller(SAMPLE_RATE_HZ)
        if canceller is None:
            raise CannotMeasure("the canceller of the service is not installed: scripts/setup")
        self._canceller = canceller
        self._playback = AssumedPlayback()
        self._on_its_way: deque[tuple[bytes, float]] = deque()

    def process(self, near: bytes, begins_at_s: float) -> bytes:
        """Return what the service's canceller leaves of a chunk that arrives now: it was captured a while ago."""
        self._on_its_way.append((near, begins_at_s))
        if len(self._on_its_way) <= ROUND_TRIP_CHUNKS:
            return b""
        near, begins_at_s = self._on_its_way.popleft()
        frames = np.frombuffer(near, np.int16)
        arrives_s = begins_at_s + (len(frames) + ROUND_TRIP_CHUNKS * CHUNK) / SAMPLE_RATE_HZ
        sent = self._playback.reference(len(frames), arrives_s)
        left = (
            np.concatenate([self._canceller.rest(), frames]) if sent is None else self._canceller.cancel(frames, sent)
        )
        return left.tobytes()

    def plays(self, sound: bytes, at_s: float) -> None:
        """The service sent it before it is heard; both ways are counted on the microphone's side."""
        self._playback.sent("answer", sound, at_s)

    def stops(self, at_s: float) -> None:
        """The service takes it for silent as soon as it says so."""
        self._playback.interrupted(at_s)


WAYS: Final[dict[str, Callable[[], Way]]] = {
    "none": Way,
    "local aec3": lambda: OnTheDevice(CANCELLERS["aec3"]()),
    "local speexdsp": lambda: OnTheDevice(CANCELLERS["speexdsp"]()),
    "client-reference": lambda: WithClientReference(CANCELLERS["aec3"]()),
    "service": WithServerReference,
}
