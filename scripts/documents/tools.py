"""The table of built-in tools in the documents, from what the model is told: their signatures and docstrings."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from device_daemon.config.settings import BUILTIN_TOOLS
from device_daemon.timers.timers import Timers
from device_daemon.tools.builtin import DevicePort, builtin_tools
from device_daemon.tools.tool import Tool


def as_markdown() -> str:
    """Return one row for each tool."""
    rows = ["| `builtin` | Tool | What the model is told of it | Its arguments |", "| --- | --- | --- | --- |"]
    nothing = cast("DevicePort", SimpleNamespace(facts={}, save_facts=lambda: None))
    return "\n".join([*rows, *map(_row, builtin_tools(BUILTIN_TOOLS, nothing, cast("Timers", None)))])


def _row(tool: Tool) -> str:
    required = tool.parameters["required"]
    arguments = [_argument(name, each, name in required) for name, each in tool.parameters["properties"].items()]
    return f"| `{tool.group}` | `{tool.name}` | {tool.description} | {'<br>'.join(arguments) or 'none'} |"


def _argument(name: str, schema: Mapping[str, Any], required: bool) -> str:
    default = "" if required else f" Default: {schema['default'] if schema['default'] != '' else 'empty'}."
    return f"`{name}`: {schema['description']}{default}".replace("|", "\\|")
