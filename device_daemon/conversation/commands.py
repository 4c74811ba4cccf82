"""What a conversation wants done: the outputs of `dialogue.Dialogue`.

Frozen values without behaviour; runner.py carries them out in order.
"""

from __future__ import annotations

from msgspec import Struct

from device_daemon.conversation.policy import EndReason
from device_daemon.errors import SpeakerError
from device_daemon.greetings.opening import Opening
from device_daemon.state import State

# Messages to the service, in the order in which they must reach it

SESSION_UPDATE_ID = "session-update"
"""The event_id of every session.update: an `error` event about it carries this."""


class UpdateSession(Struct, frozen=True):
    """session.update with everything the config asks for: the first message of a session."""

    push_to_talk: bool = False
    """Without turn detection: the person says by the button when a turn begins and ends."""
    trigger: str = ""
    """What opened the conversation, for the session's metadata; empty for a session without one."""


class UpdateMetadata(Struct, frozen=True):
    """session.update with the metadata alone: everything else is in force already."""

    trigger: str


class RequestGreeting(Struct, frozen=True):
    """Ask the service to speak the opening; errors about it carry `event_id`."""

    opening: Opening
    event_id: str


class Recall(Struct, frozen=True):
    """Add a message to the session's conversation: what was said that the service does not know of."""

    role: str
    text: str


class Truncate(Struct, frozen=True):
    """Cut an item in the model's history to what was heard of it."""

    item_id: str
    content_index: int
    audio_end_ms: int


class CancelResponse(Struct, frozen=True):
    """Stop a response the service is still making (it stops by itself when it hears speech)."""

    response_id: str


class CommitAudio(Struct, frozen=True):
    """The microphone sound sent until here is a complete turn."""


class RequestReply(Struct, frozen=True):
    """Ask for an answer to the committed turn; errors about it carry `event_id`."""

    event_id: str


class ToolOutput(Struct, frozen=True):
    """Add what came of a tool's call to the session's conversation."""

    call_id: str
    output: str


class AnswerApproval(Struct, frozen=True):
    """Allow or refuse the call of an MCP server's tool that the service asked about."""

    request_id: str
    approve: bool


class ClearAudio(Struct, frozen=True):
    """Discard the microphone sound sent since the last turn."""


Message = (
    UpdateSession
    | UpdateMetadata
    | RequestGreeting
    | Recall
    | Truncate
    | CancelResponse
    | CommitAudio
    | RequestReply
    | ClearAudio
    | ToolOutput
    | AnswerApproval
)


# Commands


class Enter(Struct, frozen=True):
    """The device's state changes, and with it the light."""

    state: State


class Connect(Struct, frozen=True):
    """Open a connection after `delay_s`; the one before, if any, is closed."""

    delay_s: float


class Send(Struct, frozen=True):
    """Hand a message to the connection."""

    message: Message


class Play(Struct, frozen=True):
    """Queue a piece of an item, 24 kHz mono S16LE, behind what is queued already."""

    item_id: str
    pcm: bytes
    ticket: int


class OpenMicrophone(Struct, frozen=True):
    """Begin to capture; the light that says so was shown before."""


class CloseMicrophone(Struct, frozen=True):
    """Stop capturing, before the light changes."""


class DropAudio(Struct, frozen=True):
    """Discard the microphone sound that waits for the session to be ready."""


class ReplayAudio(Struct, frozen=True):
    """Send the microphone sound captured since `since_s` to the next session, though a lost one had it already."""

    since_s: float


class Flush(Struct, frozen=True):
    """Silence the speaker at once, and discard what is queued."""

    ticket: int


class Sound(Struct, frozen=True):
    """Queue an earcon: a short sound of the device itself."""

    name: str
    ticket: int


class Notice(Struct, frozen=True):
    """Queue a spoken notice of the device itself."""

    name: str
    ticket: int


class CallTool(Struct, frozen=True):
    """Begin a tool's call, which answers with ToolResult; `arguments` is JSON as the model gave it."""

    key: int
    name: str
    arguments: str


class End(Struct, frozen=True):
    """The conversation is over: close everything it opened."""

    reason: EndReason
    failure: SpeakerError | None = None


Command = (
    Enter
    | Connect
    | Send
    | Play
    | Flush
    | Sound
    | Notice
    | OpenMicrophone
    | CloseMicrophone
    | DropAudio
    | ReplayAudio
    | CallTool
    | End
)
