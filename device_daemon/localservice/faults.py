"""How the service can be made to misbehave, and how fast it is.

Everything is off, and the pace that of a good day, unless somebody turns it on: on the command line
(`--fault close_at=delta --fault close_code=1011`), over the admin interface, or in a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from device_daemon.errors import ConfigError

_Ms = Annotated[int, Meta(ge=0, le=3_600_000)]
_Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Moment(StrEnum):
    """When something is to happen in a session."""

    NEVER = "never"
    CONNECTED = "connected"
    """Before `session.created`."""
    CREATED = "created"
    UPDATED = "updated"
    RESPONSE_CREATED = "response-created"
    DELTA = "delta"
    """After the `at_delta`-th audio delta of a response."""
    RESPONSE_DONE = "response-done"
    SPEECH_STARTED = "speech-started"
    SPEECH_STOPPED = "speech-stopped"
    IDLE = "idle"
    """When nothing but audio came in and nothing went out for `idle_s`."""


class Garbage(StrEnum):
    """What should never be on the wire."""

    INVALID_JSON = "invalid-json"
    ARRAY = "array"
    BINARY = "binary"
    BAD_BASE64 = "bad-base64"
    UNKNOWN_TYPE = "unknown-type"
    HUGE = "huge"


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One setting of all the switches."""

    # For whom
    first_connections: _Count | None = None
    """Only the first n connections after these faults were set meet them (what is open already does, too)."""

    # The handshake
    refuse_status: Annotated[int, Meta(ge=400, le=599)] | None = None
    retry_after_s: _Count | None = None
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
    session_lifetime_s: Annotated[float, Meta(gt=0, le=86_400)] = 3_600.0
    greeting: str = ""
    """The session has a greeting of its own, and the service speaks first."""

    # Responses
    ignore_responses: _Count = 0
    """So many response.create of a session are lost."""
    fail_responses: str = ""
    """The error code with which every response fails."""
    silent_responses: bool = False
    stall_ms: _Ms = 0
    """No audio for so long, once in a response, before its `at_delta`-th delta."""
    late_deltas: _Count = 0
    """So many deltas of a response that was cancelled are sent all the same."""
    phantom_speech_at: Moment = Moment.NEVER
    """The service hears speech where there is none."""
    phantom_speech_ms: _Ms = 400

    # Pace
    think_ms: _Ms = 0
    """From `response.created` to the first word."""
    synthesis_ms: _Ms = 0
    """From the first word to the first sound."""
    delta_ms: Annotated[int, Meta(ge=10, le=60_000)] = 250
    jitter_ms: _Ms = 0
    """Each delta comes up to so much later than its time."""
    speed: Annotated[float, Meta(ge=0, le=1_000)] = 10.0
    """How many times faster than real time audio is made; 0 makes all of it at once."""

    # The end, and what is on the wire
    close_at: Moment = Moment.NEVER
    close_code: Annotated[int, Meta(ge=1000, le=4999)] = 1011
    close_reason: str = ""
    close_abruptly: bool = False
    """The connection breaks without a word: the client sees 1006."""
    at_delta: Annotated[int, Meta(ge=1)] = 1
    idle_s: Annotated[float, Meta(gt=0)] = 600.0
    garbage: Garbage = Garbage.INVALID_JSON
    garbage_at: Moment = Moment.NEVER
    extras: bool = True
    """Event types the SDK doesn't know, now and then, and `rate_limits.updated`, as the real service sends them."""
    network_delay_ms: _Ms = 0
    """Each way."""


def parse(settings: Sequence[str]) -> Faults:
    """Return the faults of `name=value` settings. Raises ConfigError naming each wrong one and what is allowed."""
    values: dict[str, Any] = {}
    problems = []
    for setting in settings:
        name, given, value = setting.partition("=")
        name = name.replace("-", "_")
        value = value if given else "true"
        try:
            # Each alone, so that an error names the setting it is about.
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
    """The faults in force; they may be changed while sessions are open."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._connections = 0
        self._connections_when_set = 0

    @property
    def faults(self) -> Faults:
        """What was set last."""
        return self._faults

    def set(self, faults: Faults) -> None:
        """Put other faults in force."""
        self._faults = faults
        self._connections_when_set = self._connections

    def connect(self) -> int:
        """Count one more connection and return its number."""
        self._connections += 1
        return self._connections

    def of(self, connection: int) -> Faults:
        """Return the faults this connection meets now."""
        limit = self._faults.first_connections
        if limit is None or connection <= self._connections_when_set + limit:
            return self._faults
        return NONE


NONE = Faults()
