"""What every message of the protocol has in common: ids, events, errors."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

Event = dict[str, Any]
"""A message as it goes over the wire: one JSON object with at least `type`."""


def new_id(prefix: str) -> str:
    """Return an id no other object of any session has: `prefix` is sess, resp, item, conv, event or call."""
    return f"{prefix}_{secrets.token_hex(11)}"


def event(kind: str, **fields: Any) -> Event:
    """Return a server event of this type with an id of its own."""
    return {"event_id": new_id("event"), "type": kind, **fields}


class Emit(Struct, frozen=True):
    """Send one event to the client."""

    event: Event


class Close(Struct, frozen=True):
    """Close the socket in good order."""

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
    """Return an `error` event. Most of them are recoverable: the session goes on."""
    cause_id = cause.get("event_id") if isinstance(cause, Mapping) else None
    details = {"type": "invalid_request_error", "code": code, "message": message, "param": param, "event_id": cause_id}
    return event("error", error=details)
