"""The interfaces that a conversation needs of the speaker and of the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from device_daemon.config.settings import SERVICE_ASSISTANT
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on

CLOSE_DEADLINE_S = 3.0
"""How long a connection may take to close; then it is abandoned."""


class SpeakerPort(Protocol):
    """The part of audio.speaker.Speaker that a conversation needs."""

    @property
    def queued_ms(self) -> int:
        """How much sound is still to be played."""

    def play(self, source: str, pcm: bytes, ticket: int, *, gain: float = 1.0) -> None:
        """Queue sound, 24 kHz mono S16LE."""

    def flush(self, ticket: int) -> None:
        """Silence the speaker at once; answered by Flushed."""


class ConnectionPort(Protocol):
    """The part of voicelive.client.Connection that a conversation needs."""

    @property
    def unreadable(self) -> int:
        """How many messages could not be decoded."""

    async def send(self, message: do.Message) -> None:
        """Send. Raises SpeakerError, most often ConnectionLost."""

    async def send_audio(self, pcm: bytes, reference: bytes = b"") -> None:
        """Append microphone audio, 24 kHz mono S16LE, and what the loudspeaker played meanwhile. Raises SpeakerError."""

    def events(self) -> AsyncIterator[on.ServiceEvent]:
        """Yield what the service reports; the last event is Closed."""

    async def close(self) -> None:
        """Close the connection. Never raises."""


class ClientPort(Protocol):
    """The part of voicelive.client.Client that a conversation needs."""

    async def connect(self, assistant: str = SERVICE_ASSISTANT) -> ConnectionPort:
        """Open a connection to an assistant of the config. Raises SpeakerError."""
