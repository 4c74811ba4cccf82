"""Frames for fault injection: malformed messages, errors of odd shapes, and events that the SDK has no type for."""

from __future__ import annotations

import base64
import json

from device_daemon.localservice.faults import ErrorShape, Garbage
from device_daemon.localservice.message_queues import RawText
from device_daemon.localservice.messages import Event, error, event, new_id, warning

_HUGE_CHARACTERS = 5 * 1024 * 1024
_DEEP_LEVELS = 100_000
_NUMERIC_CODE = 500
_BROKEN_UTF8 = b'{"type": "response.text.delta", "delta": "\xff\xfe"}'


def extra_events(kind: str) -> list[Event]:
    """Return what follows an event of this type with the fault `extras`.

    Source of `rate_limits.updated`: the API reference 2026-07-15.
    """
    if kind == "session.updated":
        notice = "This is the local voice service. It does not understand speech."
        return [event("local_service.notice", message=notice)]
    if kind == "response.done":
        limits = [
            {"name": "requests", "limit": 1_000, "remaining": 999, "reset_seconds": 60.0},
            {"name": "tokens", "limit": 120_000, "remaining": 119_000, "reset_seconds": 60.0},
        ]
        return [event("rate_limits.updated", rate_limits=limits)]
    return []


def injected_error(shape: ErrorShape, code: str, cause_id: str | None) -> Event:
    """Return the event of `error_at`.

    Args:
        shape: how it is built.
        code: the service's error code.
        cause_id: `event_id` of the client's message that it is said to be about.
    """
    message = "This error was injected into the local voice service."
    if shape == ErrorShape.WARNING:
        return warning(message, code=code)
    result = error(code, message, cause={"event_id": cause_id})
    match shape:
        case ErrorShape.NUMERIC_CODE:
            result["error"]["code"] = _NUMERIC_CODE
        case ErrorShape.NO_CODE:
            del result["error"]["code"]
        case ErrorShape.TEXT:
            result["error"] = f"{code}: {message}"
        case ErrorShape.NULL:
            result["error"] = None
    return result


def garbage(kind: Garbage) -> str | bytes | RawText:
    """Return a frame of this kind: text, binary, or the raw bytes of a text frame."""
    delta = {
        "event_id": new_id("event"),
        "type": "response.audio.delta",
        "response_id": new_id("resp"),
        "item_id": new_id("item"),
        "output_index": 0,
        "content_index": 0,
    }
    texts = {
        Garbage.INVALID_JSON: '{"type": "response.audio.delta", "delta": ',
        Garbage.EMPTY: "",
        Garbage.ARRAY: '["not", "an", "object"]',
        Garbage.NUMBER: "42",
        Garbage.NULL: "null",
        Garbage.DEEP: "[" * _DEEP_LEVELS + "]" * _DEEP_LEVELS,
        Garbage.NO_TYPE: json.dumps({"event_id": new_id("event")}),
        Garbage.NUMERIC_TYPE: json.dumps({"event_id": 7, "type": 7}),
        Garbage.WRONG_FIELDS: json.dumps({**delta, "response_id": 7, "item_id": [], "delta": {"a": None}}),
        Garbage.BAD_BASE64: json.dumps({**delta, "delta": "this is not base64!"}),
        Garbage.ODD_AUDIO: json.dumps({**delta, "delta": base64.b64encode(b"\0\0\0").decode()}),
        Garbage.UNKNOWN_TYPE: json.dumps(event("response.telepathy.delta", thought="unknown to every SDK")),
    }
    if kind == Garbage.BINARY:
        return bytes(range(256))
    if kind == Garbage.INVALID_UTF8:
        return RawText(_BROKEN_UTF8)
    if kind == Garbage.HUGE:
        return json.dumps(event("response.telepathy.delta", thought="x" * _HUGE_CHARACTERS))
    return texts[kind]
