"""The words of a command line before argparse sees them: their encoding, and where the text of `say` begins. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import takewhile

_LISTEN = "--listen"


def decoded(word: str) -> str:
    """Return a word as the person typed it.

    Python decodes the command line by the locale. Terminals and other programs write UTF-8 whatever the locale says, and
    old ones Latin-1; UTF-8 is not mistaken for it.
    """
    try:
        typed = os.fsencode(word)
    except UnicodeEncodeError:  # not from a command line
        return word
    try:
        return typed.decode("utf-8")
    except UnicodeDecodeError:
        return typed.decode("latin-1")


def with_text_marked(typed: Sequence[str]) -> list[str]:
    """Return the words with `--` before the text of `say`, which may begin with a dash: `say "-5 degrees outside"`.

    `--listen` counts in front of the text and at its end.
    """
    if typed[:1] != ["say"] or "--" in typed:
        return list(typed)
    rest = list(typed[1:])
    ends_in_listen = len(rest) > 1 and rest[-1] == _LISTEN
    if ends_in_listen:
        rest.pop()
    options = len(list(takewhile(_is_option, rest)))
    if options and rest[options - 1] == "--socket":
        options += 1
        options += len(list(takewhile(_is_option, rest[options:])))
    text = rest[options:]
    return ["say", *rest[:options], *([_LISTEN] if ends_in_listen else []), *(["--", *text] if text else [])]


def _is_option(word: str) -> bool:
    return word in {_LISTEN, "--help", "--socket"} or word.startswith("--socket=")
