"""`status` for people: the same facts as `status --json`, in short lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_text(status: Mapping[str, Any]) -> str:
    """A few lines; what is zero or was never measured is left out."""
    lines = [f"{status['state']}, volume {status['volume']}" + (", muted" if status["muted"] else "")]
    if status["failure"]:
        lines.append(f"last failure: {status['failure']}")
    if now := status["conversation"]:
        lines.append(f"conversation: open for {now['for_s']} s, {now['trigger']}, greeting {now['greeting']}")
    if last := status["last_conversation"]:
        lines.append(f"last conversation: {last['duration_s']} s, {last['trigger']}, ended because {last['ended']}")
    for name, value in status["measures"].items():
        if value:
            lines.append(f"{name.replace('_', ' ')}: {_listed(value) if isinstance(value, Mapping) else value}")
    lines.extend(f"{card}: {values}" for card in ("microphone", "speaker") if (values := _listed(status[card])))
    return "\n".join(lines)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value not in {0, None})
