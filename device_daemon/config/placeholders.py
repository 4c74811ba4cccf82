"""Template placeholders in texts: {name} stands for a value, {{ and }} for a brace."""

from __future__ import annotations

import re

from device_daemon.config.problems import quoted

BUILT_IN = frozenset({"daypart", "salutation", "time", "date", "weekday", "hostname", "since_last", "welcome"})
"""Placeholders every greeting may use; the keys of `names` come on top."""

REMEMBERED = frozenset({"name"})
"""Placeholders in greetings that people fill in by telling it ("my name is..."); until then `names` does, or nothing."""

IN_INSTRUCTIONS = BUILT_IN - {"since_last"}
"""Placeholders in service.instructions, which are filled in when a session is opened: no conversation is known there."""

_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class MalformedText(Exception):
    """Unbalanced braces, or braces that hold more than a name; the message says which and what is allowed."""


def placeholders(template: str) -> list[str]:
    """Return the names in braces, in order; raises MalformedText."""
    found = []
    for part in _PARTS.finditer(template):
        name = part[1]
        if part[0] in {"{", "}"}:
            raise MalformedText(
                f"found a single '{part[0]}'; allowed: a name in braces, such as {{time}}, or '{part[0] * 2}' for the brace itself"
            )
        if name is None:
            continue
        if not is_name(name):
            raise MalformedText(f"found {quoted(part[0])}; allowed: a name in braces, such as {{time}}")
        found.append(name)
    return found


def is_name(text: str) -> bool:
    """Whether `text` can stand between braces: letters, digits and underscores, no digit first."""
    return text.isidentifier()
