"""What a conversation wants done: the outputs of `dialogue.Dialogue`.

Frozen values without behaviour; conversation.py carries them out in order.
"""

from __future__ import annotations

from dataclasses import dataclass

from device_daemon.errors import SpeakerError
from device_daemon.greeting import Opening
from device_daemon.rules import Reason
from device_daemon.state import State

# Messages to the service, in the order in which they must reach it


@dataclass(frozen=True, slots=True)
class UpdateSession:
    """session.update with everything the config asks for: the first message of a session."""

    push_to_talk: bool = False
    """Without turn detection: the person says by the button when a turn begins and ends."""


@dataclass(frozen=True, slots=True)
class RequestGreeting:
    """Ask for the opening by the mechanism that fits its kind; errors about it carry `event_id`."""

    opening: Opening
    event_id: str


@dataclass(frozen=True, slots=True)
class Recall:
    """Put what was said before a reconnect into the new session's conversation."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tell the model how much of an item was heard."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop a response the service is still making (it stops by itself when it hears speech)."""

    response_id: str


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """All microphone audio until here is a person's whole turn."""


@dataclass(frozen=True, slots=True)
class RequestReply:
    """Answer what was handed in; errors about it carry `event_id`."""

    event_id: str


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Forget the microphone audio since the last turn."""


Message = UpdateSession | RequestGreeting | Recall | Truncate | CancelResponse | CommitAudio | RequestReply | ClearAudio


# Commands


@dataclass(frozen=True, slots=True)
class Enter:
    """The device's state changes, and with it the light."""

    state: State


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection after waiting `delay_s`; the one before, if any, is given up."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Send:
    """Hand a message to the connection."""

    message: Message


@dataclass(frozen=True, slots=True)
class Play:
    """Queue sound of an item behind what is queued already."""

    item_id: str
    pcm: bytes
    ticket: int


@dataclass(frozen=True, slots=True)
class OpenMicrophone:
    """Begin to capture; the light that says so was shown before."""


@dataclass(frozen=True, slots=True)
class CloseMicrophone:
    """Stop capturing, before the light changes."""


@dataclass(frozen=True, slots=True)
class DropAudio:
    """Forget the microphone audio that waits for the session to be ready."""


@dataclass(frozen=True, slots=True)
class Flush:
    """Fall silent at once and forget what is queued."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Sound:
    """A short sound of the device's own."""

    name: str
    ticket: int


@dataclass(frozen=True, slots=True)
class End:
    """The conversation is over: close everything it opened."""

    reason: Reason
    failure: SpeakerError | None = None


Command = Enter | Connect | Send | Play | Flush | Sound | OpenMicrophone | CloseMicrophone | DropAudio | End
