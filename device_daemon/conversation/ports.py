"""What a conversation needs of the speaker and of the service; other things fit too, in tests and in standby."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on

GOODBYE_DEADLINE_S = 3.0
"""How long a connection may take to close; then it is left behind."""


class SpeakerPort(Protocol):
    """The part of audio.speaker.Speaker that a conversation needs."""

    def play(self, source: str, pcm: bytes, ticket: int, *, gain: float = 1.0) -> None:
        """Queue sound."""

    def flush(self, ticket: int) -> None:
        """Fall silent; answered by Flushed."""


class ConnectionPort(Protocol):
    """The part of voicelive.client.Connection that a conversation needs."""

    @property
    def unreadable(self) -> int:
        """How many messages were no events."""

    async def send(self, message: do.Message) -> None:
        """Raises ConnectionLost."""

    async def send_audio(self, pcm: bytes) -> None:
        """Raises ConnectionLost."""

    def events(self) -> AsyncIterator[on.ServiceEvent]:
        """Events; the last one is Closed."""

    async def close(self) -> None:
        """Never raises."""


class ClientPort(Protocol):
    """The part of voicelive.client.Client that a conversation needs."""

    async def connect(self) -> ConnectionPort:
        """Raises SpeakerError."""
