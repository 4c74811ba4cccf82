"""How timers and alarms stand in the state file: each by itself, so that a damaged one loses only itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from device_daemon.timers.entries import Alarm, Entry
from device_daemon.timers.schedule import Missed

T = TypeVar("T")


def encode(kept: Sequence[Entry] | Sequence[Missed]) -> list[Any]:
    """Return entries as the state file has them."""
    return [msgspec.to_builtins(each) for each in kept]


def decode(stored: Sequence[Any]) -> tuple[list[Entry], int]:
    """Return the timers and alarms of a state file, and how many of it were damaged and are left out. Never raises."""
    entries: dict[int, Entry] = {}
    readable: list[Entry] = _readable(stored, Entry)
    for entry in readable:
        never = isinstance(entry, Alarm) and (entry.days is None) is (entry.on is None)
        if not never and entry.number not in entries:
            entries[entry.number] = entry
    return list(entries.values()), len(stored) - len(entries)


def decode_missed(stored: Sequence[Any]) -> list[Missed]:
    """Return what was missed, as a state file has it; what is damaged is left out."""
    return _readable(stored, Missed)


def _readable(stored: Sequence[Any], kind: type[T] | Any) -> list[T]:
    found = []
    for each in stored:
        try:
            found.append(msgspec.convert(each, kind))
        except msgspec.ValidationError:
            continue
    return found
