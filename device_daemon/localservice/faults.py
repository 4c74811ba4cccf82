"""Fault injection: how the service can be made to misbehave, and its pace.

Everything is off, and the pace that of a good day, unless it is set: on the command line
(`--fault close_at=delta --fault close_code=1011`), by POST /admin/faults, or in a test (`LocalService(faults=...)`).
A fault that is about a moment of a session happens at a `Moment`; one that is about a response can be limited to the
n-th response of each session with `at_response` (1 is usually the greeting).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from device_daemon.errors import ConfigError

_Ms = Annotated[int, Meta(ge=0, le=3_600_000)]
_Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Moment(StrEnum):
    """When something is to happen in a session."""

    NEVER = "never"
    CONNECTED = "connected"
    """Before `session.created`."""
    CREATED = "created"
    BEFORE_UPDATED = "before-updated"
    """When `session.update` was accepted, before `session.updated`."""
    UPDATED = "updated"
    RESPONSE_CREATED = "response-created"
    DELTA = "delta"
    """After the `at_delta`-th audio delta of a response."""
    RESPONSE_DONE = "response-done"
    SPEECH_STARTED = "speech-started"
    SPEECH_STOPPED = "speech-stopped"
    IDLE = "idle"
    """When nothing but audio came in and nothing went out for `idle_s`."""


MOMENT_OF_EVENT = {
    "session.created": Moment.CREATED,
    "session.updated": Moment.UPDATED,
    "response.created": Moment.RESPONSE_CREATED,
    "response.done": Moment.RESPONSE_DONE,
    "input_audio_buffer.speech_started": Moment.SPEECH_STARTED,
    "input_audio_buffer.speech_stopped": Moment.SPEECH_STOPPED,
}
MOMENTS_OF_A_RESPONSE = {Moment.RESPONSE_CREATED, Moment.DELTA, Moment.RESPONSE_DONE}


class Garbage(StrEnum):
    """A frame that no service should send, or that no client can know."""

    INVALID_JSON = "invalid-json"
    INVALID_UTF8 = "invalid-utf8"
    """A text frame that is not UTF-8."""
    EMPTY = "empty"
    ARRAY = "array"
    NUMBER = "number"
    NULL = "null"
    DEEP = "deep"
    """JSON, nested 100 000 levels deep."""
    BINARY = "binary"
    NO_TYPE = "no-type"
    NUMERIC_TYPE = "numeric-type"
    WRONG_FIELDS = "wrong-fields"
    """A known event whose fields have other types than they should."""
    BAD_BASE64 = "bad-base64"
    ODD_AUDIO = "odd-audio"
    """An audio delta with half a sample at its end."""
    UNKNOWN_TYPE = "unknown-type"
    HUGE = "huge"
    """5 MiB, more than the 4 MiB that the SDK takes by default."""


class ErrorShape(StrEnum):
    """How the event of `error_at` is built."""

    OBJECT = "object"
    """As documented: `{"type", "code", "message", "param", "event_id"}`."""
    NUMERIC_CODE = "numeric-code"
    """The code is the number 500."""
    NO_CODE = "no-code"
    TEXT = "text"
    """`error` is a string."""
    NULL = "null"
    WARNING = "warning"
    """A `warning` event with the same code."""


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One setting of all the switches."""

    # Which connections
    first_connections: _Count | None = None
    """Only the first n connections after these faults were set have them (and those that are open already)."""

    # The handshake
    refuse_status: Annotated[int, Meta(ge=300, le=599)] | None = None
    """The HTTP status of the answer; from 300 to 399 with a `Location`."""
    retry_after_s: _Count | None = None
    retry_after_as_date: bool = False
    """Retry-After as an HTTP date instead of seconds (RFC 9110, 10.2.3)."""
    handshake_delay_ms: _Ms = 0
    handshake_hangs: bool = False

    # The session
    no_session_created: bool = False
    no_session_updated: bool = False
    session_updated_twice: bool = False
    session_updated_delay_ms: _Ms = 0
    reject_session_update: str = ""
    """The error code with which every session.update is refused; `reject_param` goes with it."""
    reject_param: str = "session"
    first_message_rule: bool = True
    """Whether the first message has to be session.update, as the real service demands."""
    session_lifetime_s: Annotated[float, Meta(gt=0, le=86_400)] = 3_600.0
    """From the connection to `expires_at`, when the session ends with `session_expired` and close code 1001."""
    cancels_echo: bool = True
    """Whether the service removes the echo where a session asks for it (server_echo_cancellation)."""
    greeting: str = ""
    """The session has a greeting of its own, and the service speaks first."""

    # Errors
    error_at: Moment = Moment.NEVER
    error_shape: ErrorShape = ErrorShape.OBJECT
    error_code: str = "server_error"
    error_names_update: bool = False
    """The error's `event_id` is that of the last session.update."""

    # Responses
    at_response: _Count = 0
    """Only the n-th response of each session has the faults below and the moments of a response; 0: all of them."""
    ignore_responses: _Count = 0
    """The first n response.create of each session are lost: no response, no error."""
    reject_responses: _Count = 0
    """The first n response.create of each session are refused with `reject_response_code`."""
    reject_response_code: str = "conversation_already_has_active_response"
    response_created_delay_ms: _Ms = 0
    """The response is active at once, but its `response.created` and all that follows come so much later."""
    unanswered_responses: bool = False
    """`response.created` comes, and nothing after it."""
    fail_responses: str = ""
    """The error code with which a response fails (status `failed`)."""
    incomplete_responses: Literal["", "content_filter", "max_output_tokens"] = ""
    """The reason for which a response ends before its `at_delta`-th audio delta (status `incomplete`)."""
    text_responses: bool = False
    """The response is text only, although the session asks for audio."""
    silent_responses: bool = False
    """The response has a transcript and no audio delta."""
    audio_s: Annotated[int, Meta(ge=0, le=3_600)] = 0
    """The audio of a response is repeated until it lasts so long."""
    stall_ms: _Ms = 0
    """No audio for so long, once in a response, before its `at_delta`-th delta."""
    late_deltas: _Count = 0
    """So many deltas of a response are still sent after it was cancelled."""
    phantom_speech_at: Moment = Moment.NEVER
    """Speech is detected where there is none."""
    phantom_speech_ms: _Ms = 400

    # Pace
    think_ms: _Ms = 0
    """From `response.created` to the first word."""
    synthesis_ms: _Ms = 0
    """From the first word to the first audio."""
    mcp_call_ms: _Ms = 0
    """From `response.mcp_call.in_progress` to the result."""
    delta_ms: Annotated[int, Meta(ge=10, le=60_000)] = 250
    """Audio in one delta. Source: 257 ms on average in recorded gpt-realtime traffic."""
    jitter_ms: _Ms = 0
    """Each delta comes late by a random time up to this."""
    speed: Annotated[float, Meta(ge=0, le=1_000)] = 10.0
    """How many times faster than real time audio is sent; less than 1 is too slow, 0 sends all of it at once."""

    # The end, and what is on the wire
    close_at: Moment = Moment.NEVER
    close_code: Annotated[int, Meta(ge=1000, le=4999)] = 1011
    close_reason: str = ""
    close_abruptly: bool = False
    """The TCP connection is reset without a close frame: the client sees 1006."""
    half_open_at: Moment = Moment.NEVER
    """From then on the service neither reads nor writes nor answers a ping, and the connection stays open."""
    at_delta: Annotated[int, Meta(ge=1)] = 1
    idle_s: Annotated[float, Meta(gt=0)] = 600.0
    garbage: Garbage = Garbage.INVALID_JSON
    garbage_at: Moment = Moment.NEVER
    extras: bool = False
    """Two events that the SDK has no type for: `local_service.notice`, and `rate_limits.updated` as documented."""
    network_delay_ms: _Ms = 0
    """Each way."""

    def of_response(self, number: int) -> Faults:
        """Return the faults without those of responses, unless they apply to this response of the session (from 1)."""
        if self.at_response in {0, number}:
            return self
        return replace(self, **{name: getattr(NONE, name) for name in _OF_A_RESPONSE})


def parse(settings: Sequence[str]) -> Faults:
    """Return the faults of `name=value` settings.

    Raises:
        ConfigError: names each wrong setting and what is allowed.
    """
    values: dict[str, Any] = {}
    problems = []
    for setting in settings:
        name, given, value = setting.partition("=")
        name = name.replace("-", "_")
        value = value if given else "true"
        try:
            # One at a time, so that an error names the setting it is about.
            msgspec.convert({name: value}, Faults, strict=False)
        except msgspec.ValidationError as error:
            known = ", ".join(Faults.__struct_fields__)
            unknown = name not in Faults.__struct_fields__
            problems.append(f"--fault {setting}: {f'choose one of {known}' if unknown else error}")
        values[name] = value
    if problems:
        raise ConfigError(problems)
    return msgspec.convert(values, Faults, strict=False)


def from_json(values: object) -> Faults:
    """Return the faults of a JSON object. Raises ConfigError."""
    try:
        return msgspec.convert(values, Faults)
    except msgspec.ValidationError as error:
        raise ConfigError([f"faults: {error}"]) from error


class FaultBox:
    """The faults in force, which may be changed while sessions are open, and the connections they apply to."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._connections = 0
        self._connections_when_set = 0

    @property
    def faults(self) -> Faults:
        """What was set last."""
        return self._faults

    def set(self, faults: Faults) -> None:
        """Replace the faults in force."""
        self._faults = faults
        self._connections_when_set = self._connections

    def connect(self) -> int:
        """Count one more connection and return its number."""
        self._connections += 1
        return self._connections

    def of(self, connection: int) -> Faults:
        """Return the faults of this connection at this moment."""
        limit = self._faults.first_connections
        if limit is None or connection <= self._connections_when_set + limit:
            return self._faults
        return NONE


NONE = Faults()
_OF_A_RESPONSE = (
    "response_created_delay_ms",
    "unanswered_responses",
    "fail_responses",
    "incomplete_responses",
    "text_responses",
    "silent_responses",
    "audio_s",
    "stall_ms",
    "late_deltas",
)
