"""Events that are on the real wire but not in the SDK, and what should never be on any wire."""

from __future__ import annotations

import json

from device_daemon.localservice.faults import Garbage
from device_daemon.localservice.messages import Event, event, new_id

_HUGE_CHARACTERS = 5 * 1024 * 1024
"""More than the 4 MiB the SDK takes."""


def after(kind: str) -> list[Event]:
    """Return what follows an event of this type beyond the chain a client waits for."""
    if kind == "session.updated":
        notice = "This is the local stand-in for the voice service. It does not understand speech."
        return [event("local_service.notice", message=notice)]
    if kind == "response.done":
        limits = [
            {"name": "requests", "limit": 1_000, "remaining": 999, "reset_seconds": 60.0},
            {"name": "tokens", "limit": 120_000, "remaining": 119_000, "reset_seconds": 60.0},
        ]
        return [event("rate_limits.updated", rate_limits=limits)]
    return []


def garbage(kind: Garbage) -> str | bytes:
    """Return a frame of this kind of garbage."""
    delta = {
        "event_id": new_id("event"),
        "type": "response.audio.delta",
        "response_id": new_id("resp"),
        "item_id": new_id("item"),
        "output_index": 0,
        "content_index": 0,
        "delta": "this is not base64!",
    }
    match kind:
        case Garbage.INVALID_JSON:
            return '{"type": "response.audio.delta", "delta": '
        case Garbage.ARRAY:
            return '["not", "an", "object"]'
        case Garbage.BINARY:
            return bytes(range(256))
        case Garbage.BAD_BASE64:
            return json.dumps(delta)
        case Garbage.UNKNOWN_TYPE:
            return json.dumps(event("response.telepathy.delta", thought="unknown to every SDK"))
        case Garbage.HUGE:
            return json.dumps(event("local_service.notice", message="x" * _HUGE_CHARACTERS))
