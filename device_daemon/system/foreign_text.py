"""Sanitises foreign text (what the service, a proxy or a program says) before it reaches a log, `status` or a terminal.

Such text may forge log lines (line breaks), drive a terminal (ESC, BEL, C1 controls), turn the reading direction round
(bidi controls), hide in invisible characters, or be a megabyte long.
"""

from __future__ import annotations

import logging
import time
import unicodedata
from collections.abc import Callable
from typing import Final

MOST_CHARACTERS: Final = 300
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: controls, format characters (bidi, zero width), surrogates, unassigned, line separators."""
_JOINERS: Final = frozenset("\u200c\u200d")
"""Format characters that Persian, Indic scripts and emoji need; they move nothing but their neighbours."""


def safe(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return `text` as one printable line of at most about `most` characters.

    White space of every kind becomes one space, what cannot be printed becomes U+FFFD, and what is too long ends in a
    note of how much there was.
    """
    line = " ".join(text[: most * 4].split())
    line = "".join(_printable(character) for character in line)
    if len(line) <= most and len(text) <= most * 4:
        return line
    return f"{line[:most].rstrip()}… ({len(text)} characters)"


def _printable(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _UNPRINTABLE:
        return character
    return "\ufffd"


class ForeignLog:
    """Rate limit for log lines whose text comes from outside: a burst, then a count of what was left out.

    Args:
        logger: Where the lines go.
        most: How many lines may be written within `within_s`.
        within_s: Seconds until the next burst; its first line is preceded by the count of lines left out before it.
        now: time.monotonic, or a test's clock.
    """

    def __init__(
        self,
        logger: logging.Logger,
        *,
        most: int = 10,
        within_s: float = 60.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._most = most
        self._within_s = within_s
        self._now = now
        self._began_s = now()
        self._written = 0
        self._left_out = 0

    def warning(self, form: str, *foreign: str) -> None:
        """Log a warning; `form` is ours, `foreign` is made safe."""
        now = self._now()
        if now - self._began_s >= self._within_s:
            self._began_s, self._written = now, 0
            if self._left_out:
                self._logger.warning("%d further messages of the service were not logged", self._left_out)
                self._left_out = 0
        if self._written >= self._most:
            self._left_out += 1
            return
        self._written += 1
        self._logger.warning(form, *(safe(text) for text in foreign))
