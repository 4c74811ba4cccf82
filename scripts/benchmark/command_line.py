"""How the benchmark's commands take their options: what is wrong is said in one sentence."""

from __future__ import annotations

import argparse
import sys
from typing import Never

USAGE_EXIT_CODE = 64


class CannotMeasure(Exception):
    """Something that the benchmark needs is not there; the message says what to do."""


class Parser(argparse.ArgumentParser):
    """Options of one command; abbreviations are not taken."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(f"scripts/bench {command}".rstrip(), description=description, allow_abbrev=False)

    def error(self, message: str) -> Never:
        """Say what is wrong, and leave."""
        sys.stderr.write(f"bench: {message}; see scripts/bench --help\n")
        raise SystemExit(USAGE_EXIT_CODE)


def count(text: str) -> int:
    """Return a whole number of at least 1; raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def count_or_none(text: str) -> int:
    """Return a whole number of at least 0; raises ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def progress(words: str) -> None:
    """Report progress on standard error: in place on a terminal, on a line of its own in a file."""
    place = ("\r", "\x1b[K") if sys.stderr.isatty() else ("", "\n")
    sys.stderr.write(f"{place[0]}bench: {words}{place[1]}")
    sys.stderr.flush()
