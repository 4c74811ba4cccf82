"""What is wrong with a file: where, and in words an owner can act on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from msgspec import Struct

from device_daemon.config.api_key import hide

MOST_LINES = 100
"""More problems than this are counted instead of listed: nobody reads them, and the file may be no config at all."""

Path = tuple[str | int, ...]
"""Keys and list positions (from 0) from the top of the file down."""

_LONGEST_VALUE = 60
_LONGEST_NAME = 64
_LONGEST_LIST = 110
_WORD = re.compile(r"[\w-]+")


class Spot(Struct, frozen=True):
    """A key or value in the file: its path, and its line and column, both counted from 1."""

    line: int
    column: int
    path: Path = ()


class Problems:
    """Gathers all problems of a config; `name` is what its file is called in the messages.

    A config may include other files: each has a `Problems` of its own, and everything is told by the first one.
    """

    def __init__(self, name: str) -> None:
        self.name = printable(name)
        self.found: set[tuple[int, int, str]] = set()
        self._paths: set[Path] = set()
        self._others: list[Problems] = []
        self._origins: dict[Path, Problems] = {}

    def of_another(self, name: str) -> Problems:
        """Return the problems of another file, which are told together with these."""
        other = Problems(name)
        self._others.append(other)
        return other

    def comes_from(self, path: Path, file: Problems) -> None:
        """Remember that what is at `path`, and below it unless said otherwise, stands in the file of `file`."""
        self._origins[path] = file

    def origin(self, path: Path) -> Problems:
        """Return the problems of the file in which the value at `path` stands."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._origins:
                return self._origins[path[:length]]
        return self

    def where(self, spot: Spot, seen_from: Spot) -> str:
        """Return "line 7", and of which file if that is another one than that of `seen_from`."""
        file = self.origin(spot.path)
        return f"line {spot.line}" if file is self.origin(seen_from.path) else f"{file.name}, line {spot.line}"

    def add(self, spot: Spot, sentence: str) -> None:
        """Note a problem; the same one noted twice (a value used through an alias) counts once."""
        path = f"{dotted(spot.path)}: " if spot.path else ""
        self.origin(spot.path).found.add((spot.line, spot.column, f"{path}{sentence}"))
        self._paths.add(spot.path)

    def noted(self, path: Path) -> bool:
        """Whether there is a problem with the value at `path` itself."""
        return path in self._paths

    def __bool__(self) -> bool:
        return bool(self.found) or any(self._others)

    def lines(self) -> list[str]:
        """One printable line per problem, in the order of the file."""
        found = [
            f"{file.name}:{line}:{column}: {text}"
            for file in (self, *self._others)
            for line, column, text in sorted(file.found)
        ]
        if len(found) > MOST_LINES:
            return [*found[:MOST_LINES], f"{self.name}: {len(found) - MOST_LINES} more problems; mend these first"]
        return found


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
    import difflib  # noqa: PLC0415 - nobody should wait for it whose config is right

    if len(text) > _LONGEST_NAME:
        return None
    by_lower = {name.lower(): name for name in names}
    wanted = text.strip().lower().replace("_", "-")
    # An underscore for a hyphen, or the other way round, is no difference worth measuring.
    for lower, name in by_lower.items():
        if lower.replace("_", "-") == wanted:
            return name
    close = difflib.get_close_matches(text.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def instead(text: str, names: Collection[str]) -> str:
    """Return "; allowed: …" for a word `text` that is none of `names`, with the nearest one; a long list is left out."""
    name = nearest(text, names)
    hint = "" if name is None else f" (did you mean {quoted(name)}?)"
    listed = ", ".join(map(shown, names))
    return hint if hint and len(listed) > _LONGEST_LIST else f"; allowed: {listed}{hint}"


def shown(text: str) -> str:
    """Return `text` from the file on one line, shortened, and without what may be an API key."""
    # Hidden first: the end of a key must not survive because its beginning was cut off.
    text = hide(text[:10_000])
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 1] + "…"
    return printable(text)
