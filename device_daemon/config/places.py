"""Where in the file each value stands that was made from it, so that later checks can point at it."""

from __future__ import annotations

from msgspec import Struct

from device_daemon.config.nodes import Mapping, Node, Sequence
from device_daemon.config.problems import Path, Spot


class Places:
    """Where in the file each struct stands that was made from it; asking about others is an error."""

    def __init__(self) -> None:
        # By identity: structs are compared by value, and two buttons may well be equal. The structs are kept, lest
        # another one comes to live at the same address.
        self._by_id: dict[int, tuple[Struct, Path, Mapping]] = {}

    def put(self, struct: Struct, path: Path, node: Mapping) -> None:
        """Remember that `struct` was made from `node`."""
        self._by_id[id(struct)] = (struct, path, node)

    def knows(self, struct: Struct) -> bool:
        """Whether `struct` stands in the file; false for defaults."""
        return id(struct) in self._by_id

    def node(self, struct: Struct, *steps: str | int) -> Node | None:
        """Return what the file has at `steps` below `struct`, right or wrong; None if nothing."""
        node: Node = self._by_id[id(struct)][2]
        for step in steps:
            inner = _below(node, step)
            if inner is None:
                return None
            node = inner
        return node

    def value(self, struct: Struct, *steps: str | int) -> Spot:
        """Return where the value at `steps` below `struct` stands; if it is left out, where it would."""
        _, path, node = self._by_id[id(struct)]
        inner: Node = node
        for index, step in enumerate(steps):
            found = _below(inner, step)
            if found is None:
                return Spot(inner.line, inner.column, path + steps[:index])
            inner = found
        return Spot(inner.line, inner.column, path + steps)

    def key(self, struct: Struct, *steps: str) -> Spot:
        """Return where the key at `steps` below `struct` stands, which must be in the file."""
        _, path, node = self._by_id[id(struct)]
        entries = node.entries
        for step in steps[:-1]:
            inner = entries[step].value
            entries = inner.entries if isinstance(inner, Mapping) else {}
        key = entries[steps[-1]].key
        return Spot(key.line, key.column, path + steps)


def _below(node: Node, step: str | int) -> Node | None:
    if isinstance(node, Mapping) and isinstance(step, str):
        entry = node.entries.get(step)
        return None if entry is None else entry.value
    if isinstance(node, Sequence) and isinstance(step, int):
        return node.items[step]
    return None
