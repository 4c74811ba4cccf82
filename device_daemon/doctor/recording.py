"""What the microphone gave, the speaker told and the wake words' engine heard, so that it can be waited for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from device_daemon.audio.microphone import Period
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS, SAMPLE_RATE_HZ
from device_daemon.audio.speaker_events import Failed, Silent, SpeakerEvent, Started
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.errors import SpeakerError

LONGEST_MS = 30_000
"""More is not kept: a check that lasts so long has failed."""


class _News:
    """Something that changes and can break; waiting has no deadline here, `Rounds.look` has it."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._error: SpeakerError | None = None

    def fail(self, error: SpeakerError) -> None:
        """Whoever waits gets this."""
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


class Recording(_News):
    """Sound with its times."""

    def __init__(self) -> None:
        super().__init__()
        self._pcm = bytearray()
        self._ends: list[tuple[int, float]] = []
        """Of each period: the frame after its last one, and when that was."""

    def take(self, periods: list[Period]) -> None:
        """Add what was captured."""
        for period in periods:
            if self.ms < LONGEST_MS:
                self._pcm += period.pcm
                self._ends.append((len(self._pcm) // BYTES_PER_FRAME, period.captured_at_s))
        self._tell()

    @property
    def ms(self) -> int:
        """How long it is."""
        return len(self._pcm) // BYTES_PER_MS

    def pcm(self, from_ms: int = 0) -> bytes:
        """The sound, from there on."""
        return bytes(self._pcm[from_ms * BYTES_PER_MS :])

    async def lasts(self, ms: int) -> None:
        """Wait until it is that long. Raises what the microphone failed with."""
        await self._until(lambda: self.ms >= ms)

    async def reaches(self, at_s: float) -> None:
        """Wait until it holds what was to be heard at that time. Raises what the microphone failed with."""
        await self._until(lambda: bool(self._ends) and self._ends[-1][1] >= at_s)

    def time_of(self, frame: int) -> float:
        """When a frame was to be heard (time.monotonic), by the clock of the period it came in."""
        end, end_s = next((period for period in self._ends if period[0] > frame), self._ends[-1])
        return end_s - (end - frame) / SAMPLE_RATE_HZ

    def frame_at(self, at_s: float) -> int:
        """Which frame was to be heard at a time."""
        end, end_s = next((period for period in self._ends if period[1] > at_s), self._ends[-1])
        return end - round((end_s - at_s) * SAMPLE_RATE_HZ)


class Playing(_News):
    """What the speaker said of what it was given to play."""

    def __init__(self) -> None:
        super().__init__()
        self._started: dict[str, float] = {}
        self._silent: dict[int, float] = {}

    def take(self, event: SpeakerEvent) -> None:
        """Note an event."""
        match event:
            case Started(source, at_s):
                self._started[source] = at_s
            case Silent(ticket, at_s):
                self._silent[ticket] = at_s
            case Failed(error):
                self.fail(error)
            case _:
                pass
        self._tell()

    async def until_started(self, source: str) -> float:
        """When its first sample was audible. Raises what the speaker failed with."""
        await self._until(lambda: source in self._started)
        return self._started[source]

    async def until_silent(self, ticket: int) -> float:
        """When all of it was heard. Raises what the speaker failed with."""
        await self._until(lambda: ticket in self._silent)
        return self._silent[ticket]


class Listening(_News):
    """What the wake words' engine was given, and what it heard in it."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = 0
        self._ended_s: dict[str, float] = {}
        """When each word ended the last time it was heard."""

    def listened(self, frames: int) -> None:
        """Note how much it was given so far."""
        self._frames = frames
        self._tell()

    def take(self, trigger: WakeWordTrigger, ends_at_s: float) -> None:
        """Note a word."""
        self._ended_s[trigger.word] = ends_at_s
        self._tell()

    async def until_listened(self, ms: int) -> None:
        """Wait until it was given so much. Raises what the microphone or the engine failed with."""
        await self._until(lambda: self._frames * 1000 >= ms * SAMPLE_RATE_HZ)

    async def until_heard(self, word: str, after_s: float) -> None:
        """Wait until that word was said after that time. Raises what the microphone or the engine failed with."""
        await self._until(lambda: self._ended_s.get(word, -math.inf) > after_s)
