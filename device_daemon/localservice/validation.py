"""Validation of what a client sent: each function returns the value or raises the service's Refusal.

The messages are worded like those of the real service, which are Pydantic's.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NoReturn, TypeVar

from device_daemon.localservice.messages import Refusal

V = TypeVar("V")


def fail(param: str, message: str) -> NoReturn:
    """Refuse the value at `param`."""
    inside_session = param == "session" or param.startswith("session.")
    raise Refusal("invalid_session_update_message" if inside_session else "invalid_value", f"{param}: {message}", param)


def mapping(value: object, param: str) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        fail(param, "Input should be a valid dictionary or object to extract fields from")
    return value


def tag(part: dict[str, Any], allowed: Collection[str], param: str, *, key: str = "type") -> str:
    """Return the discriminator: the member that says which kind of object this is."""
    if part.get(key) is None:
        fail(param, f"Unable to extract tag using discriminator '{key}'")
    kind = part[key]
    if not isinstance(kind, str) or kind not in allowed:
        names = ", ".join(f"'{name}'" for name in allowed)
        fail(param, f"Input tag '{kind}' found using '{key}' does not match any of the expected tags: {names}")
    return kind


def one_of(value: V, allowed: Collection[V], param: str) -> V:
    """Return a value of a closed list."""
    if not isinstance(value, (str, int)) or isinstance(value, bool) or value not in allowed:
        fail(param, f"Input should be {' or '.join(repr(name) for name in allowed)}")
    return value


def number(value: object, param: str, low: float, high: float = 1e9, *, integer: bool = False) -> None:
    """Check that a number is within limits; null means that it was not set."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int if integer else (int, float)):
        fail(param, f"Input should be a valid {'integer' if integer else 'number'}")
    if not low <= value <= high:
        fail(param, f"Input should be between {low:g} and {high:g}")


def flag(value: object, param: str) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        fail(param, "Input should be a valid boolean")
    return value


def text(value: object, param: str, *, empty: bool = True) -> str:
    """Return a string; if not `empty`, of one character at least."""
    if not isinstance(value, str):
        fail(param, "Input should be a valid string")
    if not (value or empty):
        fail(param, "String should have at least 1 character")
    return value


def listed(value: object, param: str) -> list[Any]:
    """Return a JSON array; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        fail(param, "Input should be a valid list")
    return value


def strings(value: object, param: str) -> list[str]:
    """Return a list of strings."""
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        fail(param, "Input should be a valid list of strings")
    return value


def unknown_message(kind: object) -> Refusal:
    """Return the refusal of a message whose type the service does not know, or this one does not support."""
    if kind == "output_audio_buffer.clear":
        return Refusal("invalid_value", f"{kind} is only supported with an avatar.", "output_audio_buffer.clear")
    if kind == "session.avatar.connect":
        return Refusal("invalid_value", f"{kind} is not supported by the local service.", "type")
    return Refusal("invalid_value", f"Input tag '{kind}' found using 'type' does not match any known event.", "type")
