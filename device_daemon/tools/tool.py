"""A tool: a function of this device that the model may call, with its JSON schema generated from the Python function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from device_daemon.errors import SpeakerError

TIMEOUT_S = 10.0

_ARGUMENT = re.compile(r"^(?P<name>\w+): (?P<text>.+?)(?=^\w+: |\Z)", re.DOTALL | re.MULTILINE)


class ToolError(SpeakerError):
    """A tool cannot do what it was called for: one sentence for the model and the log."""

    notice = "try-again"


class Tool(Struct, frozen=True):
    """A function that the model may call."""

    name: str
    """As the model calls it: letters, digits, `_` and `-`, at most 64."""
    description: str
    """What it does and when to call it, for the model."""
    parameters: Mapping[str, Any]
    """The JSON schema of its arguments, an object."""
    call: Callable[[Mapping[str, Any]], Awaitable[str]]
    """Takes arguments that were validated, and returns what the model is to know. Raises ToolError."""
    timeout_s: float = TIMEOUT_S
    """After so many seconds the call is cancelled, and the model learns that it failed."""
    group: str = ""
    """What the config calls it and those that belong to it, such as timers; its name where it stands alone."""

    def definition(self) -> dict[str, Any]:
        """Return the tool as session.update lists it."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }


def tool_of(function: Callable[..., str | Awaitable[str]], *, timeout_s: float = TIMEOUT_S, group: str = "") -> Tool:
    """Return the tool that a typed function is.

    Name, description and JSON schema come from its name, docstring and signature: the text before `Args:` is the
    description, the lines below describe the parameters; `Annotated[int, msgspec.Meta(ge=0)]`, `Literal` and a default
    are understood. A parameter without default is required.

    Args:
        function: With parameters that JSON can express; plain where it returns at once, else a coroutine function.
        timeout_s: See Tool.
        group: See Tool.
    """
    description, sentences = _documentation(inspect.getdoc(function) or "")
    hints = get_type_hints(function, include_extras=True)
    arguments = msgspec.defstruct("Arguments", [_field(each, hints) for each in _parameters(function)])
    schema = msgspec.json.schema(arguments)["$defs"]["Arguments"]
    properties = {
        name: value | ({"description": sentences[name]} if name in sentences else {})
        for name, value in schema["properties"].items()
    }

    async def call(given: Mapping[str, Any]) -> str:
        converted = msgspec.convert(dict(given), arguments)
        result = function(**{name: getattr(converted, name) for name in arguments.__struct_fields__})
        return result if isinstance(result, str) else await result

    parameters = {"type": "object", "properties": properties, "required": schema.get("required", [])}
    return Tool(function.__name__, description, parameters | {"additionalProperties": False}, call, timeout_s, group)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _field(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = hints[parameter.name]
    if parameter.default is parameter.empty:
        return parameter.name, kind
    return parameter.name, kind, parameter.default


def _documentation(text: str) -> tuple[str, dict[str, str]]:
    """Return the description of a docstring, and the sentence about each parameter."""
    description, _, rest = text.partition("\nArgs:\n")
    rest = inspect.cleandoc(re.split(r"^\w+:$", rest, flags=re.MULTILINE)[0]) if rest else ""
    sentences = {each["name"]: _one_line(each["text"]) for each in _ARGUMENT.finditer(rest)}
    return _one_line(re.split(r"^(?:Raises|Returns):$", description, flags=re.MULTILINE)[0]), sentences


def _one_line(text: str) -> str:
    return " ".join(text.split())
