"""The playback ledger: what a conversation handed to the speaker, and how much of it was heard.

Pure. The speaker answers later and from another thread, so every order carries a ticket, and only the answer to the
newest one says that nothing is left to hear.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct, field

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation.commands import Command, Flush, Notice, Play, Sound, Truncate
from device_daemon.conversation.events import Flushed, Silent, Started

LOCAL: Final = "local"
"""Stands for the response and the item where the sound is this device's own copy: the service knows of neither."""


EARCON_S: Final = 1.0
NOTICE_S: Final = 4.0
"""Longer than any of them lasts."""


class Cut(NamedTuple):
    """How much was heard of an item that a flush cut off."""

    truncate: Truncate | None
    """The message for the service; None for an item that it does not know."""
    response_id: str
    share: float
    """How much of it was heard, 0..1."""
    item_id: str
    heard_ms: int


class Resumed(NamedTuple):
    """A piece of an item that was cut off, to go on with after a false interruption."""

    item_id: str
    content_index: int
    pcm: bytes
    start_byte: int
    """Where in the item it begins; everything before it was heard."""


class _Item(Struct):
    response_id: str
    content_index: int
    received_bytes: int = 0
    resumed_at_bytes: int = 0
    """What was heard of it before a false interruption; the speaker counts from there."""
    started: bool = False
    known: bool = True
    """The session that made it still stands, and expects it to sound now."""


class PlaybackLedger(Struct):
    """Tickets, the items of the response that may be heard, and whether the speaker still sounds."""

    sounding: bool = False
    """Something sounds, or is about to."""
    speaking: bool = False
    """Speech is queued or heard: an item of a response, a cached greeting or a repeated answer."""
    local: bool = False
    """The session does not know what sounds, so that its echo cancellation cannot remove it: a cached greeting, a
    repeated answer, a notice, an answer that goes on after a false interruption, or speech of a session that is gone."""
    quiet_since_s: float = 0.0
    """When the speaker fell silent (time.monotonic); means something only while not `sounding`."""
    expected_end_s: float = 0.0
    """When everything queued should have been heard, if the card plays in real time."""
    chimes: bool = False
    """What sounds reminds people of a timer."""
    _ticket: int = 0
    _notices: int = 0
    """How many notices are queued that have not begun."""
    _items: dict[str, _Item] = field(default_factory=dict)
    _cut: dict[int, dict[str, _Item]] = field(default_factory=dict)
    """By ticket, the items that were cut off by each flush that the speaker has not answered yet."""

    def play(self, response_id: str, item_id: str, content_index: int, pcm: bytes, now: float) -> Play:
        """Queue a piece of an item."""
        item = self._items.setdefault(item_id, _Item(response_id, content_index))
        item.received_bytes += len(pcm)
        self.local |= not item.known  # the rest of what went on after a false interruption, and fell silent before
        self._expect(now, len(pcm) / (BYTES_PER_MS * 1000))
        self.speaking = True
        return Play(item_id, pcm, self._next())

    def play_local(self, pcm: bytes, now: float) -> Play:
        """Queue a cached greeting, or an answer to be repeated."""
        self.local = True
        return self.play(LOCAL, LOCAL, 0, pcm, now)

    def resume(self, response_id: str, rest: list[Resumed], now: float) -> list[Play]:
        """Queue what was not heard of a response before a false interruption. The service has truncated its items."""
        self.local = True
        plays = []
        for piece in rest:
            if piece.item_id not in self._items:
                start = piece.start_byte
                self._items[piece.item_id] = _Item(response_id, piece.content_index, start, start, known=False)
            plays.append(self.play(response_id, piece.item_id, piece.content_index, piece.pcm, now))
        return plays

    def sound(self, name: str, now: float) -> Sound:
        """Queue an earcon."""
        self._expect(now, EARCON_S)
        return Sound(name, self._next())

    def notice(self, name: str, now: float) -> Notice:
        """Queue a spoken notice."""
        self.local = True
        self._notices += 1
        self._expect(now, NOTICE_S)
        return Notice(name, self._next())

    def flush(self) -> Flush:
        """Discard everything queued. The speaker counts as sounding until it answers."""
        flush = Flush(self._next())
        self._cut[flush.ticket], self._items = self._items, {}
        self.speaking, self._notices = False, 0
        return flush

    def stop(self) -> list[Command]:
        """Discard everything queued, if there is anything."""
        return [self.flush()] if self.sounding else []

    @property
    def flushing(self) -> bool:
        """The speaker has not answered yet how much was heard of what a flush cut off."""
        return bool(self._cut)

    def started(self, event: Started) -> str | None:
        """Return the id of the response that became audible, if the source belongs to one."""
        if event.source.startswith("notice:"):
            self._notices = max(0, self._notices - 1)
        for items in (self._items, *self._cut.values()):
            if item := items.get(event.source):
                item.started = True
                # Sounds follow each other: from here on only what the service made is heard, unless a notice follows.
                self.local = self.local and (event.source == LOCAL or not item.known or self._notices > 0)
                return item.response_id
        return None

    def has_started(self, item_id: str) -> bool:
        """Return whether something of an item was heard already."""
        return item_id in self._items and self._items[item_id].started

    def session_lost(self) -> None:
        """Take in that no session knows the items any more, though they go on sounding."""
        self.local |= self.speaking
        for items in (self._items, *self._cut.values()):
            for item in items.values():
                item.known = False

    def received_ms(self, response_id: str) -> int:
        """Return how much sound of a response was queued since the speaker was last silent."""
        every = (item for items in (self._items, *self._cut.values()) for item in items.values())
        return sum(item.received_bytes for item in every if item.response_id == response_id) // BYTES_PER_MS

    def silent(self, event: Silent) -> bool:
        """Return True if this answers the newest order: nothing sounds any more."""
        if event.ticket != self._ticket:
            return False
        self._quiet(event.at_s)
        # The newest item may go on after a pause of the network; the speaker then goes on counting what was heard.
        self._items = dict(list(self._items.items())[-1:])
        return True

    def flushed(self, event: Flushed) -> list[Cut]:
        """Return the items of which something was not heard; local sound in any case."""
        if event.ticket == self._ticket:
            self._quiet(event.at_s)
        cuts = []
        for item_id, item in self._cut.pop(event.ticket, {}).items():
            received_ms = item.received_bytes // BYTES_PER_MS
            if item_id == event.source:
                heard_ms = min(item.resumed_at_bytes // BYTES_PER_MS + event.heard_ms, received_ms)
            else:
                # Items sound one after the other: what began before the audible one was heard to its end.
                heard_ms = received_ms if item.started else item.resumed_at_bytes // BYTES_PER_MS
            if item_id == LOCAL:
                cuts.append(Cut(None, LOCAL, heard_ms / received_ms, item_id, heard_ms))
            elif heard_ms < received_ms:
                truncate = Truncate(item_id, item.content_index, heard_ms) if item.known else None
                cuts.append(Cut(truncate, item.response_id, heard_ms / received_ms, item_id, heard_ms))
        return cuts

    def _quiet(self, at_s: float) -> None:
        self.sounding = self.speaking = self.local = False
        self._notices = 0
        self.quiet_since_s = at_s

    def _expect(self, now: float, seconds: float) -> None:
        self.expected_end_s = max(self.expected_end_s, now) + seconds if self.sounding else now + seconds
        self.sounding = True

    def _next(self) -> int:
        self._ticket += 1
        return self._ticket
