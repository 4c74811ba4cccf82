"""YAML parser: text to a tree of nodes with source locations, before any value is interpreted.

Only the events of PyYAML (libyaml) are used, not its type resolution: whether `off` or `07:30` is text is decided later,
by the type that is wanted there. Size, depth and aliases are bounded, so that no file can make this slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from device_daemon.config.nodes import Entry, Mapping, Node, Scalar, Sequence, describe
from device_daemon.config.problems import Location, Path, Problems, quoted
from device_daemon.config.syntax import explain

LARGEST_BYTES = 1_048_576
MOST_NODES = 10_000
DEEPEST = 32

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class UnreadableDocument(Exception):
    """Parsing cannot continue; `location` is where."""

    def __init__(self, location: Location, sentence: str) -> None:
        super().__init__(sentence)
        self.location = location
        self.sentence = sentence


def compose(text: str, problems: Problems) -> Node | None:
    """Return the tree of `text`; None if it is empty, or cannot be parsed, which is added to `problems`."""
    if len(text) > LARGEST_BYTES:
        problems.add(
            Location(1, 1), f"found more than {LARGEST_BYTES} bytes; a config is a few kilobytes: is this the file?"
        )
        return None
    if (forbidden := _FORBIDDEN.search(text)) is not None:
        sentence = f"found the character U+{ord(forbidden[0]):04X}, which no text may hold; remove it"
        problems.add(location_of(text, forbidden.start()), sentence)
        return None
    try:
        return _Composer(text, problems).document()
    except UnreadableDocument as error:
        problems.add(error.location, error.sentence)
    except yaml.MarkedYAMLError as error:
        flaw = explain(error, text)
        problems.add(Location(flaw.line, flaw.column), flaw.sentence)
    return None


def location_of(text: str, index: int) -> Location:
    """Return line and column of the character at `index`."""
    before = text[:index]
    return Location(before.count("\n") + 1, index - before.rfind("\n"))


class _Composer:
    """Builds nodes from the events of the YAML parser."""

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
            sentence = quoted(tag.replace("tag:yaml.org,2002:", "!!"))
            self.problems.add(_spot(event, path), f"found the tag {sentence}; tags mean nothing here: remove it")

    def alias(self, event: yaml.AliasEvent, path: Path) -> Node:
        name = f"*{event.anchor}"
        if event.anchor not in self.anchors:
            sentence = f"found {quoted(name)}, an alias of nothing; text that begins with '*' needs quotes"
            raise UnreadableDocument(_spot(event, path), sentence)
        node = self.anchors[event.anchor]
        if node is None:
            raise UnreadableDocument(_spot(event, path), f"found {quoted(name)} within itself; write it out")
        # Counted as if written out: an alias bomb is cheap to parse and expensive to walk.
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
            location = Location(key.line, key.column, (*path, name))
            value = self.node(next(self.events), location.path)
            values += [key, value]
            if not isinstance(key, Scalar):
                self.problems.add(
                    Location(key.line, key.column, path), "found a list or mapping as a key; allowed: a word"
                )
            elif name == "<<" and key.plain:
                merged.append(value)
            elif name in entries:
                sentence = f"given twice, first on line {entries[name].key.line}; keep one of the two"
                self.problems.add(location, sentence)
            elif key.is_null and not name:
                self.problems.add(Location(key.line, key.column, path), "found no key before ':'; write one")
            else:
                entries[name] = Entry(key, value)
        for node in merged:
            self.merge(node, entries, path)
        return Mapping(entries, bool(start.flow_style), *_place(start), *_extent(values))

    def merge(self, node: Node, entries: dict[str, Entry], path: Path) -> None:
        """Add the keys of a merge (`<<`); keys that are written out win."""
        for part in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(part, Mapping):
                for name, entry in part.entries.items():
                    entries.setdefault(name, entry)
            else:
                location = Location(part.line, part.column, (*path, "<<"))
                self.problems.add(location, f"found {describe(part)}; allowed: the alias of a mapping")


def _extent(below: list[Node]) -> tuple[int, int]:
    """Return size and height of a node with the children `below`."""
    return 1 + sum(node.size for node in below), 1 + max((node.height for node in below), default=0)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _spot(event: yaml.Event, path: Path) -> Location:
    return Location(*_place(event), path)
