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
from tests.e2e.room import ANSWER, WORD_FRAMES, Room, service_for_tests, voice

FOLLOW_UP = "so that is what the tool returned"
LISTENS = [{"type": "button", "pin": 17}]


@asynccontextmanager
async def room_where_the_model_calls(folder: Path, *calls: CallRule) -> AsyncIterator[Room]:
    """A room whose service answers the first turn by calling tools, and goes on when it has their results."""
    rules = Rule(after="speech", turn=1, call=list(calls)), Rule(after="result", say=FOLLOW_UP)
    async with room_with_rules(folder, *rules) as room:
        yield room


@asynccontextmanager
async def room_with_rules(folder: Path, *rules: Rule) -> AsyncIterator[Room]:
    """A room whose service has other rules before its own."""
    service = service_for_tests(*rules)
    await service.start()
    try:
        yield Room(folder, SimulatedCard(folder / "card", history_s=120.0), service)
    finally:
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
        async with asyncio.timeout(60.0):  # it spans all of a test
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
        ("get_volume", {}, "the volume is 100 per cent"),
        ("set_volume", {"percent": 90}, "the volume is 90 per cent now"),
        ("change_volume", {"direction": "down", "percent": 10}, "the volume is 90 per cent now, it was 100"),
        ("remember", {"what": "bin day", "text": "Tuesday"}, "remembered: bin day: Tuesday"),
        ("recall", {}, "nothing is remembered"),
        ("forget", {"what": "everything"}, "error: nothing is remembered"),
        ("get_device_status", {}, "all parts work"),
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
        await device.enters("speaking")
        await room.sounds(asked_s)
        (result,) = await results(room)
        assert says in result
        event = await called
        assert (event["tool"], event["outcome"]) == (name, "failed" if result.startswith("error") else "done")
        assert not set(event) & {"arguments", "result"}


async def test_calls_that_come_together_are_all_answered_before_the_model_goes_on(tmp_path: Path) -> None:
    calls = CallRule("get_volume"), CallRule("no_such_tool"), CallRule("get_device_status")
    async with room_where_the_model_calls(tmp_path, *calls) as room, room.speaker(triggers=LISTENS) as device:
        await listens(device)
        asked_s = room.says()
        await room.hears(voice(FOLLOW_UP), asked_s)
        assert len(await results(room)) == 2, "the service leaves out what the session has not"
        sent = [kind for kind in room.session.types() if kind in {"response.create", "response.done"}]
        assert sent[:2] == ["response.done", "response.create"]


async def test_goodbye_ends_the_conversation_when_the_farewell_was_heard(tmp_path: Path) -> None:
    async with (
        room_where_the_model_calls(tmp_path, CallRule("end_conversation")) as room,
        room.speaker(triggers=LISTENS) as device,
    ):
        await listens(device)
        asked_s = room.says()
        await room.hears(voice(FOLLOW_UP), asked_s)
        await device.enters("idle")
        await device.wait_for_log("the farewell was heard")


async def test_mute_closes_the_microphone_at_once_and_a_person_has_to_open_it(tmp_path: Path) -> None:
    async with (
        room_where_the_model_calls(tmp_path, CallRule("mute_microphone")) as room,
        room.speaker(triggers=LISTENS) as device,
    ):
        await listens(device)
        room.says()
        await device.enters("muted")
        assert not room.card.microphone_open
        assert (await device.status())["muted"]


@pytest.mark.parametrize("speed", ["same", "slower"])
async def test_the_last_answer_is_heard_again_and_nothing_more_is_said(tmp_path: Path, speed: str) -> None:
    call = Rule(after="speech", turn=2, call=CallRule("repeat_answer", {"speed": speed}))
    async with room_with_rules(tmp_path, call) as room, room.speaker(triggers=LISTENS) as device:
        await listens(device)
        await room.hears(voice(ANSWER), room.says())
        await device.enters("listening")
        asked_s = room.says()
        await device.enters("speaking")
        await device.enters("listening")
        again = room.all_heard(voice(ANSWER)[: WORD_FRAMES // 4], asked_s)
        assert bool(again) is (speed == "same")
        assert len(room.session.of_type("response.create")) == 0
        assert await results(room) == ["it is being repeated; say nothing more"]


async def test_a_name_that_was_told_is_in_the_next_greeting_and_can_be_forgotten(tmp_path: Path) -> None:
    greetings = {"welcome": {"say": "hello {name}"}}
    tell = CallRule("remember", {"what": "name", "text": "Anna"})
    async with room_where_the_model_calls(tmp_path, tell) as room, room.speaker(greetings=greetings) as device:
        pressed_s = await device.press()
        await room.hears(voice("hello"), pressed_s)
        await device.enters("listening")
        await room.hears(voice(FOLLOW_UP), room.says())
        await device.ask("stop")
        await device.enters("idle")
        assert await device.ask("remembered") == "name: Anna"
        pressed_s = await device.press()
        await room.hears(voice("hello Anna"), pressed_s)
        assert await device.ask("forget name") == "ok: forgotten: name"
        assert await device.ask("remembered") == "nothing is remembered"
