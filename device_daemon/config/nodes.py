"""Nodes of the YAML tree with their source locations. Lines and columns are counted from 1.

`size` is the number of nodes with aliases written out, `height` the number of levels below the node.
"""

from __future__ import annotations

from msgspec import Struct

from device_daemon.config.problems import quoted


class Scalar(Struct, frozen=True):
    """A single value as it is written; `plain` if it has no quotes and is no block."""

    text: str
    plain: bool
    line: int
    column: int
    size: int = 1
    height: int = 0

    @property
    def is_null(self) -> bool:
        """No value was written, or null in one of its spellings."""
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
    """Describe a node in words for the owner."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping (keys with values)"
    if node.is_null:
        return "nothing"
    return quoted(node.text) if node.plain else f"the text {quoted(node.text)}"
