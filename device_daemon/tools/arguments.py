"""Validates a tool's arguments against its JSON schema: the keywords that the tools of models use. Pure.

Keywords that it does not know ($ref, allOf...) exclude nothing: whoever carries out the call checks again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def flaw(value: Any, schema: Mapping[str, Any], name: str = "the arguments") -> str:
    """Return what is wrong with a value in a few words for the model; empty if it fits the schema."""
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        flaws = [flaw(value, choice, name) for choice in choices]
        return "" if "" in flaws else flaws[0]
    kinds = schema.get("type", [])
    allowed = [kinds] if isinstance(kinds, str) else kinds
    if allowed and not any(_is(value, kind) for kind in allowed):
        return f"{name} must be of type {' or '.join(allowed)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{name} must be one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        return f"{name} must be {schema['const']}"
    match value:
        case bool() | None:
            return ""
        case int() | float():
            return _number_flaw(value, schema, name)
        case str():
            return _text_flaw(value, schema, name)
        case dict():
            return _object_flaw(value, schema, name)
        case list():
            return _array_flaw(value, schema, name)
    return ""


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS.get(kind, (object,)))


def _number_flaw(value: float, schema: Mapping[str, Any], name: str) -> str:
    if "minimum" in schema and value < schema["minimum"]:
        return f"{name} must be at least {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        return f"{name} must be at most {schema['maximum']}"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        return f"{name} must be more than {schema['exclusiveMinimum']}"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        return f"{name} must be less than {schema['exclusiveMaximum']}"
    return ""


def _text_flaw(value: str, schema: Mapping[str, Any], name: str) -> str:
    if len(value) < schema.get("minLength", 0):
        return f"{name} must have at least {schema['minLength']} characters"
    if len(value) > schema.get("maxLength", len(value)):
        return f"{name} must have at most {schema['maxLength']} characters"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f"{name} must match {schema['pattern']}"
    return ""


def _object_flaw(value: Mapping[str, Any], schema: Mapping[str, Any], name: str) -> str:
    properties: Mapping[str, Any] = schema.get("properties", {})
    for required in schema.get("required", []):
        if required not in value:
            return f"{required} is missing"
    for key, inner in value.items():
        rule = properties.get(key, schema.get("additionalProperties", True))
        if rule is False:
            return f"{name} must not have {key}; allowed: {', '.join(properties) or 'nothing'}"
        if isinstance(rule, Mapping) and (found := flaw(inner, rule, key)):
            return found
    return ""


def _array_flaw(value: Sequence[Any], schema: Mapping[str, Any], name: str) -> str:
    if len(value) < schema.get("minItems", 0):
        return f"{name} must have at least {schema['minItems']} entries"
    if len(value) > schema.get("maxItems", len(value)):
        return f"{name} must have at most {schema['maxItems']} entries"
    items = schema.get("items")
    found = (flaw(each, items, f"{name}[{i}]") for i, each in enumerate(value)) if isinstance(items, Mapping) else ()
    return next(filter(None, found), "")
