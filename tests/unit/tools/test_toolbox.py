"""The toolbox answers every call with a sentence for the model, whatever the model or the tool does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from device_daemon.tools.arguments import flaw
from device_daemon.tools.tool import Tool, ToolError
from device_daemon.tools.toolbox import OUTPUT_CHARACTERS, Toolbox

NUMBER = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}, "required": ["n"]}


async def double(given: Mapping[str, Any]) -> str:
    return str(given["n"] * 2)


async def fails(_given: Mapping[str, Any]) -> str:
    raise ToolError("the blinds do not answer; check their power.")


async def crashes(_given: Mapping[str, Any]) -> str:
    raise ZeroDivisionError


async def floods(_given: Mapping[str, Any]) -> str:
    return "x" * (OUTPUT_CHARACTERS * 3)


async def hangs(_given: Mapping[str, Any]) -> str:
    await asyncio.Event().wait()
    return ""


ANYTHING = {"type": "object"}


@pytest.fixture
def toolbox() -> Toolbox:
    return Toolbox(
        [
            Tool("double", "", NUMBER, double),
            Tool("fails", "", ANYTHING, fails),
            Tool("crashes", "", ANYTHING, crashes),
            Tool("floods", "", ANYTHING, floods),
            Tool("hangs", "", ANYTHING, hangs, timeout_s=0.0),
        ]
    )


async def test_a_call_is_answered_with_the_tools_result(toolbox: Toolbox) -> None:
    assert await toolbox.call("double", '{"n": 21}') == "42"


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("treble", "{}", "there is no tool treble"),
        ("double", "{n", "no JSON"),
        ("double", "[]", "the arguments must be of type object"),
        ("double", "{}", "n is missing"),
        ("double", '{"n": "2"}', "n must be of type integer"),
        ("double", '{"n": -1}', "n must be at least 0"),
        ("fails", "", "the blinds do not answer"),
        ("crashes", "{}", "the tool failed (ZeroDivisionError)"),
        ("hangs", "{}", "no answer in 0 seconds"),
    ],
)
async def test_what_is_wrong_is_a_sentence_for_the_model(
    toolbox: Toolbox, name: str, arguments: str, says: str
) -> None:
    answer = await toolbox.call(name, arguments)
    assert answer.startswith("error: ")
    assert says in answer


async def test_whoever_counts_calls_learns_their_outcome_and_no_name_that_the_model_made_up(toolbox: Toolbox) -> None:
    calls: list[tuple[str, str]] = []
    toolbox.on_called = lambda called: calls.append((called.tool, called.outcome))
    for name, arguments in (
        ("double", '{"n": 1}'),
        ("double", "{}"),
        ("fails", ""),
        ("hangs", "{}"),
        ("no such", "{}"),
    ):
        await toolbox.call(name, arguments)
    assert calls == [
        ("double", "done"),
        ("double", "refused"),
        ("fails", "failed"),
        ("hangs", "timeout"),
        ("unknown", "refused"),
    ]


async def test_a_flood_is_cut_off(toolbox: Toolbox) -> None:
    assert len(await toolbox.call("floods", "{}")) < OUTPUT_CHARACTERS + 20


async def test_more_calls_than_may_run_at_once_are_refused() -> None:
    toolbox = Toolbox([Tool("hangs", "", ANYTHING, hangs)], most_at_once=1)
    first = asyncio.ensure_future(toolbox.call("hangs", "{}"))
    await asyncio.sleep(0)
    assert "too many tools" in await toolbox.call("hangs", "{}")
    first.cancel()
    await asyncio.wait({first})


async def test_a_tool_that_ignores_its_cancellation_holds_nobody_up() -> None:
    release = asyncio.Event()

    async def stubborn(_given: Mapping[str, Any]) -> str:
        try:
            await release.wait()
        except asyncio.CancelledError:
            await release.wait()
        return "late"

    toolbox = Toolbox([Tool("stubborn", "", ANYTHING, stubborn, timeout_s=0.0)])
    assert "no answer" in await toolbox.call("stubborn", "{}")
    release.set()
    await toolbox.close()


def test_an_assistant_gets_the_definitions_of_its_tools_only(toolbox: Toolbox) -> None:
    assert [each["name"] for each in toolbox.definitions(["fails"])] == ["fails"]
    assert [each["name"] for each in toolbox.definitions()] == toolbox.names


async def test_an_assistant_may_call_its_tools_only(toolbox: Toolbox) -> None:
    assert await toolbox.call("double", '{"n": 21}', ["fails"]) == "error: there is no tool double; there are: fails"
    assert await toolbox.call("double", '{"n": 21}', ["double"]) == "42"


def test_two_tools_of_one_name_are_refused(toolbox: Toolbox) -> None:
    with pytest.raises(ValueError, match="double"):
        toolbox.add(Tool("double", "", NUMBER, double))


SCHEMAS = [
    {"type": "integer", "minimum": 2, "exclusiveMaximum": 7},
    {"type": "number", "exclusiveMinimum": 2, "maximum": 7},
    {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^a"},
    {"type": ["string", "null"]},
    {"enum": ["a", 1, None]},
    {"const": "a"},
    {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False},
    {"type": "object", "additionalProperties": {"type": "string"}},
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 9) | st.floats(0, 9) | st.text("ab", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(SCHEMAS), VALUES)
def test_arguments_fit_a_schema_exactly_where_a_full_validator_says_so(schema: dict[str, Any], value: Any) -> None:
    value = json.loads(json.dumps(value))
    if value is True or value is False:  # in Python, but not in JSON, True equals 1
        return
    assert (flaw(value, schema) == "") is Draft202012Validator(schema).is_valid(value)
