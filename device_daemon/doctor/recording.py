"""Buffers that can be awaited: captured sound, playback events, detected wake words."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS, SAMPLE_RATE_HZ
from device_daemon.audio.period import Period
from device_daemon.audio.speaker_events import Failed, Silent, SpeakerEvent, Started
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.errors import SpeakerError

LONGEST_MS = 30_000
"""Bound of a recording: a check that lasts longer has failed."""


class _Observable:
    """Base: state that changes, or fails; `CheckRunner.run` has the deadline of every wait."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._error: SpeakerError | None = None

    def fail(self, error: SpeakerError) -> None:
        """Raise `error` in everybody who waits."""
        self._error = error
        self._changed.set()

    def _tell(self) -> None:
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            if self._error is not None:
                raise self._error
            self._changed.clear()
            await self._changed.wait()


class Recording(_Observable):
    """Captured sound with capture times."""

    def __init__(self) -> None:
        super().__init__()
        self._pcm = bytearray()
        self._ends: list[tuple[int, float]] = []
        """End of each period: frame number (exclusive) and capture time."""

    def take(self, periods: list[Period]) -> None:
        """Add captured periods."""
        for period in periods:
            if self.ms < LONGEST_MS:
                self._pcm += period.pcm
                self._ends.append((len(self._pcm) // BYTES_PER_FRAME, period.captured_at_s))
        self._changed.set()

    @property
    def ms(self) -> int:
        """Length in milliseconds."""
        return len(self._pcm) // BYTES_PER_MS

    def pcm(self, from_ms: int = 0) -> bytes:
        """The PCM from `from_ms` on."""
        return bytes(self._pcm[from_ms * BYTES_PER_MS :])

    async def until_ms(self, ms: int) -> None:
        """Wait until it is `ms` long. Raises the error of the microphone."""
        await self._until(lambda: self.ms >= ms)

    async def until_time(self, at_s: float) -> None:
        """Wait until it holds the sound of the time `at_s`. Raises the error of the microphone."""
        await self._until(lambda: bool(self._ends) and self._ends[-1][1] >= at_s)

    def time_of(self, frame: int) -> float:
        """Capture time of a frame (time.monotonic), from the time of its period."""
        end, end_s = next((period for period in self._ends if period[0] > frame), self._ends[-1])
        return end_s - (end - frame) / SAMPLE_RATE_HZ

    def frame_at(self, at_s: float) -> int:
        """The frame that was captured at a time."""
        end, end_s = next((period for period in self._ends if period[1] > at_s), self._ends[-1])
        return end - round((end_s - at_s) * SAMPLE_RATE_HZ)


class PlaybackEvents(_Observable):
    """Events of the speaker."""

    def __init__(self) -> None:
        super().__init__()
        self._started: dict[str, float] = {}
        self._silent: dict[int, float] = {}

    def take(self, event: SpeakerEvent) -> None:
        """Add an event."""
        match event:
            case Started(source, at_s):
                self._started[source] = at_s
            case Silent(ticket, at_s):
                self._silent[ticket] = at_s
            case Failed(error):
                self.fail(error)
            case _:
                pass
        self._changed.set()

    async def until_started(self, source: str) -> float:
        """Wait for its first audible sample and return its time. Raises the error of the speaker."""
        await self._until(lambda: source in self._started)
        return self._started[source]

    async def until_silent(self, ticket: int) -> float:
        """Wait until it was played and return the time. Raises the error of the speaker."""
        await self._until(lambda: ticket in self._silent)
        return self._silent[ticket]


class WakeWordEvents(_Observable):
    """Input and detections of the wake word engine."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = 0
        self._ended_s: dict[str, float] = {}
        """When each word ended the last time it was detected."""

    def listened(self, frames: int) -> None:
        """Set the number of frames the engine has received."""
        self._frames = frames
        self._changed.set()

    def take(self, trigger: WakeWordTrigger, ends_at_s: float) -> None:
        """Add a detection."""
        self._ended_s[trigger.word] = ends_at_s
        self._changed.set()

    async def until_listened(self, ms: int) -> None:
        """Wait until the engine received `ms` of sound. Raises the error of microphone or engine."""
        await self._until(lambda: self._frames * 1000 >= ms * SAMPLE_RATE_HZ)

    async def until_heard(self, word: str, after_s: float) -> None:
        """Wait for a detection of `word` after `after_s`. Raises the error of microphone or engine."""
        await self._until(lambda: self._ended_s.get(word, -math.inf) > after_s)
