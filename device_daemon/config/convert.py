"""Conversion of the node tree into the structs of `settings`; every invalid node is reported with its own location.

msgspec's own `convert` stops at the first error and knows no line numbers, so this walks the tree along msgspec's
description of the types instead. An invalid value is reported and left out, and the walk goes on: one run lists all
errors of a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard, TypeVar

from msgspec import Struct, inspect

from device_daemon.config import nodes
from device_daemon.config.api_key import KEY_NAMES, KEY_PLACES, looks_like_a_key
from device_daemon.config.nodes import Mapping, Node, Scalar, describe
from device_daemon.config.problems import Location, Path, Problems, alternatives, nearest, quoted, shown
from device_daemon.config.scalars import FALSE, WrongValue, allowed, keys, read_scalar
from device_daemon.config.source_map import SourceMap

AnyStruct = TypeVar("AnyStruct", bound=Struct)

_INVALID: Any = object()


def convert(node: Node, cls: type[AnyStruct], problems: Problems, source_map: SourceMap) -> AnyStruct | None:
    """Return `node` as a `cls` without its invalid parts; None if no struct can be built from it."""
    struct = _Walk(problems, source_map).value(node, inspect.type_info(cls), ())
    return None if struct is _INVALID else struct


class _Walk:
    def __init__(self, problems: Problems, source_map: SourceMap) -> None:
        self._problems = problems
        self._source_map = source_map

    def value(self, node: Node, wanted: inspect.Type, path: Path) -> Any:
        """Return the value of `node` as the type `wanted`, or _INVALID."""
        match wanted:
            case inspect.Metadata(type=inspect.DictType(), extra={"allowed": words}) if not isinstance(node, Mapping):
                return self._wrong(node, path, f"found {describe(node)}; allowed: {words}")
            case inspect.Metadata(type=inspect.StrType(), extra={"allowed": _}) | inspect.Metadata(extra={"unit": _}):
                return self._single(node, wanted, path)
            case inspect.Metadata(type=inspect.ListType(), extra={"off": True}) if _is_off(node):
                return []
            case inspect.Metadata(type=inner):
                return self.value(node, inner, path)
            case inspect.UnionType(types=types):
                return self._union(node, types, path)
            case inspect.StructType():
                return self._struct(node, [wanted], path)
            case inspect.ListType():
                return self._list(node, wanted, path)
            case inspect.DictType():
                return self._dict(node, wanted, path)
        return self._single(node, wanted, path)

    def _single(self, node: Node, wanted: inspect.Type, path: Path) -> Any:
        """A scalar, or any node where any value is accepted."""
        if isinstance(node, Scalar):
            if looks_like_a_key(node.text):
                return self._wrong(node, path, f"found what looks like an API key; {KEY_PLACES}")
            if isinstance(wanted, inspect.AnyType) and isinstance(path[-1], int):
                # In `languages: [en, no]`, "no" is Norwegian.
                wanted = inspect.StrType()
            try:
                return read_scalar(node, wanted)
            except WrongValue as error:
                return self._wrong(node, path, str(error))
        if not isinstance(wanted, inspect.AnyType):
            return self._wrong(node, path, f"found {_told(node, wanted)}; allowed: {allowed(wanted)}")
        if isinstance(node, Mapping):
            return self._dict(node, inspect.DictType(inspect.StrType(), wanted), path)
        return self._list(node, inspect.ListType(wanted), path)

    def _wrong(self, node: Node, path: Path, sentence: str) -> Any:
        self._problems.add(Location(node.line, node.column, path), sentence)
        return _INVALID

    def _union(self, node: Node, types: Sequence[inspect.Type], path: Path) -> Any:
        """One type or nothing, or one of several structs."""
        kinds = [kind for kind in types if not isinstance(kind, inspect.NoneType)]
        if len(kinds) < len(types) and isinstance(node, Scalar) and node.is_null:
            return None
        structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
        return self._struct(node, structs, path) if structs else self.value(node, kinds[0], path)

    def _struct(self, node: Node, kinds: Sequence[inspect.StructType], path: Path) -> Any:
        if isinstance(node, Scalar) and node.is_null:
            # A section with only comments in it keeps its defaults.
            node = Mapping({}, flow=False, line=node.line, column=node.column)
        shorthand = getattr(kinds[0].cls, "shorthand", None)
        if isinstance(node, Scalar) and shorthand:
            # `echo: local` stands for `echo: {mode: local}`.
            key = Scalar(shorthand, plain=True, line=node.line, column=node.column)
            node = Mapping({shorthand: nodes.Entry(key, node)}, flow=False, line=node.line, column=node.column)
        if not isinstance(node, Mapping):
            names = allowed(kinds[0]) if len(kinds) == 1 else f"keys on lines of their own: {kinds[0].tag_field}, …"
            return self._wrong(node, path, f"found {describe(node)}; allowed: {names}{_missing_space(node, kinds)}")
        kind = self._kind(node, kinds, path) if kinds[0].tag_field else kinds[0]
        if kind is None:
            return _INVALID
        misspelt = self._unknown_keys(node, kind, path)
        values = {}
        for field in kind.fields:
            value = _fallback(field) if field.name in misspelt else self._field(node, field, path)
            if value is not _INVALID:
                values[field.name] = value
        if any(field.required and field.name not in values for field in kind.fields):
            return _INVALID
        struct = kind.cls(**values)
        self._source_map.put(struct, path, node)
        return struct

    def _kind(self, node: Mapping, kinds: Sequence[inspect.StructType], path: Path) -> inspect.StructType | None:
        """Return the struct whose tag the mapping names."""
        tag_field = str(kinds[0].tag_field)
        names = [str(kind.tag) for kind in kinds]
        entry = node.entries.get(tag_field)
        if entry is None:
            self._wrong(node, path, f"found no '{tag_field}'; allowed: {tag_field}: {' | '.join(names)}")
            return None
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        if text not in names:
            sentence = f"found {describe(entry.value)}, not known in this version{alternatives(text, names)}"
            self._wrong(entry.value, (*path, tag_field), sentence)
            return None
        return kinds[names.index(text)]

    def _unknown_keys(self, node: Mapping, kind: inspect.StructType, path: Path) -> set[str]:
        """Report the keys that `kind` does not have; return the missing ones that they probably stand for."""
        names = keys(kind)
        misspelt = set()
        for name, entry in node.entries.items():
            if name in names:
                continue
            location = Location(entry.key.line, entry.key.column, (*path, name))
            if name.lower().replace("-", "_") in KEY_NAMES or looks_like_a_key(name):
                self._problems.add(location, f"found an API key; {KEY_PLACES}")
                continue
            meant = nearest(name, names)
            if node.flow and _is_empty(entry.value) and (meant is None or meant in node.entries):
                sentence = f"found {quoted(name)} on its own; if it belongs to the text before the comma, put all of it in quotes"
                self._problems.add(location, sentence)
                continue
            self._problems.add(location, f"unknown key{alternatives(name, names)}")
            if meant is not None and meant not in node.entries:
                misspelt.add(meant)
        return misspelt

    def _field(self, node: Mapping, field: inspect.Field, path: Path) -> Any:
        """Return the value of one key, or _INVALID to leave it out."""
        below = (*path, field.name)
        entry = node.entries.get(field.name)
        if entry is None:
            return self._missing(node, field, below) if field.required else _INVALID
        section = isinstance(field.type, inspect.StructType | inspect.ListType | inspect.DictType)
        if section and not field.required and isinstance(entry.value, Scalar) and entry.value.is_null:
            return _INVALID
        value = self.value(entry.value, field.type, below)
        return _fallback(field) if value is _INVALID else value

    def _missing(self, node: Mapping, field: inspect.Field, path: Path) -> Any:
        if _all_optional(field.type):
            # Treated as empty: naming the key it needs helps more than saying that the section is missing.
            return self.value(Mapping({}, flow=False, line=node.line, column=node.column), field.type, path)
        self._problems.add(Location(node.line, node.column, path), f"is missing; allowed: {allowed(field.type)}")
        return _INVALID

    def _list(self, node: Node, wanted: inspect.ListType, path: Path) -> Any:
        if not isinstance(node, nodes.Sequence):
            return self._wrong(node, path, f"found {describe(node)}; allowed: {allowed(wanted)}")
        if len(node.items) < (wanted.min_length or 0):
            return self._wrong(node, path, "found an empty list; allowed: at least one entry")
        values = [self.value(item, wanted.item_type, (*path, index)) for index, item in enumerate(node.items)]
        return [value for value in values if value is not _INVALID]

    def _dict(self, node: Node, wanted: inspect.DictType, path: Path) -> Any:
        if not isinstance(node, Mapping):
            return self._wrong(node, path, f"found {describe(node)}; allowed: {allowed(wanted)}")
        values = {}
        for name, entry in node.entries.items():
            key = self.value(entry.key, wanted.key_type, (*path, name))
            value = self.value(entry.value, wanted.value_type, (*path, name))
            if key is not _INVALID and value is not _INVALID:
                values[key] = value
        return values


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and not node.text


def _is_off(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text.lower() in FALSE


def _all_optional(wanted: inspect.Type) -> TypeGuard[inspect.StructType]:
    return isinstance(wanted, inspect.StructType) and not any(field.required for field in wanted.fields)


def _fallback(field: inspect.Field) -> Any:
    """Return a default for an invalid section that is required, so that the rest of the file can be checked."""
    return field.type.cls() if field.required and _all_optional(field.type) else _INVALID


def _told(node: Node, wanted: inspect.Type) -> str:
    """Describe a node that was found where a single value is wanted."""
    if isinstance(node, Mapping) and node.flow and isinstance(wanted, inspect.StrType):
        name = next(iter(node.entries), "name")
        return f"a mapping, for the text begins with '{{' (put it in quotes: \"{{{shown(name)}}} …\")"
    return describe(node)


def _missing_space(node: Node, kinds: Sequence[inspect.StructType]) -> str:
    """Return a hint for `local:true`, which is text to YAML."""
    if isinstance(node, Scalar) and node.plain:
        name, colon, value = node.text.partition(":")
        if colon and any(name in keys(kind) for kind in kinds):
            return f" (did you mean {quoted(f'{name}: {value}')}, with a space?)"
    return ""
