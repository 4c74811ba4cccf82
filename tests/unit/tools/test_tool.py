"""A typed function becomes a tool with the schema that its signature and docstring say."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from msgspec import Meta

from device_daemon.tools.tool import tool_of


async def paint(
    colour: Literal["red", "blue"], coats: Annotated[int, Meta(ge=1, le=3)] = 1, note: str | None = None
) -> str:
    """Paint the wall. Call it
    only when asked.

    Args:
        colour: Which paint,
            of those there are.
        coats: How often.
    """
    return f"{coats} x {colour} {note}"


def test_name_description_and_schema_come_from_the_function() -> None:
    tool = tool_of(paint)
    assert (tool.name, tool.description) == ("paint", "Paint the wall. Call it only when asked.")
    assert tool.parameters["properties"]["colour"] == {
        "enum": ["blue", "red"],
        "description": "Which paint, of those there are.",
    }
    assert tool.parameters["properties"]["coats"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 3,
        "default": 1,
        "description": "How often.",
    }
    assert tool.parameters["required"] == ["colour"]
    assert tool.parameters["additionalProperties"] is False


async def test_its_call_gets_the_arguments_and_the_defaults() -> None:
    assert await tool_of(paint).call({"colour": "red"}) == "1 x red None"
    assert await tool_of(paint).call({"colour": "blue", "coats": 3, "note": "soon"}) == "3 x blue soon"


async def test_a_method_that_returns_at_once_is_a_tool_too() -> None:
    class Lamp:
        def lamp_on(self) -> str:
            """Turn the lamp on."""
            return "on"

    tool = tool_of(Lamp().lamp_on)
    assert tool.parameters["properties"] == {}
    assert await tool.call({}) == "on"


@pytest.mark.parametrize("kind", ["name", "description", "parameters", "type"])
def test_its_definition_is_what_session_update_lists(kind: str) -> None:
    assert kind in tool_of(paint).definition()
