"""What a YAML file is made of. Lines and columns are counted from 1.

`size` is how many nodes a node is when its aliases are written out, `height` how many levels it has below itself.
"""

from __future__ import annotations

from msgspec import Struct

from device_daemon.config.problems import quoted


class Scalar(Struct, frozen=True):
    """A single value as it is written; `plain` if without quotes and not as a block."""

    text: str
    plain: bool
    line: int
    column: int
    size: int = 1
    height: int = 0

    @property
    def is_null(self) -> bool:
        """Nothing was written, or null in one of its spellings."""
        return self.plain and self.text in {"", "~", "null", "Null", "NULL"}


class Sequence(Struct, frozen=True):
    """A list."""

    items: list[Node]
    line: int
    column: int
    size: int = 1
    height: int = 0


class Mapping(Struct, frozen=True):
    """Keys with values; `flow` if written in braces."""

    entries: dict[str, Entry]
    flow: bool
    line: int
    column: int
    size: int = 1
    height: int = 0


class Entry(Struct, frozen=True):
    """A key and its value."""

    key: Scalar
    value: Node


Node = Scalar | Sequence | Mapping


def describe(node: Node) -> str:
    """Return what a node is, in the owner's words."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping (keys with values)"
    if node.is_null:
        return "nothing"
    return quoted(node.text) if node.plain else f"the text {quoted(node.text)}"
