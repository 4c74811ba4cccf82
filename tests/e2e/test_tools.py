"""Each tool once, spoken: a question goes in, the model calls the tool, its result reaches it, the answer is heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device_daemon.localservice.scripted_replies import CallRule, Rule
from scripts.rig.card import SimulatedCard
from scripts.rig.device import Device
from tests.e2e.room import ANSWER, Room, service_for_tests, voice

FOLLOW_UP = "so that is what the tool returned"
LISTENS = [{"type": "button", "pin": 17}]


@asynccontextmanager
async def room_where_the_model_calls(folder: Path, *calls: CallRule) -> AsyncIterator[Room]:
    """A room whose service answers the first turn by calling tools, and goes on when it has their results."""
    service = service_for_tests(
        Rule(after="speech", turn=1, call=list(calls)),
        Rule(after="result", say=FOLLOW_UP),
        Rule(after="speech", say=ANSWER),
    )
    await service.start()
    yield Room(folder, SimulatedCard(folder / "card", history_s=120.0), service)
    await service.stop()


async def listens(device: Device) -> None:
    """Open a conversation in which the person speaks first."""
    await device.press()
    await device.enters("listening")


async def results(room: Room, how_many: int = 1) -> list[str]:
    """What the tools returned to the model, in order."""

    def outputs() -> list[str]:
        items = [entry.summary["item"] for entry in room.session.of_type("conversation.item.create")]
        return [item["output"] for item in items if item["type"] == "function_call_output"]

    await room.until(lambda: len(outputs()) >= how_many, "result of a tool")
    return outputs()


async def event_of(device: Device, kind: str) -> dict[str, Any]:
    """Wait for the next event of a kind, on a subscription that is made now."""
    reader, writer = await asyncio.open_unix_connection(device.socket)
    writer.write(b"subscribe\n")
    try:
        async with asyncio.timeout(20.0):
            while True:
                event: dict[str, Any] = json.loads(await reader.readline())
                if event["event"] == kind:
                    return event
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("get_time", {"time_zone": "Asia/Tokyo"}, "(UTC+0900)"),
        ("set_timer", {"minutes": 10, "name": "pasta"}, "set: pasta: timer of 10 minutes, 10 minutes left"),
        ("set_alarm", {"time": "07:30", "days": "mon-fri"}, "set: alarm 1: alarm at 07:30 mon-fri, next on "),
        ("list_timers", {}, "no timer or alarm is set"),
        ("stop_ringing", {}, "nothing rings"),
    ],
)
async def test_a_tool_is_asked_for_called_and_its_result_is_answered_with(
    tmp_path: Path, name: str, arguments: dict[str, Any], says: str
) -> None:
    async with (
        room_where_the_model_calls(tmp_path, CallRule(name, arguments)) as room,
        room.speaker(triggers=LISTENS) as device,
    ):
        called = asyncio.ensure_future(event_of(device, "tool"))
        await listens(device)
        asked_s = room.says()
        await room.hears(voice(FOLLOW_UP), asked_s)
        (result,) = await results(room)
        assert says in result
        event = await called
        assert (event["tool"], event["outcome"]) == (name, "done")
        assert not set(event) & {"arguments", "result"}
