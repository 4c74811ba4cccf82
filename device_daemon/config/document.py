"""The YAML text as a tree that knows where everything stands, before anybody asks what it means.

Only events of the YAML parser are used, none of its resolving: whether `off` or `07:30` is text is decided where it is
known what is wanted there. Size, depth and aliases are bounded, so nothing a file contains can make this slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from device_daemon.config.nodes import Entry, Mapping, Node, Scalar, Sequence, describe
from device_daemon.config.problems import Path, Problems, Spot, quoted
from device_daemon.config.syntax import explain

LARGEST_BYTES = 1_048_576
MOST_NODES = 10_000
DEEPEST = 32

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class UnreadableDocument(Exception):
    """Reading cannot go on; `spot` is where."""

    def __init__(self, spot: Spot, sentence: str) -> None:
        super().__init__(sentence)
        self.spot = spot
        self.sentence = sentence


def compose(text: str, problems: Problems) -> Node | None:
    """Return the tree of `text`; None if there is none, or none worth looking at because of what was noted."""
    if len(text) > LARGEST_BYTES:
        problems.add(
            Spot(1, 1), f"found more than {LARGEST_BYTES} bytes; a config is a few kilobytes: is this the file?"
        )
        return None
    if (forbidden := _FORBIDDEN.search(text)) is not None:
        told = f"found the character U+{ord(forbidden[0]):04X}, which no text may hold; remove it"
        problems.add(spot_of(text, forbidden.start()), told)
        return None
    try:
        return _Composer(text, problems).document()
    except UnreadableDocument as error:
        problems.add(error.spot, error.sentence)
    except yaml.MarkedYAMLError as error:
        flaw = explain(error, text)
        problems.add(Spot(flaw.line, flaw.column), flaw.sentence)
    return None


def spot_of(text: str, index: int) -> Spot:
    """Return line and column of the character at `index`."""
    before = text[:index]
    return Spot(before.count("\n") + 1, index - before.rfind("\n"))


class _Composer:
    """Turns the parser's events into nodes."""

    def __init__(self, text: str, problems: Problems) -> None:
        self.events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.problems = problems
        self.anchors: dict[str | None, Node | None] = {}
        self.count = 0

    def document(self) -> Node | None:
        next(self.events)  # the stream's start
        if not isinstance(next(self.events), yaml.DocumentStartEvent):
            return None
        root = self.node(next(self.events), ())
        next(self.events)  # the document's end
        event = next(self.events)
        if isinstance(event, yaml.DocumentStartEvent):
            raise UnreadableDocument(
                _spot(event, ()), "found a second document after '---'; allowed: one, so remove this line"
            )
        return root

    def node(self, event: yaml.Event, path: Path) -> Node:
        """Return the node that begins with `event`."""
        self.count += 1
        if self.count > MOST_NODES:
            raise UnreadableDocument(_spot(event, ()), f"found more than {MOST_NODES} values; is this the right file?")
        self.limit_depth(event, len(path))
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, path)
        anchor: str | None = getattr(event, "anchor", None)
        if anchor is not None:
            self.anchors[anchor] = None
        self.refuse_tag(event, path)
        node: Node
        if isinstance(event, yaml.MappingStartEvent):
            node = self.mapping(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(event, path)
        else:
            node = Scalar(getattr(event, "value", ""), not getattr(event, "style", None), *_place(event))
        if anchor is not None:
            self.anchors[anchor] = node
        return node

    def refuse_tag(self, event: yaml.Event, path: Path) -> None:
        tag: str | None = getattr(event, "tag", None)
        if tag is not None:
            told = quoted(tag.replace("tag:yaml.org,2002:", "!!"))
            self.problems.add(_spot(event, path), f"found the tag {told}; tags mean nothing here: remove it")

    def alias(self, event: yaml.AliasEvent, path: Path) -> Node:
        name = f"*{event.anchor}"
        if event.anchor not in self.anchors:
            told = f"found {quoted(name)}, an alias of nothing; text that begins with '*' needs quotes"
            raise UnreadableDocument(_spot(event, path), told)
        node = self.anchors[event.anchor]
        if node is None:
            raise UnreadableDocument(_spot(event, path), f"found {quoted(name)} within itself; write it out")
        # Counted as if it were written out: ten aliases of ten aliases of … stay cheap only until they are walked.
        self.count += node.size
        self.limit_depth(event, len(path) + node.height)
        return node

    def limit_depth(self, event: yaml.Event, depth: int) -> None:
        if depth > DEEPEST:
            raise UnreadableDocument(
                _spot(event, ()), f"found lists or mappings more than {DEEPEST} deep; simplify this"
            )

    def sequence(self, start: yaml.SequenceStartEvent, path: Path) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items))))
        return Sequence(items, *_place(start), *_extent(items))

    def mapping(self, start: yaml.MappingStartEvent, path: Path) -> Mapping:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        values: list[Node] = []
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, (*path, ""))
            name = key.text if isinstance(key, Scalar) else ""
            spot = Spot(key.line, key.column, (*path, name))
            value = self.node(next(self.events), spot.path)
            values += [key, value]
            if not isinstance(key, Scalar):
                self.problems.add(Spot(key.line, key.column, path), "found a list or mapping as a key; allowed: a word")
            elif name == "<<" and key.plain:
                merged.append(value)
            elif name in entries:
                told = f"given twice, first on line {entries[name].key.line}; keep one of the two"
                self.problems.add(spot, told)
            elif key.is_null and not name:
                self.problems.add(Spot(key.line, key.column, path), "found no key before ':'; write one")
            else:
                entries[name] = Entry(key, value)
        for node in merged:
            self.merge(node, entries, path)
        return Mapping(entries, bool(start.flow_style), *_place(start), *_extent(values))

    def merge(self, node: Node, entries: dict[str, Entry], path: Path) -> None:
        """Add what `<<` brings in; keys written out win."""
        for part in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(part, Mapping):
                for name, entry in part.entries.items():
                    entries.setdefault(name, entry)
            else:
                spot = Spot(part.line, part.column, (*path, "<<"))
                self.problems.add(spot, f"found {describe(part)}; allowed: the alias of a mapping")


def _extent(below: list[Node]) -> tuple[int, int]:
    """Return size and height of what holds the nodes `below`."""
    return 1 + sum(node.size for node in below), 1 + max((node.height for node in below), default=0)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _spot(event: yaml.Event, path: Path) -> Spot:
    return Spot(*_place(event), path)
