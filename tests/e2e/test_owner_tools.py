"""The owner's tools, spoken: a command, Home Assistant, an MCP server on this device, and one that the service calls."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device_daemon.conversation.approvals import NAME as ALLOW
from device_daemon.localservice.scripted_replies import CallRule, McpRule, McpServerRule, Rule
from scripts.rig.card import SimulatedCard
from scripts.rig.device import Device
from tests.e2e.room import Room, service_for_tests, voice
from tests.e2e.test_tools import FOLLOW_UP, LISTENS, listens, results, room_where_the_model_calls
from tests.integration.tools.home_assistant import TOKEN, FakeHomeAssistant

MCP_SERVER = str(Path(__file__).parents[1] / "integration" / "tools" / "mcp_server.py")
QUESTION = "may I look that up in the docs for you"
DOCS = {"label": "docs", "url": "https://docs.example/mcp"}


async def answered(room: Room, device: Device) -> str:
    """Ask something, hear the answer that follows a tool's result, and return the result."""
    await listens(device)
    asked_s = room.says()
    await room.hears(voice(FOLLOW_UP), asked_s)
    return (await results(room))[0]


async def test_a_command_is_run_and_what_it_writes_is_answered_with(tmp_path: Path) -> None:
    program = tmp_path / "blinds"
    program.write_text('#!/bin/sh\necho "The blinds are at $1 % now, the key is ${AZURE_VOICELIVE_API_KEY:-hidden}."\n')
    program.chmod(0o755)
    command = {
        "name": "open_blinds",
        "description": "Opens the blinds",
        "parameters": {"position": {"type": "integer", "minimum": 0, "maximum": 100}},
        "run": [str(program), "{position}"],
    }
    async with (
        room_where_the_model_calls(tmp_path, CallRule("open_blinds", {"position": 40})) as room,
        room.speaker(triggers=LISTENS, tools={"commands": [command]}) as device,
    ):
        assert await answered(room, device) == "The blinds are at 40 % now, the key is hidden."


async def test_a_command_that_hangs_is_a_sentence_for_the_model_and_the_conversation_goes_on(tmp_path: Path) -> None:
    command = {"name": "hang", "description": "Hangs", "run": ["/bin/sleep", "60"], "timeout_s": 0.5}
    async with (
        room_where_the_model_calls(tmp_path, CallRule("hang", {})) as room,
        room.speaker(triggers=LISTENS, tools={"commands": [command]}) as device,
    ):
        assert await answered(room, device) == "error: the tool gave no answer in 0.5 seconds"
        await device.wait_for_log("tool hang: the tool gave no answer in 0.5 seconds")


async def test_home_assistant_is_handed_the_sentence_and_its_answer_is_answered_with(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    call = CallRule("home_assistant", {"text": "turn on the kitchen light"})
    async with FakeHomeAssistant() as home, room_where_the_model_calls(tmp_path, call) as room:
        tools = {"home_assistant": {"url": home.url, "token_file": str(token)}}
        async with room.speaker(triggers=LISTENS, tools=tools) as device:
            assert await answered(room, device) == "Turned on the kitchen light"
            assert home.bodies == [{"text": "turn on the kitchen light"}]
            assert TOKEN not in "\n".join(device.log)


async def test_a_tool_of_an_mcp_server_on_this_device_is_called(tmp_path: Path) -> None:
    server = {"label": "notes", "local": [sys.executable, MCP_SERVER]}
    async with (
        room_where_the_model_calls(tmp_path, CallRule("notes_add", {"text": "milk"})) as room,
        room.speaker(triggers=LISTENS, tools={"mcp": [server]}) as device,
    ):
        await device.wait_for_log("the MCP server notes runs; its tools: notes_add, notes_fail, notes_picture")
        assert (await device.status())["health"]["mcp"]["ok"]
        assert await answered(room, device) == "noted: milk"


@asynccontextmanager
async def room_with_docs(folder: Path, *, allowed: bool) -> AsyncIterator[Room]:
    """A room whose service wants to search an MCP server, and asks for permission."""
    service = service_for_tests(
        Rule(after="speech", turn=1, mcp=McpRule("docs", "search", {"query": "voice"}, output="three pages")),
        Rule(after=["nothing", "request"], say=QUESTION),
        Rule(after="speech", turn=2, call=CallRule(ALLOW, {"allowed": allowed})),
        Rule(after=["result", "declined"], say=FOLLOW_UP),
        mcp_servers=[McpServerRule("docs", [{"name": "search"}])],
    )
    await service.start()
    yield Room(folder, SimulatedCard(folder / "card", history_s=120.0), service)
    await service.stop()


def items(room: Room, kind: str) -> list[dict[str, Any]]:
    """What the speaker added to the conversation."""
    found = [entry.summary["item"] for entry in room.session.of_type("conversation.item.create")]
    return [item for item in found if item["type"] == kind]


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_person_is_asked_before_a_remote_tool_runs_and_answers_by_voice(tmp_path: Path, allowed: bool) -> None:
    async with (
        room_with_docs(tmp_path, allowed=allowed) as room,
        room.speaker(triggers=LISTENS, tools={"mcp": [DOCS]}) as device,
    ):
        await listens(device)
        question = await room.hears(voice(QUESTION), room.says())
        await device.enters("listening")
        answered_s = room.says("yes please do that", question.end_s + 0.5)
        await room.hears(voice(FOLLOW_UP), answered_s)
        (answer,) = items(room, "mcp_approval_response")
        assert answer["approve"] is allowed
        assert bool(room.session.of_type("response.mcp_call.completed")) is allowed


async def test_a_press_allows_a_remote_tool(tmp_path: Path) -> None:
    async with (
        room_with_docs(tmp_path, allowed=False) as room,
        room.speaker(triggers=LISTENS, tools={"mcp": [DOCS]}) as device,
    ):
        await listens(device)
        question = await room.hears(voice(QUESTION), room.says())
        await device.enters("listening")
        await device.press()
        await room.hears(voice(FOLLOW_UP), question.end_s)
        (answer,) = items(room, "mcp_approval_response")
        assert answer["approve"] is True


async def test_a_remote_server_that_needs_no_permission_is_called_and_its_headers_reach_the_service_only(
    tmp_path: Path,
) -> None:
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer s3cret\n")
    server = DOCS | {"approval": "never", "headers_file": str(headers)}
    async with (
        room_with_docs(tmp_path, allowed=False) as room,
        room.speaker(triggers=LISTENS, tools={"mcp": [server]}) as device,
    ):
        await listens(device)
        await room.hears(voice(FOLLOW_UP), room.says())
        assert not items(room, "mcp_approval_response")
        (update, *_) = room.session.of_type("session.update")
        assert "docs" in json.dumps(update.summary)
        assert "s3cret" not in "\n".join(device.log)
