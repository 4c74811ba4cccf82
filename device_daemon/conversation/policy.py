"""How conversations go: their limits, their patience, why they end, and what becomes of the microphone's sound."""

from __future__ import annotations

from enum import Enum, StrEnum

from msgspec import Struct


class MicrophoneGate(Enum):
    """What becomes of microphone audio at this moment."""

    HOLD = "kept in a bounded buffer and sent when the session can take it"
    STREAM = "sent to the service"
    DISCARD = "dropped: it would hold the speaker's own voice, or nobody is listened to"


class ConversationPolicy(Struct, frozen=True):
    """What the config says about how conversations go."""

    idle_timeout_s: float = 30.0
    max_duration_s: float = 900.0
    interruptible: bool = True
    half_duplex: bool = False
    echo_by_service: bool = True
    """The service takes the echo away, and knows only what it sent itself: nothing else may be talked over."""
    push_to_talk: bool = False
    """A person is heard while the button is held, and at no other time."""
    ready_sound: bool = True
    error_sound: bool = True


class Deadlines(Struct, frozen=True):
    """How long each kind of waiting may take, in seconds."""

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
    """A person's turn that never ends, as with a television, or a button that something lies on."""


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
