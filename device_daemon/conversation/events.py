"""What can happen in a conversation: the inputs of `dialogue.Dialogue.receive`.

Frozen values without behaviour: from the service (translated by voicelive/), from the speaker's thread
(audio/speaker), and from the person and the device.
"""

from __future__ import annotations

from msgspec import Struct

from device_daemon.audio.speaker_events import Failed as SpeakerFailed
from device_daemon.audio.speaker_events import Flushed, Silent, SpeakerEvent, Started
from device_daemon.audio.speaker_events import Recovered as SpeakerRecovered
from device_daemon.conversation.policy import EndReason
from device_daemon.errors import SpeakerError

__all__ = [
    "ApprovalRequested",
    "AudioDelta",
    "ChimeRequested",
    "Closed",
    "Event",
    "Farewell",
    "Flushed",
    "MicrophoneFailed",
    "MicrophoneFlows",
    "Opened",
    "Pressed",
    "RemoteCallBegan",
    "RemoteCallEnded",
    "RepeatRequested",
    "ResponseCreated",
    "ResponseDone",
    "ServiceError",
    "ServiceEvent",
    "ServiceWarning",
    "SessionCreated",
    "SessionUpdated",
    "Silent",
    "SpeakerEvent",
    "SpeakerFailed",
    "SpeakerRecovered",
    "SpeechStarted",
    "SpeechStopped",
    "Started",
    "StopRequested",
    "StopWordHeard",
    "TalkBegan",
    "TalkEnded",
    "ToolCalled",
    "ToolResult",
    "Transcript",
    "TranscriptDelta",
    "WakeWordHeard",
]

# From the service


class Opened(Struct, frozen=True):
    """The connection stands. The service accepts nothing before our session.update."""


class SessionCreated(Struct, frozen=True):
    """The session exists; the service may say when it will expire."""

    session_id: str
    expires_in_s: float | None = None


class SessionUpdated(Struct, frozen=True):
    """Our settings are in force. It may come more than once."""

    greets_itself: bool = False
    """The agent behind the session has a greeting of its own: ours would be a second one."""


class SpeechStarted(Struct, frozen=True):
    """The service hears a person. It interrupts its own response by itself."""


class SpeechStopped(Struct, frozen=True):
    """The person paused long enough for an answer."""


class ResponseCreated(Struct, frozen=True):
    """The service began a response, which is the active one until its ResponseDone."""

    response_id: str


class AudioDelta(Struct, frozen=True):
    """A piece of a response's sound, 24 kHz mono S16LE."""

    response_id: str
    item_id: str
    content_index: int
    pcm: bytes


class Transcript(Struct, frozen=True):
    """The complete text of something that the assistant (with its response) or the user said."""

    role: str
    text: str
    response_id: str = ""


class TranscriptDelta(Struct, frozen=True):
    """The next words of a response, which may come before or after their sound."""

    response_id: str
    text: str


class ResponseDone(Struct, frozen=True):
    """The service has ended a response; its status is completed, cancelled, failed or incomplete."""

    response_id: str
    status: str
    detail: str = ""
    """The service's reason, where it is not completed."""


class ToolCalled(Struct, frozen=True):
    """The model calls a tool in a response; `arguments` is JSON."""

    response_id: str
    call_id: str
    name: str
    arguments: str


class RemoteCallBegan(Struct, frozen=True):
    """The service calls a tool of an MCP server by itself, in a response."""

    response_id: str
    item_id: str


class RemoteCallEnded(Struct, frozen=True):
    """Its result is in the session's conversation, whether it failed or not; the model waits to be asked to go on."""

    item_id: str


class ApprovalRequested(Struct, frozen=True):
    """The service wants to call a tool of an MCP server, and asks for permission; `arguments` is JSON."""

    response_id: str
    request_id: str
    server: str
    name: str
    arguments: str


class ServiceError(Struct, frozen=True):
    """An `error` event, whatever its shape. Most leave the session open; `service_errors` says what it means."""

    code: str
    """The error's code; its type, or "unknown", where it has none."""
    message: str
    about: str = ""
    """The event_id of the message of ours that it is about."""
    type: str = ""
    param: str = ""
    """The setting it is about, such as session.voice."""


class ServiceWarning(Struct, frozen=True):
    """A `warning` event: something works otherwise than it was asked for."""

    message: str
    code: str = ""
    param: str = ""


class Closed(Struct, frozen=True):
    """The connection ended or could not be made; `failure` says why and whether trying again can help."""

    failure: SpeakerError


# From the person and the device


class Pressed(Struct, frozen=True):
    """The button, or `voicelive-speaker press`."""


class WakeWordHeard(Struct, frozen=True):
    """The device heard a wake word: it interrupts, and never ends a conversation."""


class StopWordHeard(Struct, frozen=True):
    """The device heard the stop word: whatever sounds falls silent, and nothing follows."""


class TalkBegan(Struct, frozen=True):
    """A push-to-talk button went down."""

    at_s: float


class TalkEnded(Struct, frozen=True):
    """It was released."""

    at_s: float


class RepeatRequested(Struct, frozen=True):
    """Somebody wants to hear the last answer again; `pcm` is its sound, 24 kHz mono S16LE."""

    pcm: bytes


class ChimeRequested(Struct, frozen=True):
    """A timer rings: it is to be heard softly, unless somebody speaks."""


class StopRequested(Struct, frozen=True):
    """End the conversation: somebody asked for it, muted the device, or the service is being stopped."""

    reason: EndReason


class Farewell(Struct, frozen=True):
    """The person says goodbye: the conversation ends when the farewell was heard, unless somebody speaks on."""


class ToolResult(Struct, frozen=True):
    """What came of the call that a CallTool began; a failure too is a sentence for the model."""

    key: int
    output: str


class MicrophoneFailed(Struct, frozen=True):
    """The microphone gives no sound: it is missing, busy, or stalls. It is opened again and again."""

    error: SpeakerError


class MicrophoneFlows(Struct, frozen=True):
    """The microphone gives sound: for the first time since it was opened, or again after a failure."""


ServiceEvent = (
    Opened
    | SessionCreated
    | SessionUpdated
    | SpeechStarted
    | SpeechStopped
    | ResponseCreated
    | AudioDelta
    | Transcript
    | TranscriptDelta
    | ResponseDone
    | ToolCalled
    | RemoteCallBegan
    | RemoteCallEnded
    | ApprovalRequested
    | ServiceError
    | ServiceWarning
    | Closed
)
PersonEvent = (
    Pressed | WakeWordHeard | StopWordHeard | TalkBegan | TalkEnded | RepeatRequested | ChimeRequested | Farewell
)
DeviceEvent = StopRequested | MicrophoneFailed | MicrophoneFlows | ToolResult
Event = ServiceEvent | SpeakerEvent | PersonEvent | DeviceEvent
