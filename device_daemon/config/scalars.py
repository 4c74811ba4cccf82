"""Interpretation of single values, by the type that is wanted.

YAML 1.1 guesses the type from the text, and so reads `off` as false, 07:30 as 450 and 017 as 15. Here text stays text
where text is wanted, and only plain spellings are accepted as numbers and booleans.
"""

from __future__ import annotations

import math
import re
from typing import Any

from msgspec import inspect

from device_daemon.config.durations import EXAMPLES, NAMES, parse_duration_ms
from device_daemon.config.nodes import Scalar, describe
from device_daemon.config.problems import alternatives, quoted

TRUE = frozenset({"true", "yes", "on"})
FALSE = frozenset({"false", "no", "off"})

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0+[0-9]+")
_OTHER_BASE = re.compile(r"[-+]?0(x[0-9a-fA-F]+|o[0-7]+|b[01]+)")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-5][0-9](:[0-5][0-9])?")
_MOST_DIGITS = 18
_LONGEST_DURATION = 60

_WORDS: dict[type[inspect.Type], str] = {
    inspect.AnyType: "any value",
    inspect.BoolType: "true or false",
    inspect.StrType: "text",
    inspect.ListType: "a list, each entry on a line of its own after '- '",
    inspect.DictType: "keys with values on lines of their own",
}


class WrongValue(Exception):
    """A value of the wrong form; the message says what was found and what is allowed."""

    def __init__(self, found: str, instead: str) -> None:
        super().__init__(f"found {found}{instead}")


def read_scalar(node: Scalar, wanted: inspect.Type) -> Any:
    """Return the value of `node` as the wanted type; raises WrongValue."""
    if isinstance(wanted, inspect.Metadata):
        return _duration(node, wanted) if "unit" in (wanted.extra or {}) else _text_of_a_form(node, wanted)
    if isinstance(wanted, inspect.AnyType):
        return as_it_is(node)
    if isinstance(wanted, inspect.StrType):
        return _text(node, wanted)
    if isinstance(wanted, inspect.BoolType):
        return _boolean(node)
    if isinstance(wanted, inspect.IntType | inspect.FloatType):
        return _number(node, wanted)
    if isinstance(wanted, inspect.LiteralType | inspect.EnumType):
        return _choice(node, wanted)
    raise WrongValue(describe(node), f"; allowed: {allowed(wanted)}")


def allowed(wanted: inspect.Type) -> str:
    """Describe the values of the type `wanted` in words for the owner."""
    match wanted:
        case inspect.Metadata(extra={"allowed": words}):
            return str(words)
        case inspect.Metadata(
            type=inspect.IntType(ge=low, le=high) | inspect.FloatType(ge=low, le=high), extra={"unit": unit}
        ):
            whole = "whole " if isinstance(wanted.type, inspect.IntType) else ""
            return f"{whole}{NAMES[unit]}{_span(low, high)}, or with a unit such as {EXAMPLES[unit]}"
        case inspect.Metadata(type=inner):
            return allowed(inner)
        case inspect.UnionType(types=types):
            return " or ".join(allowed(kind) for kind in types if not isinstance(kind, inspect.NoneType))
        case inspect.IntType(ge=low, le=high):
            return f"a whole number{_span(low, high)}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number{_span(low, high)}"
        case inspect.LiteralType() | inspect.EnumType():
            return ", ".join(choices(wanted))
        case inspect.StructType():
            return f"keys on lines of their own: {', '.join(keys(wanted))}"
    return _WORDS[type(wanted)]


def keys(wanted: inspect.StructType) -> list[str]:
    """Return all keys a mapping for `wanted` may have."""
    tag_field = [str(wanted.tag_field)] if wanted.tag_field else []
    return tag_field + [field.name for field in wanted.fields]


def choices(wanted: inspect.LiteralType | inspect.EnumType) -> list[str]:
    """Return the words of an enumeration."""
    if isinstance(wanted, inspect.EnumType):
        return [str(member.value) for member in wanted.cls]
    return [str(value) for value in wanted.values]


def as_it_is(node: Scalar) -> Any:
    """Return a value of any type, interpreted by the rules that surprise least."""
    if not node.plain:
        return node.text
    if node.is_null:
        return None
    if node.text.lower() in TRUE | FALSE:
        return node.text.lower() in TRUE
    if _LEADING_ZERO.fullmatch(node.text) or _OTHER_BASE.fullmatch(node.text):
        raise WrongValue(_odd_number(node), "; allowed: a number without leading zeros, or text in quotes")
    if len(node.text) <= _MOST_DIGITS:
        if _WHOLE.fullmatch(node.text):
            return int(node.text)
        if _DECIMAL.fullmatch(node.text):
            return float(node.text)
    return node.text


def _text(node: Scalar, wanted: inspect.StrType) -> str:
    if node.is_null:
        raise WrongValue("nothing", f"; allowed: {allowed(wanted)}")
    if wanted.pattern is not None and re.search(wanted.pattern, node.text) is None:
        raise WrongValue("empty text", "; allowed: text that is not empty")
    return node.text


def _text_of_a_form(node: Scalar, wanted: inspect.Metadata) -> str:
    """Return a text with a required form, such as a time of day; its type carries the words of the error message."""
    extra = wanted.extra or {}
    pattern = getattr(wanted.type, "pattern", None) or ""
    if node.is_null or re.search(pattern, node.text) is None:
        meant = extra["guess"](node.text) if "guess" in extra else None
        hint = f" (did you mean {quoted(meant)}?)" if meant else ""
        raise WrongValue(describe(node), f"; allowed: {allowed(wanted)}{hint}")
    return node.text


def _boolean(node: Scalar) -> bool:
    word = node.text.lower()
    if node.plain and word in TRUE | FALSE:
        return word in TRUE
    hint = f" (did you mean {word}, without the quotes?)" if word in TRUE | FALSE else ""
    raise WrongValue(describe(node), f"; allowed: true or false{hint}")


def _number(node: Scalar, wanted: inspect.IntType | inspect.FloatType) -> float:
    pattern = _WHOLE if isinstance(wanted, inspect.IntType) else _DECIMAL
    if not node.plain or len(node.text) > _MOST_DIGITS or not pattern.fullmatch(node.text):
        raise WrongValue(_odd_number(node), f"; allowed: {allowed(wanted)}{_guess_number(node, wanted)}")
    value = int(node.text) if isinstance(wanted, inspect.IntType) else float(node.text)
    if not _within(value, wanted):
        raise WrongValue(node.text, f"; allowed: {allowed(wanted)}")
    return value


def _duration(node: Scalar, wanted: inspect.Metadata) -> float:
    """Return a duration in the unit of its key, whether it is written as a number or with a unit."""
    number = wanted.type
    assert isinstance(number, inspect.IntType | inspect.FloatType)  # noqa: S101 - `settings` marks only numbers so
    in_ms = parse_duration_ms(node.text.strip()) if len(node.text) <= _LONGEST_DURATION else None
    if in_ms is None:
        try:
            return _number(node, number)
        except WrongValue:
            # A number out of a text with a unit that is not known would be a wrong guess.
            hint = "" if re.search("[a-zA-Z]", node.text) else _guess_number(node, number)
            found = node.text if node.plain and _DECIMAL.fullmatch(node.text) else _odd_number(node)
            raise WrongValue(found, f"; allowed: {allowed(wanted)}{hint}") from None
    value = in_ms if (wanted.extra or {})["unit"] == "ms" else in_ms / 1000
    if not _within(value, number) or (isinstance(number, inspect.IntType) and value != math.floor(value)):
        raise WrongValue(describe(node), f"; allowed: {allowed(wanted)}")
    return int(value) if isinstance(number, inspect.IntType) else value


def _odd_number(node: Scalar) -> str:
    """Describe a value that is no number, with what is unusual about it."""
    if node.plain and _LEADING_ZERO.fullmatch(node.text):
        return f"{quoted(node.text)}, a number with a leading zero (some read it as octal)"
    if node.plain and _OTHER_BASE.fullmatch(node.text):
        return f"{quoted(node.text)}, a number that is not decimal"
    if node.plain and _CLOCK.fullmatch(node.text):
        return f"{quoted(node.text)}, a time of day"
    return describe(node)


def _guess_number(node: Scalar, wanted: inspect.IntType | inspect.FloatType) -> str:
    """Return a hint for the one number in texts such as "30", 30s, GPIO17, 017 or 1,5; "" if it is out of range."""
    text = node.text[:_MOST_DIGITS]
    if node.plain and _OTHER_BASE.fullmatch(text):
        number = str(int(text, 0))
    else:
        numbers = re.findall(r"[-+]?[0-9]+(?:[.,][0-9]+)?", text)
        if len(numbers) != 1:
            return ""
        number = numbers[0].replace(",", ".")
    value = float(number)
    if not _within(value, wanted) or (isinstance(wanted, inspect.IntType) and value != math.floor(value)):
        return ""
    quotes = "" if node.plain else ", without the quotes"
    return f" (did you mean {value:.15g}{quotes}?)"


def _choice(node: Scalar, wanted: inspect.LiteralType | inspect.EnumType) -> Any:
    names = choices(wanted)
    if node.text in names and not node.is_null:
        return wanted.cls(node.text) if isinstance(wanted, inspect.EnumType) else node.text
    raise WrongValue(describe(node), alternatives(node.text, names))


def _within(value: float, wanted: inspect.IntType | inspect.FloatType) -> bool:
    return (wanted.ge is None or wanted.ge <= value) and (wanted.le is None or value <= wanted.le)


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" from {low:.15g} to {high:.15g}"
