"""Recording of what went over the wire and when, for tests and benchmarks: messages without audio, and the audio."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

Direction = Literal["in", "out"]

_ENTRIES = 20_000
_SESSIONS = 50
_AUDIO_S = 300
_APPEND = "input_audio_buffer.append"


class RecordEntry(Struct):
    """One message. `summary` is the message with the number of bytes instead of the audio.

    Consecutive appends are one entry, with their `count`; `at_s` is that of the first.
    """

    at_s: float
    direction: Direction
    type: str
    summary: dict[str, Any]


class Arrival(Struct, frozen=True):
    """One append: when it came, and which of the session's samples it brought."""

    at_s: float
    first_frame: int
    frames: int


class SessionRecord(Struct):
    """The messages of one session: a ring buffer that counts what it dropped."""

    number: int
    opened_s: float
    query: dict[str, str] = field(default_factory=dict)
    entries: deque[RecordEntry] = field(default_factory=lambda: deque(maxlen=_ENTRIES))
    arrivals: deque[Arrival] = field(default_factory=lambda: deque(maxlen=_ENTRIES))
    """Of the audio in `audio`, and before."""
    audio: bytearray = field(default_factory=bytearray)
    """The first 300 s of what was received, as it came (`audio_frame_bytes` a sample of all channels)."""
    audio_frame_bytes: int = 2
    audio_rate_hz: int = 24_000
    received_frames: int = 0
    dropped_entries: int = 0
    closed_s: float | None = None
    close_code: int | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing of the session is left."""

    def channel(self, number: int) -> NDArray[np.int16]:
        """Return one channel of the PCM audio that was received: 0 the microphone, 1 the client's echo reference."""
        return np.frombuffer(bytes(self.audio), np.int16)[number :: self.audio_frame_bytes // 2]

    def types(self, direction: Direction | None = None) -> list[str]:
        """Return the types of all messages in order."""
        return [entry.type for entry in self.entries if direction in {None, entry.direction}]

    def of_type(self, kind: str) -> list[RecordEntry]:
        """Return all messages of a type."""
        return [entry for entry in self.entries if entry.type == kind]

    def as_json(self) -> dict[str, Any]:
        """Return everything but the audio."""
        return {
            "number": self.number,
            "opened_s": self.opened_s,
            "closed_s": self.closed_s,
            "close_code": self.close_code,
            "query": self.query,
            "audio_rate_hz": self.audio_rate_hz,
            "received_frames": self.received_frames,
            "dropped_entries": self.dropped_entries,
            "entries": [[entry.at_s, entry.direction, entry.summary] for entry in self.entries],
            "arrivals": [[arrival.at_s, arrival.first_frame, arrival.frames] for arrival in self.arrivals],
        }


class Record:
    """The sessions of one service, the last fifty of them. Times are those of `time.monotonic`.

    If it is not `enabled` it keeps neither messages nor audio: what people say is private by default.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self.sessions: deque[SessionRecord] = deque(maxlen=_SESSIONS)
        self.refused: deque[tuple[float, int]] = deque(maxlen=_SESSIONS)
        """When a handshake was refused, and with which status."""
        self._waiting: list[tuple[str, Callable[[], RecordEntry | None], asyncio.Future[RecordEntry]]] = []

    def open(self, number: int, query: dict[str, str]) -> SessionRecord:
        """Start the record of a session."""
        record = SessionRecord(number, time.monotonic(), query)
        self.sessions.append(record)
        return record

    def message(self, record: SessionRecord, direction: Direction, message: dict[str, Any], at_s: float) -> None:
        """Record a message that was sent or received."""
        if not self._enabled:
            return
        kind = str(message.get("type"))
        if direction == "in" and kind == _APPEND:
            self._append(record, at_s)
        else:
            self._add(record, RecordEntry(at_s, direction, kind, _without_audio(message)))

    def refusal(self, status: int) -> None:
        """Record a handshake that was refused."""
        self.refused.append((time.monotonic(), status))

    def sound(self, record: SessionRecord, data: bytes, frame_bytes: int, rate_hz: int, at_s: float) -> None:
        """Record the audio of an append."""
        if not self._enabled:
            return
        record.audio_frame_bytes, record.audio_rate_hz = frame_bytes, rate_hz
        frames = len(data) // frame_bytes
        record.arrivals.append(Arrival(at_s, record.received_frames, frames))
        record.received_frames += frames
        if len(record.audio) < _AUDIO_S * rate_hz * frame_bytes:
            record.audio += data

    async def wait_for(
        self, kind: str, *, session: int | None = None, count: int = 1, deadline_s: float = 20.0
    ) -> RecordEntry:
        """Return the `count`-th message of a type, of one session (numbered from 1) or of any, sent or received.

        Messages that came before the call count. Raises TimeoutError, which says what came instead.
        """

        def find() -> RecordEntry | None:
            found = [
                entry for record in self.sessions if session in {None, record.number} for entry in record.of_type(kind)
            ]
            return found[count - 1] if len(found) >= count else None

        if entry := find():
            return entry
        future: asyncio.Future[RecordEntry] = asyncio.get_running_loop().create_future()
        waiting = (kind, find, future)
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError as error:
            came = [f"session {record.number}: {' '.join(record.types()[-30:])}" for record in self.sessions]
            raise TimeoutError(f"no {kind} ({count}.) within {deadline_s} s; came: {came}") from error
        finally:
            self._waiting.remove(waiting)

    def _append(self, record: SessionRecord, at_s: float) -> None:
        last = record.entries[-1] if record.entries else None
        if last is not None and last.type == _APPEND:
            last.summary["count"] += 1
        else:
            self._add(record, RecordEntry(at_s, "in", _APPEND, {"type": _APPEND, "count": 1}))

    def _add(self, record: SessionRecord, entry: RecordEntry) -> None:
        record.dropped_entries += len(record.entries) == _ENTRIES
        record.entries.append(entry)
        for kind, find, future in self._waiting:
            if kind == entry.type and not future.done() and (found := find()):
                future.set_result(found)


def _without_audio(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("type") == "response.audio.delta":
        return {key: value for key, value in message.items() if key != "delta"} | {
            "audio_bytes": len(str(message.get("delta"))) * 3 // 4
        }
    return message
