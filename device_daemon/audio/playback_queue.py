"""The bounded queue of sound to be played, and of flushes: all that the event loop and the speaker's thread share."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from msgspec import Struct

from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS

CAPACITY_MS: Final = 300_000
_MOST_FLUSHES: Final = 256
"""Unanswered flushes: more of them means that the thread is dead; the oldest are forgotten."""


class Piece(Struct):
    """Sound of one source, in the program's format."""

    source: str
    pcm: memoryview
    ticket: int
    gain: float
    queued_at_s: float

    @property
    def frames(self) -> int:
        """How long it is."""
        return len(self.pcm) // BYTES_PER_FRAME


class PlaybackQueue:
    """Sound in the order of `put`, at most `capacity_ms` of it: what is too much is cut off and counted, newest first.

    A flush takes effect at the call: what was put before it is gone, what is put after it is only given out once the
    flush itself has been taken. So nobody can play something after a flush that was meant to be flushed, or flush
    what was meant to be played. Safe to use from two threads.
    """

    def __init__(self, capacity_ms: int = CAPACITY_MS) -> None:
        self._capacity_bytes = capacity_ms * BYTES_PER_MS
        self._lock = threading.Lock()
        self._pieces: deque[Piece] = deque()
        self._flushes: deque[int] = deque(maxlen=_MOST_FLUSHES)
        self._bytes = 0
        self._dropped_bytes = 0

    @property
    def dropped_ms(self) -> int:
        """How much was cut off by `put` or taken out by `expire`."""
        return self._dropped_bytes // BYTES_PER_MS

    @property
    def queued_ms(self) -> int:
        """How much is still to be given out."""
        return self._bytes // BYTES_PER_MS

    @property
    def empty(self) -> bool:
        """Whether there is neither sound nor a flush."""
        return not self._pieces and not self._flushes

    @property
    def flush_pending(self) -> bool:
        """Whether there is a flush to be carried out; until `take_flushes`, nothing else is given out."""
        return bool(self._flushes)

    def put(self, source: str, pcm: bytes, ticket: int, gain: float, now_s: float) -> bool:
        """Add sound of complete frames; its ticket counts even if all of it has to be cut off.

        Return whether it is the next to be played: whoever plays behind other sound comes to it by itself.
        """
        with self._lock:
            next_one = not self._pieces
            room = self._capacity_bytes - self._bytes
            kept = memoryview(pcm)[:room]
            self._dropped_bytes += len(pcm) - len(kept)
            self._bytes += len(kept)
            if not kept and self._pieces:
                self._pieces[-1].ticket = ticket  # not another piece for nothing: there is no end to them
            else:
                self._pieces.append(Piece(source, kept, ticket, gain, now_s))
            return next_one

    def flush(self, ticket: int) -> None:
        """Discard all sound, and hand out this ticket before anything that is put from now on."""
        with self._lock:
            self._pieces.clear()
            self._bytes = 0
            self._flushes.append(ticket)

    def take_flushes(self) -> list[int]:
        """Return the tickets of all flushes, in order, once nothing that was put before them is played any more."""
        with self._lock:
            tickets = list(self._flushes)
            self._flushes.clear()
            return tickets

    def take(self, frames: int) -> Piece | None:
        """Return the next piece, cut to at most `frames`; None if there is none, or a flush comes first."""
        with self._lock:
            if self._flushes or not self._pieces:
                return None
            piece = self._pieces[0]
            wanted = frames * BYTES_PER_FRAME
            if len(piece.pcm) <= wanted:
                self._pieces.popleft()
                taken = piece
            else:
                taken = Piece(piece.source, piece.pcm[:wanted], piece.ticket, piece.gain, piece.queued_at_s)
                piece.pcm = piece.pcm[wanted:]
            self._bytes -= len(taken.pcm)
            return taken

    def expire(self, queued_before_s: float) -> int | None:
        """Discard what was put before a time; return the last ticket of that, None if there was nothing so old."""
        ticket = None
        with self._lock:
            while self._pieces and self._pieces[0].queued_at_s < queued_before_s:
                piece = self._pieces.popleft()
                ticket = piece.ticket
                self._bytes -= len(piece.pcm)
                self._dropped_bytes += len(piece.pcm)
        return ticket

    @property
    def oldest_s(self) -> float | None:
        """When the next piece was put, or None."""
        with self._lock:
            return self._pieces[0].queued_at_s if self._pieces else None
