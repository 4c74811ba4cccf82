"""What every message of the protocol has in common: ids, events, errors, warnings."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

Event = dict[str, Any]
"""A message on the wire: one JSON object with at least `type`."""

_ID_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 22


def new_id(prefix: str) -> str:
    """Return an id that no other object of any session has, in the service's alphabet: base 62.

    Args:
        prefix: sess, resp, item, conv, event, call, mcpl (tool list), mcpr (approval request) or mcp (call).
    """
    return f"{prefix}_{''.join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))}"


def event(kind: str, **fields: Any) -> Event:
    """Return a server event of this type with an id of its own."""
    return {"event_id": new_id("event"), "type": kind, **fields}


class Emit(Struct, frozen=True):
    """Send one event to the client."""

    event: Event


class Close(Struct, frozen=True):
    """Close the WebSocket with a close frame."""

    code: int
    reason: str


class Refusal(Exception):
    """The client asked for something the protocol does not allow; it becomes an `error` event."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param

    def as_event(self, cause: object = None) -> Event:
        """Return the `error` event; `cause` is the client's message, whose `event_id` is named in it."""
        return error(self.code, self.message, param=self.param, cause=cause)


def error(code: str, message: str, *, param: str | None = None, cause: object = None) -> Event:
    """Return an `error` event. Most errors are recoverable: the session continues."""
    cause_id = cause.get("event_id") if isinstance(cause, Mapping) else None
    details = {"type": "invalid_request_error", "code": code, "message": message, "param": param, "event_id": cause_id}
    return event("error", error=details)


def warning(message: str, *, code: str | None = None, param: str | None = None) -> Event:
    """Return a `warning` event (the SDK's ServerEventWarning): what was asked for is accepted, but has no effect."""
    return event("warning", warning={"message": message, "code": code, "param": param})
