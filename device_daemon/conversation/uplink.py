"""The uplink: our messages and the microphone's audio on their way to the service, in order.

All audio between the microphone's thread and the socket waits in one bounded ring buffer, whatever it waits for: that
the session is ready (pre-roll), or that a slow network takes it (backlog). Beyond `LIMIT_MS` the oldest is dropped and
counted, since late speech confuses a conversation more than a gap. What was sent stays in the ring until newer audio
needs its place, so that it can be sent again after a reconnect. Messages are few and are never dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from msgspec import Struct

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.audio.period import Period
from device_daemon.conversation.commands import Message
from device_daemon.conversation.ports import ConnectionPort

LIMIT_MS = 10_000
"""Longer than a session takes to be ready, and than any break of the network that a conversation survives."""
MESSAGE_LIMIT_MS = 400
"""The longest append: a backlog goes out in few messages, none of which delays an urgent one for long."""


class AudioMessage(Struct, frozen=True):
    """Microphone audio for one input_audio_buffer.append, 24 kHz mono S16LE."""

    pcm: bytes
    begins_at_s: float
    """When its first sample was captured (time.monotonic)."""
    reference: bytes = b""
    """What the loudspeaker played meanwhile, of the same length; b"" for silence."""


class UplinkBuffer:
    """The ring buffer of audio and the queue of messages, without I/O: what is sent next, and what is dropped.

    Audio that is `held` is not sent, and messages pass it, until `release`.
    """

    def __init__(self, limit_ms: int = LIMIT_MS) -> None:
        self._limit_bytes = limit_ms * BYTES_PER_MS
        self._bytes = 0  # of both of these, which together are the ring
        self._sent: deque[Period] = deque()
        self._waiting: deque[Period] = deque()
        self._released = 0  # so many of `_waiting`, from its start, may be sent
        self._position = 0  # counts the periods that were sent or dropped
        self._messages: deque[tuple[Message, int]] = deque()  # each with the position that must be reached before it
        self._dropped_bytes = 0

    @property
    def dropped_ms(self) -> int:
        """How much audio was dropped before it was sent."""
        return self._dropped_bytes // BYTES_PER_MS

    def put(self, message: Message) -> None:
        """Queue a message behind all audio that may be sent by now."""
        self._messages.append((message, self._position + self._released))

    def put_audio(self, period: Period) -> None:
        """Add what was captured last; it is held until `release`."""
        self._waiting.append(period)
        self._bytes += len(period.pcm)
        while self._bytes > self._limit_bytes:
            self._drop_oldest()

    def release(self) -> None:
        """Let all audio go that was put until now."""
        self._released = len(self._waiting)

    def discard_held(self) -> None:
        """Forget the audio that is held."""
        while len(self._waiting) > self._released:
            self._bytes -= len(self._waiting.pop().pcm)

    def take(self) -> Message | AudioMessage | None:
        """Return what is to be sent next, as much audio in one piece as there is up to `MESSAGE_LIMIT_MS`."""
        released = self._released
        if self._messages:
            message, position = self._messages[0]
            if position <= self._position:
                self._messages.popleft()
                return message
            released = position - self._position
        pieces: list[Period] = []
        room_bytes = MESSAGE_LIMIT_MS * BYTES_PER_MS
        while released and (not pieces or len(self._waiting[0].pcm) <= room_bytes):
            period = self._next()
            self._sent.append(period)
            pieces.append(period)
            room_bytes -= len(period.pcm)
            released -= 1
        return _joined(pieces) if pieces else None

    def abandon(self) -> None:
        """The connection is lost: forget the messages, and take all released audio for sent; see `replay`."""
        self._messages.clear()
        while self._released:
            self._sent.append(self._next())

    def replay(self, since_s: float) -> int:
        """Put sent audio that was captured after `since_s` in front of what waits; return how much, in ms.

        It goes the way of what waits there: it is held if that is.
        """
        replayed_bytes = periods = 0
        while self._sent and self._sent[-1].captured_at_s > since_s:
            period = self._sent.pop()
            self._waiting.appendleft(period)
            replayed_bytes += len(period.pcm)
            periods += 1
        self._position -= periods
        if self._released:
            self._released += periods
        return replayed_bytes // BYTES_PER_MS

    def _next(self) -> Period:
        self._released -= 1
        self._position += 1
        return self._waiting.popleft()

    def _drop_oldest(self) -> None:
        if self._sent:
            self._bytes -= len(self._sent.popleft().pcm)
            return
        oldest = self._waiting.popleft()
        if self._released:
            self._released -= 1
            self._position += 1
        self._bytes -= len(oldest.pcm)
        self._dropped_bytes += len(oldest.pcm)


def _joined(periods: list[Period]) -> AudioMessage:
    pcm = b"".join([period.pcm for period in periods])
    reference = b""
    if any(period.reference for period in periods):
        reference = b"".join([period.reference or bytes(len(period.pcm)) for period in periods])
    return AudioMessage(pcm, periods[0].begins_at_s, reference)


class Uplink:
    """Sends into the connection that stands. All methods are called from the event loop's thread."""

    def __init__(self, on_sent: Callable[[AudioMessage], None], limit_ms: int = LIMIT_MS) -> None:
        """`on_sent` is called for each audio message that was sent."""
        self._on_sent = on_sent
        self._buffer = UplinkBuffer(limit_ms)
        self._line: ConnectionPort | None = None
        self._news = asyncio.Event()

    @property
    def dropped_ms(self) -> int:
        """How much microphone audio was dropped, because it waited for longer than `LIMIT_MS`."""
        return self._buffer.dropped_ms

    def put(self, message: Message) -> None:
        """Send a message after all audio that may be sent by now."""
        self._buffer.put(message)
        self._news.set()

    def put_audio(self, periods: Iterable[Period]) -> None:
        """Send microphone audio, and before it all that is held."""
        for period in periods:
            self._buffer.put_audio(period)
        self.release()

    def hold_audio(self, period: Period) -> None:
        """Keep microphone audio, until the next `put_audio` or `release`: the pre-roll."""
        self._buffer.put_audio(period)

    def release(self) -> None:
        """Send the audio that is held."""
        self._buffer.release()
        self._news.set()

    def discard_held(self) -> None:
        """Forget the audio that is held."""
        self._buffer.discard_held()

    def detach(self) -> None:
        """Send nothing more into the connection there is; what waits for it is forgotten, but for `replay`.

        The pre-roll, which waits for a session, goes on waiting for the next one.
        """
        self._line = None
        self._buffer.abandon()

    def replay(self, since_s: float) -> int:
        """Send audio again that was captured after `since_s` (time.monotonic), as far as the ring still has it.

        For an utterance that straddles a reconnect: call it after `detach`, before the new session is ready, with the
        time at which the person began to speak. It is sent as the start of the pre-roll. Returns how much, in ms.
        """
        return self._buffer.replay(since_s)

    async def run(self, line: ConnectionPort) -> None:
        """Send into a connection until it breaks (raises SpeakerError) or is given up: then cancel this."""
        self._line = line
        while self._line is line:
            self._news.clear()
            while self._line is line and (entry := self._buffer.take()) is not None:
                if isinstance(entry, AudioMessage):
                    await line.send_audio(entry.pcm, entry.reference)
                    self._on_sent(entry)
                else:
                    await line.send(entry)
            await self._news.wait()
