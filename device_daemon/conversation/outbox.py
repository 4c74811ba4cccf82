"""What waits to be sent to the service, in order, bounded.

Messages are few and never dropped. Microphone audio piles up where the network is slower than the voice: beyond
`AUDIO_LIMIT_MS` the oldest is dropped and counted, since late speech confuses a conversation more than a gap.
"""

from __future__ import annotations

import asyncio
from collections import deque

from msgspec import Struct

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation.commands import Message

AUDIO_LIMIT_MS = 10_000
MESSAGE_MS = 20
"""One append for two periods: half the messages at the price of half a period's delay on average."""
BURST_MS = 400
"""The largest append, as long as the microphone's longest piece; the service takes any size."""


class Spoken(Struct, frozen=True):
    """Microphone audio for one append."""

    pcm: bytes
    since_s: float | None
    """When its first sample was captured (time.monotonic); None for what nobody waits for, or waited for the session."""


class UplinkQueue:
    """Filled by the event loop, emptied by one sender task."""

    def __init__(self) -> None:
        self._dropped_bytes = 0
        self._entries: deque[Message | Spoken] = deque()
        self._audio_bytes = 0
        self._sender: asyncio.Future[None] | None = None  # the sender waits for it while nothing is due

    @property
    def dropped_ms(self) -> int:
        """How much microphone audio was dropped so far."""
        return self._dropped_bytes // BYTES_PER_MS

    def put(self, message: Message) -> None:
        """Send it after everything that was put before."""
        self._entries.append(message)
        self._wake_sender()

    def put_audio(self, pcm: bytes, since_s: float | None) -> None:
        """Send microphone audio (24 kHz mono S16LE) after everything that was put before.

        `since_s` is when its first sample was captured, None where nobody waits for it.
        """
        for start in range(0, len(pcm), BURST_MS * BYTES_PER_MS):
            later_s = None if since_s is None else since_s + start / (BYTES_PER_MS * 1000)
            self._put_piece(pcm[start : start + BURST_MS * BYTES_PER_MS], later_s)
        self._wake_sender()

    def _put_piece(self, pcm: bytes, since_s: float | None) -> None:
        self._audio_bytes += len(pcm)
        last = self._entries[-1] if self._entries else None
        if isinstance(last, Spoken) and len(last.pcm) < MESSAGE_MS * BYTES_PER_MS:
            self._entries[-1] = Spoken(last.pcm + pcm, last.since_s)
        else:
            self._entries.append(Spoken(pcm, since_s))
        while self._audio_bytes > AUDIO_LIMIT_MS * BYTES_PER_MS:
            self._drop_oldest_audio()

    def may_pass(self, pcm: bytes) -> bool:
        """Whether microphone audio may be sent past this: the sender is idle, nothing waits, and it makes a message."""
        idle = self._sender is not None and not self._sender.done() and not self._entries
        return idle and MESSAGE_MS * BYTES_PER_MS <= len(pcm) <= BURST_MS * BYTES_PER_MS

    async def take(self) -> Message | Spoken:
        """The next thing to send: a message, or as much audio as there is up to the burst size."""
        while not self._due():  # again: `clear` may come between the waking of this task and its turn
            self._sender = asyncio.get_running_loop().create_future()
            await self._sender
        first = self._entries.popleft()
        if isinstance(first, Spoken):
            parts = [first.pcm]
            size = len(first.pcm)
            while self._entries and isinstance(more := self._entries[0], Spoken):
                if size + len(more.pcm) > BURST_MS * BYTES_PER_MS:
                    break
                parts.append(more.pcm)
                size += len(more.pcm)
                self._entries.popleft()
            self._audio_bytes -= size
            first = Spoken(b"".join(parts), first.since_s)
        return first

    def clear(self) -> None:
        """Forget everything: the connection it was for is gone."""
        self._entries.clear()
        self._audio_bytes = 0

    def _wake_sender(self) -> None:
        if self._sender is not None and not self._sender.done() and self._due():
            self._sender.set_result(None)

    def _due(self) -> bool:
        if not self._entries:
            return False
        first = self._entries[0]
        return len(self._entries) > 1 or not isinstance(first, Spoken) or len(first.pcm) >= MESSAGE_MS * BYTES_PER_MS

    def _drop_oldest_audio(self) -> None:
        for index, entry in enumerate(self._entries):
            if isinstance(entry, Spoken):
                del self._entries[index]
                self._audio_bytes -= len(entry.pcm)
                self._dropped_bytes += len(entry.pcm)
                return
