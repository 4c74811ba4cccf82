"""Source map: the location in the file of each struct that was built from it, for the messages of later checks."""

from __future__ import annotations

from msgspec import Struct

from device_daemon.config.nodes import Mapping, Node, Sequence
from device_daemon.config.problems import Location, Path


class SourceMap:
    """Maps structs to nodes and locations; asking for a struct that was not built from the file is an error."""

    def __init__(self) -> None:
        # By identity, because two buttons may be equal by value. The structs are kept so that no id is used again.
        self._by_id: dict[int, tuple[Struct, Path, Mapping]] = {}

    def put(self, struct: Struct, path: Path, node: Mapping) -> None:
        """Record that `struct` was built from `node`."""
        self._by_id[id(struct)] = (struct, path, node)

    def knows(self, struct: Struct) -> bool:
        """Whether `struct` is in the file; false for defaults."""
        return id(struct) in self._by_id

    def node(self, struct: Struct, *steps: str | int) -> Node | None:
        """Return the node at `steps` below `struct`, valid or not; None if the file has none."""
        node: Node = self._by_id[id(struct)][2]
        for step in steps:
            inner = _below(node, step)
            if inner is None:
                return None
            node = inner
        return node

    def value(self, struct: Struct, *steps: str | int) -> Location:
        """Return the location of the value at `steps` below `struct`; of its parent if the value is missing."""
        _, path, node = self._by_id[id(struct)]
        inner: Node = node
        for index, step in enumerate(steps):
            found = _below(inner, step)
            if found is None:
                return Location(inner.line, inner.column, path + steps[:index])
            inner = found
        return Location(inner.line, inner.column, path + steps)

    def key(self, struct: Struct, *steps: str) -> Location:
        """Return the location of the key at `steps` below `struct`, which must be in the file."""
        _, path, node = self._by_id[id(struct)]
        entries = node.entries
        for step in steps[:-1]:
            inner = entries[step].value
            entries = inner.entries if isinstance(inner, Mapping) else {}
        key = entries[steps[-1]].key
        return Location(key.line, key.column, path + steps)


def _below(node: Node, step: str | int) -> Node | None:
    if isinstance(node, Mapping) and isinstance(step, str):
        entry = node.entries.get(step)
        return None if entry is None else entry.value
    if isinstance(node, Sequence) and isinstance(step, int):
        return node.items[step]
    return None
