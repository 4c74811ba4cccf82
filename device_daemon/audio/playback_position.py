"""The playback position: which source is audible, and how much of it was heard. Pure: positions come from outside.

Everything is counted in frames of the program's own format, on a timeline that begins with the card's start and ends
with its next stop.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct


class _Playing(Struct):
    """One source, from its first sample until another one's."""

    source: str
    heard: int = 0
    started: bool = False


class _Segment(Struct):
    playing: _Playing
    start: int
    end: int


class PlaybackPosition:
    """Knows, for each source, how much was heard, and which tickets are still to be answered.

    A source is counted as one as long as nothing else is written between its pieces and no flush comes in between;
    after that it starts anew at 0.
    """

    def __init__(self) -> None:
        self._segments: deque[_Segment] = deque()  # in order; what was heard to its end has left
        self._last: _Playing | None = None
        self._written = 0
        self._position = 0
        self._sound_end = 0
        self._ticket: int | None = None

    @property
    def sound_end(self) -> int:
        """The position at which the last sound that was written ends; padding may follow."""
        return self._sound_end

    @property
    def finished(self) -> bool:
        """Whether every sound that was written has been heard."""
        return self._position >= self._sound_end

    @property
    def next_start(self) -> int | None:
        """The position at which a source starts that was not yet heard, or None."""
        return next((segment.start for segment in self._segments if not segment.playing.started), None)

    def write(self, source: str, frames: int, ticket: int) -> None:
        """Take note of sound that is handed to the card; of none at all only the ticket matters."""
        self._ticket = ticket
        if not frames:
            return
        if self._last is None or self._last.source != source:
            self._last = _Playing(source)
        self._segments.append(_Segment(self._last, self._written, self._written + frames))
        self._written += frames
        self._sound_end = self._written

    def pad(self, frames: int, *, sound: bool = False) -> None:
        """Take note of silence that is handed to the card, or of sound that belongs to no source (the fade-out after a flush)."""
        self._written += frames
        if sound:
            self._sound_end = self._written

    def hear(self, position: int) -> list[tuple[str, int]]:
        """Move to a position; return the sources that became audible on the way, each with where it did."""
        position = min(position, self._written)
        started: list[tuple[str, int]] = []
        if position <= self._position:
            return started
        while self._segments and self._segments[0].start < position:
            segment = self._segments[0]
            playing = segment.playing
            playing.heard += min(position, segment.end) - max(self._position, segment.start)
            if not playing.started:
                playing.started = True
                started.append((playing.source, segment.start))
            if segment.end > position:
                break
            self._segments.popleft()
        self._position = position
        return started

    def flush(self) -> tuple[str, int]:
        """Forget what was not heard, and begin a new timeline; return who was audible and how much of it was heard.

        A source counts as audible in a gap, too, if more of it follows. The answer to the flush answers older tickets.
        """
        segment = self._segments[0] if self._segments else None
        begun = segment is not None and (segment.start <= self._position or segment.playing.started)
        audible = segment.playing if segment and begun else None
        self._ticket = None
        self._last = None
        self.restart()
        return (audible.source, audible.heard) if audible else ("", 0)

    def restart(self) -> int:
        """Begin a new timeline, the card having stopped; return how much sound was written and never heard."""
        unheard = sum(segment.end - max(segment.start, self._position) for segment in self._segments)
        self._segments.clear()
        self._written = self._position = self._sound_end = 0
        return unheard

    def note(self, ticket: int) -> None:
        """Take note of a ticket whose sound will not be written."""
        self._ticket = ticket

    def answer(self) -> int | None:
        """Return the ticket up to which everything was heard, once; None if there is none to answer."""
        if not self.finished:
            return None
        ticket, self._ticket = self._ticket, None
        return ticket
