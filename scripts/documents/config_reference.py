"""The reference of the YAML file: every key with its type, limits, default and purpose, from the config's own schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from device_daemon.config import settings
from device_daemon.config.durations import DURATION
from device_daemon.config.schema import schema

_PLAIN: Final = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}


def as_markdown() -> str:
    """Return one section with a table for each mapping of the file, in the order of the file."""
    return "\n".join(_Reference(schema()["$defs"]).sections())


class _Reference:
    """Walks the schema from its root; each struct is described where it first occurs."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._described: set[str] = set()

    def sections(self) -> Iterator[str]:
        """Yield the lines of all sections."""
        root = self._definitions["Config"]
        defaults = _defaults("Config")
        for key, value in root["properties"].items():
            yield f"## {key}\n"
            if key in root["required"]:
                yield "Required.\n"
            elif not isinstance(defaults[key], msgspec.Struct):
                yield f"{value['description']} Type: {self._kind(value)}. Default: {_shown(defaults[key])}.\n"
            yield from self._structs(value, key)

    def _structs(self, value: dict[str, Any], path: str) -> Iterator[str]:
        """Yield the tables of the structs that `value`, which stands at `path`, may hold."""
        for name, place in self._named(value, path):
            if name not in self._described:
                self._described.add(name)
                yield from self._table(name, place)

    def _table(self, name: str, path: str) -> Iterator[str]:
        definition = self._definitions[name]
        if not path.isidentifier():
            yield f"### {path}\n"
        yield f"{definition['description']}\n"
        yield "| Key | Type | Default | What it does |"
        yield "| --- | --- | --- | --- |"
        defaults = _defaults(name)
        inner = []
        for key, value in definition["properties"].items():
            if key == "type" and "enum" in value and len(value["enum"]) == 1:
                yield f"| `type` | `{value['enum'][0]}` | required | Which kind this is. |"
                continue
            default = "required" if key in definition.get("required", []) else _shown(defaults[key])
            yield f"| `{key}` | {self._kind(value)} | {default} | {value['description']} |"
            inner.append((key, value))
        yield ""
        for key, value in inner:
            yield from self._structs(value, f"{path}.{key}")

    def _named(self, value: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
        """Yield name and place of each struct in `value`."""
        if "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            if "properties" in self._definitions[name]:
                yield name, path
        for choice in value.get("anyOf", ()):
            yield from self._named(choice, path)
        if "items" in value:
            yield from self._named({key: name for key, name in value["items"].items() if key == "$ref"}, f"{path}[]")
            for choice in value["items"].get("anyOf", ()):
                for name, _ in self._named(choice, path):
                    tag = self._definitions[name]["properties"]["type"]["enum"][0]
                    yield name, f"{path}: {{type: {tag}}}"
        if isinstance(value.get("additionalProperties"), dict):
            yield from self._named(value["additionalProperties"], f"{path}.NAME")

    def _kind(self, value: dict[str, Any]) -> str:
        """Return a value's type and limits in words."""
        choices = [choice for choice in value.get("anyOf", ()) if choice.get("type") != "null"]
        if choices:
            return " or ".join(dict.fromkeys(self._kind(choice) for choice in choices))
        if "$ref" in value:
            definition = self._definitions[value["$ref"].rpartition("/")[2]]
            return "mapping, see below" if "properties" in definition else self._kind(definition)
        if value.get("pattern") == DURATION:
            return "duration"
        if "enum" in value:
            if True in value["enum"]:
                return "true or false"
            return ", ".join(f"`{choice}`" for choice in value["enum"])
        kind: str = value.get("type", "anything")
        match kind:
            case "object":
                return "mapping"
            case "array":
                items = value.get("items", {})
                return f"list of {self._kind(items)}s" if items.get("type") == "string" else "list"
        return _PLAIN.get(kind, kind) + _limits(value)


def _limits(value: dict[str, Any]) -> str:
    if "minimum" not in value:
        return ""
    return f", {value['minimum']:g} to {value['maximum']:g}"


def _defaults(struct: str) -> dict[str, Any]:
    """Return the default of each key of a struct of the config that has one."""
    found = {}
    for field in msgspec.structs.fields(getattr(settings, struct)):
        if field.default is not msgspec.NODEFAULT:
            found[field.encode_name] = field.default
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.encode_name] = field.default_factory()
    return found


def _shown(default: object) -> str:
    """Return a default as one would write it in the file."""
    if default is None or default in ("", [], {}):
        return "none"
    if isinstance(default, msgspec.Struct):
        return "see below"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    if isinstance(default, dict):
        return f"`{_flow(_written(default))}`"
    return f"`{default}`"


def _written(value: object) -> object:
    """Return a default as plain data, without the keys that have their own default."""
    if isinstance(value, msgspec.Struct):
        own = _defaults(type(value).__name__)
        return {key: _written(item) for key, item in msgspec.structs.asdict(value).items() if own.get(key) != item}
    return {key: _written(item) for key, item in value.items()} if isinstance(value, dict) else value


def _flow(value: object) -> str:
    """Return plain data as YAML in one line; keys without a value are left out."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    text = str(value)
    return f'"{text}"' if any(sign in text for sign in "!?:,{}") else text
