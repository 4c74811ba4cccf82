"""The ring buffer of a playback card: fill level, position, underruns (xruns), and what would be heard next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from device_daemon.audio.alsa import XRUN, Stream
from device_daemon.audio.card_clock import CardClock
from device_daemon.audio.pcm import Samples

_START_S: Final = 2.0
"""A card may take so long from the order to start to the first move of its pointer."""
_STALL_S: Final = 0.5
"""A running card whose pointer stands still for so long has stalled: sound servers die without an error. Never less
than 4 periods."""


class CardWriter:
    """Writes to a playback stream and keeps account of it.

    Positions are the card's frames since it was last stopped by `stop`; an underrun does not reset them.
    """

    def __init__(self, stream: Stream, now: Callable[[], float]) -> None:
        got = stream.negotiated
        self._stream = stream
        self._now = now
        self._rate_hz = got.card.rate_hz
        self._frame_bytes = got.card.frame_bytes
        self._buffer_frames = got.buffer_frames
        self._clock = CardClock(got.card.rate_hz, got.period_frames)
        self._origin = 0  # the position at which the card's pointer was 0
        self._ahead: deque[tuple[int, memoryview]] = (
            deque()
        )  # (where it ends, frames) that were not yet heard to their end
        self.running = False
        self.written = 0
        self._period_frames = got.period_frames
        self._refill_frames = max(
            got.period_frames, min(got.buffer_frames * 2 // 3, got.buffer_frames - got.period_frames)
        )
        self._began_with_period = False  # the first write since it stood still filled a period
        self._room = got.buffer_frames
        self.underruns = 0

    @property
    def origin(self) -> int:
        """The position at which the card last started: 0, but after an underrun."""
        return self._origin

    @property
    def room(self) -> int:
        """How many frames to write now, so that the card is full up to the end of a period; 0: rather wait.

        A card wakes its writer at the end of a period, and only if a period's room is free by then: one frame too many
        and it sleeps through until the next.
        """
        end = self.written - self._origin
        return max(0, (end + self._room) // self._period_frames * self._period_frames - end)

    @property
    def low_at_s(self) -> float:
        """When two thirds of a card that is full should have been heard, but for a period at least."""
        return self.time_of(self.written - self._buffer_frames + self._refill_frames)

    @property
    def room_at_s(self) -> float:
        """When there should be room for a period in a card that is full."""
        return self.time_of(self.written - self._buffer_frames + self._period_frames)

    @property
    def playable(self) -> int:
        """How far what was written will be played as it is: alsa-lib's rate converter keeps back what fills no period.

        With not even one it does not start, and so nothing can run dry.
        """
        since_start = self.written - self._origin
        rest = since_start % self._period_frames
        return self.written - rest if since_start > rest else self.written

    @property
    def started(self) -> bool:
        """Whether it is certain that a card that runs has started; see `playable`."""
        return self._began_with_period or self._clock.anchored

    @property
    def anchored_at_s(self) -> float | None:
        """When the pointer should be seen to move for the first time; None if it was."""
        return None if self._clock.anchored else self.time_of(self._origin + self._period_frames)

    @property
    def _stall_s(self) -> float:
        if not self._clock.anchored:
            return _START_S
        return max(_STALL_S, 4 * self._period_frames / self._rate_hz)

    @property
    def stalled_at_s(self) -> float:
        """When the card, if it runs and does not move until then, is to be taken for dead."""
        return self._clock.moved_s + self._stall_s

    def write(self, frames: Samples) -> int:
        """Return how many frames the card took; what it did not take is to be written again later."""
        # Before, not after: when the call returns, this thread may have to wait for the interpreter.
        started_s = self._now()
        taken = self._stream.write(frames)
        if taken == XRUN:
            self._ran_dry()
            started_s = self._now()
            taken = self._stream.write(frames)
            if taken == XRUN:
                raise self._stream.gone("it runs dry at once")
        if not self.running:  # even if it took nothing: then it stands still, and will be found out
            self.running = True
            self._began_with_period = taken >= self._period_frames
            self._clock.start(started_s)
        if taken:
            self.written += taken
            self._room -= taken
            self._ahead.append((self.written, memoryview(frames)[: taken * self._frame_bytes]))
        return taken

    def position(self, now_s: float) -> int:
        """Ask the card where it is; return how many frames were heard by `now_s`, which must be now."""
        if self.running:
            self._room = self._stream.avail()
            if self._room == XRUN:
                self._ran_dry()
                self._stream.drop()
            else:
                # The time after the question, not before: a thread that had to wait in between would see the card ahead of
                # itself, and be wrong about it for long. To see it late does no harm.
                self._clock.observe(self.written - self._origin - self._buffer_frames + self._room, self._now())
                if now_s >= self.stalled_at_s:
                    raise self._stream.gone(f"it stood still for {self._stall_s:.1g} s")
        position = self.position_at(now_s)
        while self._ahead and self._ahead[0][0] <= position:
            self._ahead.popleft()
        return position

    def position_at(self, now_s: float) -> int:
        """Return the position at a time near now, without asking the card."""
        if not self.running:
            return self.written
        return min(self.written, self._origin + self._clock.frames_at(now_s))

    def time_of(self, position: int) -> float:
        """Return when a position was, or will be, reached."""
        return self._clock.time_of(position - self._origin)

    def following(self, position: int, frames: int) -> bytes:
        """Return what was written from a position on, at most so many frames."""
        wanted = frames * self._frame_bytes
        found = bytearray()
        for end, data in self._ahead:
            if end > position:
                skipped = max(0, len(data) - (end - position) * self._frame_bytes)
                found += data[skipped : skipped + wanted - len(found)]
                if len(found) == wanted:
                    break
        return bytes(found)

    def stop(self) -> None:
        """Stop the card at once; positions begin at 0 again. What was not heard is lost."""
        if self.running:
            self._stream.drop()
        self.running = False
        self.written = self._origin = 0
        self._room = self._buffer_frames
        self._ahead.clear()

    def prepare(self) -> None:
        """Make a stopped card ready now, so that the next write starts it at once."""
        self._stream.prepare()

    def _ran_dry(self) -> None:
        """All that was written was heard; the card stands still and will start at its 0 again."""
        self.underruns += 1
        self.running = False
        self._origin = self.written
        self._room = self._buffer_frames
        self._ahead.clear()
