"""Sends a conversation's messages and what its microphone hears, in order, into the connection that stands."""

from __future__ import annotations

from collections.abc import Callable

from device_daemon.conversation.commands import Message
from device_daemon.conversation.outbox import Spoken, UplinkQueue
from device_daemon.conversation.ports import ConnectionPort


class UplinkSender:
    """All methods are called from the event loop's thread."""

    def __init__(self, on_sent: Callable[[float], None]) -> None:
        """`on_sent` is given the time (time.monotonic) at which the first sample of a sent piece of a voice was captured."""
        self._on_sent = on_sent
        self._outbox = UplinkQueue()
        self._line: ConnectionPort | None = None

    @property
    def dropped_ms(self) -> int:
        """How much microphone audio was dropped so far, because the network was slower than the voice."""
        return self._outbox.dropped_ms

    def put(self, message: Message) -> None:
        """Send it after everything that was put before."""
        self._outbox.put(message)

    def put_audio(self, pcm: bytes, since_s: float | None) -> None:
        """Send microphone audio (24 kHz mono S16LE) after everything that was put before; see `UplinkQueue.put_audio`.

        At once, where nothing is in the way: to wake the sender's task would cost as much as the message.
        """
        if self._line is not None and self._outbox.may_pass(pcm) and self._line.send_audio_at_once(pcm):
            self._sent(since_s)
        else:
            self._outbox.put_audio(pcm, since_s)

    def detach(self) -> None:
        """Forget what waits, and send nothing more into the connection there is."""
        self._line = None
        self._outbox.clear()

    async def run(self, line: ConnectionPort) -> None:
        """Send into a connection until it breaks (raises ConnectionLost) or is given up: then cancel this."""
        self._line = line
        while self._line is line:
            entry = await self._outbox.take()
            if isinstance(entry, Spoken):
                await line.send_audio(entry.pcm)
                self._sent(entry.since_s)
            else:
                await line.send(entry)

    def _sent(self, since_s: float | None) -> None:
        if since_s is not None:
            self._on_sent(since_s)
