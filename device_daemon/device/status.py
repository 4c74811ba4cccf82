"""`status` for people: the same facts as `status --json`, in short lines; and what both show of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import asdict

from device_daemon.audio.microphone import Microphone
from device_daemon.audio.speaker import Speaker
from device_daemon.state import State
from device_daemon.system.foreign_text import safe

MOST_CHARACTERS: Final = 500
"""Of a line; a failure's reason may hold what the service said."""


def as_text(status: Mapping[str, Any]) -> str:
    """A few lines; what is zero or was never measured is left out."""
    lines = [f"{status['state']}, volume {status['volume']}" + _muted(status)]
    if status.get("config_error"):
        lines.append(f"the config is wrong, and the one before is used: {status['config_error']}")
    for part, health in status["health"].items():
        if not health["ok"]:
            lines.append(f"{part} failed {health['for_s']:.0f} s ago: {health['reason']}")
    if now := status["conversation"]:
        lines.append(f"conversation: open for {now['for_s']} s, {now['trigger']}, greeting {now['greeting']}")
    if last := status["last_conversation"]:
        lines.append(f"last conversation: {last['duration_s']} s, {last['trigger']}, ended because {last['ended']}")
    lines.extend(f"{each['name']}: {'rings' if each['ringing'] else each['due']}" for each in status["timers"])
    lines.append(f"echo: {status['echo']['mode']}: {status['echo']['reason']}")
    for name, value in status["measures"].items():
        if value:
            lines.append(f"{name.replace('_', ' ')}: {_listed(value) if isinstance(value, Mapping) else value}")
    lines.extend(f"{card}: {values}" for card in ("microphone", "speaker") if (values := _listed(status[card])))
    return "\n".join(safe(line, MOST_CHARACTERS) for line in lines)


def card_status(card: Microphone | Speaker) -> dict[str, Any]:
    """Return what `status` shows of a card: its counters, and how it was opened."""
    return asdict(card.counters) | {"negotiated": str(card.negotiated) if card.negotiated else None}


def _muted(status: Mapping[str, Any]) -> str:
    return ", muted" if status["muted"] and status["state"] != State.MUTED else ""


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value not in {0, None})
