"""The parameters of a conversation: its policy and deadlines, why it ends, and what is done with microphone sound."""

from __future__ import annotations

from enum import Enum, StrEnum

from msgspec import Struct


class MicrophoneGate(Enum):
    """What is to be done with microphone sound at this moment."""

    HOLD = "kept in a bounded buffer, and sent when the session is ready"
    STREAM = "sent to the service"
    DISCARD = "dropped: it holds the speaker's own voice, or is not meant for the service"


class ConversationPolicy(Struct, frozen=True):
    """What the config says about a conversation."""

    idle_timeout_s: float = 30.0
    max_duration_s: float = 900.0
    interruptible: bool = True
    half_duplex: bool = False
    echo_by_service: bool = True
    """The service cancels the echo. It knows only what it sent itself: over anything else no barge-in is possible."""
    push_to_talk: bool = False
    """The microphone is open while the button is held, and at no other time."""
    ready_sound: bool = True
    error_sound: bool = True


class Deadlines(Struct, frozen=True):
    """How long each kind of waiting may take, in seconds."""

    retries_s: tuple[float, ...] = (0.25, 1.0, 3.0)
    """The delays before the first, second... new connection after failures in a row."""
    session_s: float = 10.0
    """From connecting to session.updated."""
    greeting_s: float = 8.0
    """From the request for the greeting to its first sound."""
    reply_s: float = 6.0
    """From the end of a person's turn to response.created; the service may decide not to answer at all."""
    first_audio_s: float = 15.0
    """From response.created to its first sound."""
    stall_s: float = 5.0
    """In the middle of a response, with nothing left to play."""
    turn_s: float = 120.0
    """A person's turn that never ends: a television speaks, or something lies on the button."""


class EndReason(StrEnum):
    """Why a conversation ended."""

    IDLE = "nobody spoke"
    LIMIT = "the longest duration was reached"
    PRESSED = "the button was pressed"
    STOPPED = "it was stopped"
    MUTED = "the microphone was muted"
    SAID = "the announcement was made"
    CLOSED = "the service closed the session"
    FAILED = "it failed"
