"""What a conversation needs of the speaker, of the service and of the device around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from msgspec import Struct, field

from device_daemon.config.settings import SERVICE_ASSISTANT
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.errors import SpeakerError
from device_daemon.state import State

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


class DeviceCallbacks(Struct):
    """What a conversation asks of the device and reports to it."""

    own_sound: Callable[[str], tuple[bytes, float]]
    notice: Callable[[str], tuple[bytes, float]]
    on_state: Callable[[State], None]
    on_transcript: Callable[[str, str], None]
    call_tool: Callable[[str, str, str], Awaitable[str]]
    """Carry out the call of an assistant's tool, by the assistant's name, the tool's name and arguments (JSON), within a deadline; it never raises."""
    on_begin: Callable[[str], None]
    """Called with the trigger of a conversation that begins."""
    on_end: Callable[[SpeakerError | None, bool], None]
    """Called with the failure that ended a conversation, if one did, and whether a person is there to hear of it."""
    on_greeting_heard: Callable[[float], None]
    """Called with the milliseconds from the press to the greeting's first sample."""
    keeps_microphone_open: Callable[[SpeakerError | None], bool]
    """Return whether the microphone stays open, for the wake words, after a conversation that ended with this failure."""
    news: Callable[[], str] = field(default=str)
    """Return what the model is to mention in a conversation that begins; empty for nothing."""
    on_news_told: Callable[[], None] = field(default=lambda: None)
    """Called when the model was told."""
