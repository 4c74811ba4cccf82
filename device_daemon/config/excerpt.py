"""Source excerpts for error messages: the line of a file with a caret under the column; and invisible characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from device_daemon.config.masking import mask

LINE_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What counts as the end of a line for YAML, and so for line numbers."""

_LONGEST: Final = 2_000
"""A longer line was not written by hand, and would take long to be searched for secrets."""
_BEFORE: Final = 60
_AFTER: Final = 40
"""Characters of a long line that are shown around the column."""

_INVISIBLE: Final = "\u00a0\u00ad\u1680\u2000-\u200b\u200e\u200f\u202a-\u202f\u205f-\u2064\u3000\ufeff"
"""Spaces other than the plain one, soft hyphen, zero-width and direction marks: what web pages and word processors leave
in a text that is copied. The zero-width joiner is part of emoji and not among them."""
_MISPLACED: Final = re.compile(
    rf"(?:(?<![^\s:,\[{{-])|(?<=[{_INVISIBLE}]))[{_INVISIBLE}]|[{_INVISIBLE}](?=\s*:(?:\s|$))"
)
"""An invisible character where YAML wants a plain space or none: at the beginning of a line, after a space or a sign of
YAML, or before a colon. In the middle of a text it may be meant."""


def excerpt(lines: Sequence[str], line: int, column: int) -> str:
    """Return a line of the file and, below it, a caret under the column.

    Args:
        lines: The lines of the file.
        line: Counted from 1.
        column: Counted from 1.

    Returns:
        Two lines; "" where there is nothing to show, or where the line may hold a secret.
    """
    if not 1 <= line <= len(lines):
        return ""
    text = lines[line - 1]
    if not text.strip() or len(text) > _LONGEST or mask(text) != text:
        return ""
    begin = max(0, column - 1 - _BEFORE)
    shown = text[begin : column - 1 + _AFTER]
    before = ("…" if begin else "") + text[begin : column - 1]
    shown = ("…" if begin else "") + shown + ("…" if begin + len(shown) < len(text) else "")
    return f"    {_visible(shown)}\n    {' ' * _width(before)}^"


def misplaced_invisible(text: str) -> tuple[int, str] | None:
    """Return the column (from 1) and the name of the first misplaced invisible character in a line, None without one."""
    found = _MISPLACED.search(text)
    if found is None:
        return None
    character = found[0]
    return found.start() + 1, f"{unicodedata.name(character, 'unnamed').lower()} (U+{ord(character):04X})"


def _visible(text: str) -> str:
    """Return `text` with a replacement for every character that a terminal would not show as one cell or two."""
    return "".join(
        c if c.isprintable() else " " if c == "\t" or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _width(text: str) -> int:
    """Return the number of terminal cells that `text` takes."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
