"""Diagnostics of a config: a location and a sentence each, as `file:line:column: path: sentence`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cached_property

from msgspec import Struct

from device_daemon.config.api_key import hide
from device_daemon.config.excerpt import LINE_BREAK, excerpt, misplaced_invisible
from device_daemon.errors import ConfigError

MOST_LINES = 100
"""More problems than this are only counted: nobody reads so many, and the file may be no config at all."""

Path = tuple[str | int, ...]
"""Keys and list positions (from 0) from the top of the file down."""

_LONGEST_VALUE = 60
_LONGEST_NAME = 64
_LONGEST_LIST = 110
_WORD = re.compile(r"[\w-]+")


class Location(Struct, frozen=True):
    """A key or value in the file: its path, and its line and column, both counted from 1."""

    line: int
    column: int
    path: Path = ()


class Problems:
    """Collects all problems of a config; `name` is the file name in the messages, `text` the file's content.

    A config may include other files: each has a `Problems` of its own, and the one of the config lists them all.
    """

    def __init__(self, name: str, text: str = "") -> None:
        self.name = printable(name)
        self._text = text
        self.found: set[tuple[int, int, str]] = set()
        self._paths: set[Path] = set()
        self._others: list[Problems] = []
        self._origins: dict[Path, Problems] = {}

    def for_included_file(self, name: str, text: str) -> Problems:
        """Return the problems of an included file, which are listed together with these."""
        other = Problems(name, text)
        self._others.append(other)
        return other

    def set_origin(self, path: Path, file: Problems) -> None:
        """Record that the value at `path`, and what is below it unless recorded otherwise, is in the file of `file`."""
        self._origins[path] = file

    def origin(self, path: Path) -> Problems:
        """Return the problems of the file that holds the value at `path`."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._origins:
                return self._origins[path[:length]]
        return self

    def where(self, location: Location, seen_from: Location) -> str:
        """Return "line 7", with the file name if it is another file than that of `seen_from`."""
        file = self.origin(location.path)
        same = file is self.origin(seen_from.path)
        return f"line {location.line}" if same else f"{file.name}, line {location.line}"

    def add(self, location: Location, sentence: str) -> None:
        """Add a problem; the same one added twice (a value used through an alias) counts once."""
        path = f"{dotted(location.path)}: " if location.path else ""
        self.origin(location.path).found.add((location.line, location.column, printable(f"{path}{sentence}")))
        self._paths.add(location.path)

    def has_problem_at(self, path: Path) -> bool:
        """Whether there is a problem with the value at `path` itself."""
        return path in self._paths

    def __bool__(self) -> bool:
        return bool(self.found) or any(self._others)

    def error(self) -> ConfigError:
        """Return the exception with all problems in file order: one printable line each, and a report with excerpts.

        A misplaced invisible character makes YAML read something else than the owner sees, and every message about that
        misleading: where there is one on a line with a problem, only such characters are reported.
        """
        files = (self, *self._others)
        listed = [entry for file in files for entry in file.invisible_characters()] or [
            (file, *problem) for file in files for problem in sorted(file.found)
        ]
        messages = [f"{file.name}:{line}:{column}: {text}" for file, line, column, text in listed[:MOST_LINES]]
        excerpts = [excerpt(file.lines, line, column) for file, line, column, _ in listed[:MOST_LINES]]
        report = [part for both in zip(messages, excerpts, strict=True) for part in both if part]
        if len(listed) > MOST_LINES:
            rest = f"{self.name}: {len(listed) - MOST_LINES} more problems; fix these first"
            messages.append(rest)
            report.append(rest)
        return ConfigError(messages, "\n".join(report))

    def invisible_characters(self) -> list[tuple[Problems, int, int, str]]:
        """Return this file, line, column and sentence for each misplaced one on a line with a problem."""
        lines = self.lines
        return [
            (self, line, found[0], f"found an invisible character, {found[1]}; remove it, or type a plain space")
            for line in sorted({line for line, _, _ in self.found})
            if line <= len(lines) and (found := misplaced_invisible(lines[line - 1]))
        ]

    @cached_property
    def lines(self) -> list[str]:
        """The file's lines, without their ends."""
        return LINE_BREAK.split(self._text)


def dotted(path: Path) -> str:
    """Return a path as the messages write it: triggers[0].pin."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (shown(step) if _WORD.fullmatch(step) else quoted(step))
    return text


def quoted(text: str) -> str:
    """Return `shown(text)` in quotes."""
    return f"'{shown(text)}'"


def printable(text: str) -> str:
    """Return `text` with line breaks and control characters written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def nearest(text: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that `text` was probably meant to be, or None."""
    import difflib  # noqa: PLC0415 - only for a config with errors

    if len(text) > _LONGEST_NAME:
        return None
    by_lower = {name.lower(): name for name in names}
    wanted = text.strip().lower().replace("_", "-")
    # An underscore instead of a hyphen, or the other way round, counts as the same word.
    for lower, name in by_lower.items():
        if lower.replace("_", "-") == wanted:
            return name
    close = difflib.get_close_matches(text.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def alternatives(text: str, names: Collection[str]) -> str:
    """Return "; allowed: …" for a word that is none of `names`, with the nearest of them; a long list is left out."""
    name = nearest(text, names)
    hint = "" if name is None else f" (did you mean {quoted(name)}?)"
    if not names:
        return ""
    listed = ", ".join(map(shown, names))
    return hint if hint and len(listed) > _LONGEST_LIST else f"; allowed: {listed}{hint}"


def shown(text: str) -> str:
    """Return `text` from the file on one line, shortened, and without what may be an API key."""
    # Redacted before it is shortened: a key whose beginning is cut off would no longer be recognised.
    text = hide(text[:10_000])
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 1] + "…"
    return printable(text)
