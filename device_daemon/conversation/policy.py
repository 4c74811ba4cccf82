"""The parameters of a conversation: its policy and deadlines, why it ends, and what is done with microphone sound."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum

from msgspec import Struct

from device_daemon.audio.echo.modes import EchoMode
from device_daemon.config.settings import Config

DEFAULT_PAUSE_S = 0.5
"""The service's own default of silence_duration_ms, in seconds."""


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
    resume: bool = True
    """The answer goes on after an interruption that leads to no turn: a cough, a door."""
    pause_s: float = DEFAULT_PAUSE_S
    """The silence after which turn detection reports the end of speech."""
    half_duplex: bool = False
    echo_by_service: bool = True
    """The service cancels the echo. It knows only what it sent itself: over anything else no barge-in is possible."""
    push_to_talk: bool = False
    """The microphone is open while the button is held, and at no other time."""
    ready_sound: bool = True
    """An earcon when the person is to speak first."""
    error_sound: bool = True
    """An earcon when something fails, where no notice is spoken."""
    trigger: str = ""
    """What opened the conversation."""
    notices: bool = True
    """Spoken notices: that it takes longer, and that it failed."""


def policy_for(config: Config, echo: EchoMode, *, trigger: str, push_to_talk: bool) -> ConversationPolicy:
    """Return the policy of a conversation that a trigger opens, while the echo is cancelled in this way."""
    return ConversationPolicy(
        idle_timeout_s=config.conversation.idle_timeout_s,
        max_duration_s=config.conversation.max_duration_s,
        interruptible=config.conversation.interruptible,
        resume=config.conversation.resume_after_false_interruption,
        pause_s=turn_pause_s(config.turn_detection),
        half_duplex=echo is EchoMode.HALF_DUPLEX,
        echo_by_service=echo is EchoMode.SERVICE,
        push_to_talk=push_to_talk,
        trigger=trigger,
        ready_sound=config.sounds.ready,
        error_sound=config.sounds.error,
        notices=config.sounds.notices,
    )


def turn_pause_s(turn_detection: Mapping[str, object]) -> float:
    """Return the silence after which turn detection with these settings reports the end of speech."""
    silence_ms = turn_detection.get("silence_duration_ms")
    return silence_ms / 1000 if isinstance(silence_ms, int | float) else DEFAULT_PAUSE_S


class Deadlines(Struct, frozen=True):
    """How long each kind of waiting may take, in seconds."""

    retries_s: tuple[float, ...] = (0.25, 1.0, 2.0, 2.0)
    """The delays before the first, second... new connection after failures in a row."""
    moment_s: float = 3.0
    """Whoever waits for anything to be heard for so long hears "one moment"."""
    give_up_s: float = 9.0
    """Whoever waits for anything to be heard for so long hears that it does not work."""
    tool_s: float = 60.0
    """For a tool's call, whatever deadline it has itself."""
    approval_s: float = 30.0
    """From the question whether a remote tool may run until it may not."""
    session_s: float = 4.0
    """From the open connection to session.updated; then another connection is tried."""
    greeting_s: float = 4.0
    """From the request for the greeting to response.created; then another connection is tried."""
    reply_s: float = 5.0
    """From the end of a person's turn to response.created."""
    question_s: float = 1.0
    """Speech of at least this length that the service does not answer is reported; a cough need not be answered."""
    false_speech_s: float = 0.5
    """Speech that is shorter, and that nothing follows, did not mean to interrupt."""
    false_interruption_s: float = 1.0
    """From the end of such speech until the answer goes on."""
    stall_s: float = 5.0
    """In the middle of a response, with nothing left to play."""
    microphone_s: float = 3.0
    """From the failure of the microphone until the conversation ends, if it does not recover."""
    first_sound_s: float = 8.0
    """From its opening to its first sound, where it reports no failure either: a driver may be slow."""
    speaker_s: float = 3.0
    """From where a person begins to wait, or the speaker fails, until the conversation ends, if it does not recover."""
    speaker_retry_s: float = 1.0
    """From the failure of the speaker, at the least: it is opened once more meanwhile."""
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
    GOODBYE = "the farewell was heard"
    FAILED = "it failed"
