"""The owner's commands: the model's values become arguments of a program, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from device_daemon.config.settings import CommandParameter, CommandTool
from device_daemon.system.program import Finished
from device_daemon.tools.commands import command_tool
from device_daemon.tools.toolbox import Toolbox

DONE = Finished(0, "", "", flooded=False)
BLINDS = CommandTool(
    name="open_blinds",
    description="Opens or closes the kitchen blinds",
    run=["/usr/local/bin/blinds", "--room={room}", "{position}"],
    parameters={
        "position": CommandParameter(type="integer", minimum=0, maximum=100),
        "room": CommandParameter(enum=["kitchen", "hall"], default="kitchen"),
    },
)


class Programs:
    """Notes what is run, and ends as told."""

    def __init__(self, finished: Finished | Exception = DONE) -> None:
        self.finished = finished
        self.run: list[list[str]] = []

    async def __call__(self, arguments: Sequence[str], _environment: Mapping[str, str]) -> Finished:
        self.run.append(list(arguments))
        if isinstance(self.finished, Exception):
            raise self.finished
        return self.finished


async def called(command: CommandTool, given: Mapping[str, Any], programs: Programs) -> str:
    """What the model is told."""
    return await Toolbox([command_tool(command, {}, programs)]).call(command.name, json.dumps(given))


async def test_the_models_values_take_the_places_of_the_placeholders() -> None:
    programs = Programs()
    assert await called(BLINDS, {"position": 40, "room": "hall"}, programs) == "done"
    assert programs.run == [["/usr/local/bin/blinds", "--room=hall", "40"]]


async def test_what_the_program_writes_is_what_the_model_learns() -> None:
    programs = Programs(Finished(0, "The blinds\nare at 40 %.\x1b[0m\n", "", flooded=False))
    assert await called(BLINDS, {"position": 40}, programs) == "The blinds are at 40 %.\ufffd[0m"
    assert programs.run == [["/usr/local/bin/blinds", "--room=kitchen", "40"]]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"position": 101}, "position must be at most 100"),
        ({"position": -1}, "position must be at least 0"),
        ({"position": "40"}, "position must be of type integer"),
        ({}, "position is missing"),
        ({"position": 1, "room": "cellar"}, "room must be one of kitchen, hall"),
        ({"position": 1, "speed": 3}, "must not have speed"),
    ],
)
async def test_values_that_the_config_does_not_allow_run_nothing(given: dict[str, Any], says: str) -> None:
    programs = Programs()
    assert says in await called(BLINDS, given, programs)
    assert not programs.run


@pytest.mark.parametrize(
    ("finished", "says"),
    [
        (Finished(3, "", "first\nno such blinds\n", flooded=False), "exit code 3: no such blinds"),
        (Finished(1, "only stdout\n", "", flooded=False), "exit code 1: only stdout"),
        (Finished(2, "", "", flooded=False), "exit code 2"),
        (Finished(-9, "", "", flooded=False), "ended by the signal SIGKILL"),
        (Finished(-9, "x" * 99, "", flooded=True), "wrote without end"),
        (FileNotFoundError(2, "No such file or directory"), "cannot be run: No such file or directory; check the path"),
    ],
)
async def test_a_program_that_fails_is_a_sentence_for_the_model(finished: Any, says: str) -> None:
    told = await called(BLINDS, {"position": 1}, Programs(finished))
    assert told.startswith("error: /usr/local/bin/blinds ")
    assert says in told


async def test_a_program_that_hangs_is_cancelled_at_its_deadline() -> None:
    ended = asyncio.Event()

    async def hang(_arguments: Sequence[str], _environment: Mapping[str, str]) -> Finished:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return DONE

    tool = command_tool(CommandTool(name="slow", description="d", run=["/bin/slow"], timeout_s=0.1), {}, hang)
    assert "no answer in 0.1 seconds" in await Toolbox([tool]).call("slow", "{}")
    async with asyncio.timeout(5):
        await ended.wait()


async def test_calls_of_one_command_run_one_after_the_other() -> None:
    running: list[str] = []
    most = 0
    may_end = asyncio.Event()

    async def run(arguments: Sequence[str], _environment: Mapping[str, str]) -> Finished:
        nonlocal most
        running.append(arguments[-1])
        most = max(most, len(running))
        await may_end.wait()
        running.remove(arguments[-1])
        return DONE

    toolbox = Toolbox([command_tool(BLINDS, {}, run)])
    calls = asyncio.gather(*(toolbox.call("open_blinds", json.dumps({"position": n})) for n in (0, 100)))
    may_end.set()
    assert await calls == ["done", "done"]
    assert most == 1


SAY = CommandTool(
    name="say",
    description="Shows a text",
    run=["/usr/bin/show", "-t", "{text}"],
    parameters={"text": CommandParameter(pattern=r"[A-Za-z -]*")},
)


async def test_a_text_cannot_become_an_option_of_the_program() -> None:
    programs = Programs()
    assert "text must not begin with '-'" in await called(SAY, {"text": "--delete"}, programs)
    assert not programs.run


async def test_after_two_dashes_a_text_may_begin_with_one() -> None:
    programs = Programs()
    command = CommandTool(name="say", description="d", run=["/bin/show", "--", "{text}"], parameters=SAY.parameters)
    await called(command, {"text": "-five degrees"}, programs)
    assert programs.run == [["/bin/show", "--", "-five degrees"]]


async def test_a_negative_number_is_no_option() -> None:
    programs = Programs()
    command = CommandTool(
        name="warm", description="d", run=["/bin/warm", "{by}"], parameters={"by": CommandParameter(type="number")}
    )
    await called(command, {"by": -1.5}, programs)
    assert programs.run == [["/bin/warm", "-1.5"]]


@pytest.mark.parametrize("text", ["a;b", "a\n", "a\0b"])
async def test_a_pattern_holds_for_the_whole_text(text: str) -> None:
    programs = Programs()
    assert "text must match" in await called(SAY, {"text": text}, programs)
    assert not programs.run


@given(st.text(max_size=60))
def test_whatever_the_text_is_it_stays_one_argument(text: str) -> None:
    programs = Programs()
    command = CommandTool(
        name="show", description="d", run=["/bin/show", "text={text}", "end"], parameters={"text": CommandParameter()}
    )
    asyncio.run(called(command, {"text": text}, programs))
    assert programs.run in ([["/bin/show", f"text={text}", "end"]], []), "run with it as it is, or not at all"
    assert bool(programs.run) == ("\0" not in text)


def test_the_model_sees_a_valid_schema_with_all_limits() -> None:
    schema = command_tool(BLINDS, {}).parameters
    Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["position"]
    assert schema["properties"]["position"] == {"type": "integer", "minimum": 0, "maximum": 100}
    assert schema["properties"]["room"] == {"type": "string", "default": "kitchen", "enum": ["kitchen", "hall"]}
