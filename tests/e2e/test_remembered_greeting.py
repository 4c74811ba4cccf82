"""Greetings from memory: what the service spoke before is played the moment the button is pressed."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scripts.rig.device import Device
from tests.e2e.room import ANSWER, GREETING, SPEECH, Room, matches, voice

REMEMBERED: Mapping[str, Any] = {"welcome": {"say": GREETING, "cache": True}}
LONG: Mapping[str, Any] = {"welcome": {"say": SPEECH, "cache": True}}


def files(room: Room) -> list[Path]:
    return sorted(room.folder.rglob("greetings/*"))


async def rehearsed(room: Room, device: Device) -> None:
    """Wait until the greeting was fetched in advance and is cached."""
    await device.wait_for_log("fetched in advance")
    assert files(room)


def told(room: Room) -> list[str]:
    """What the service was told that was said."""
    items = [message.summary["item"] for message in room.session.of_type("conversation.item.create")]
    texts = [item["content"][0]["text"] for item in items if item["role"] == "system"]
    return [text.partition("You: ")[2].partition(" ... (the user")[0] for text in texts]


async def test_a_greeting_that_is_known_is_played_at_once_and_the_service_is_told(room: Room) -> None:
    async with room.speaker(greetings=REMEMBERED) as device:
        await rehearsed(room, device)
        room.service.record.sessions.clear()
        pressed_s = await device.press()
        heard = await room.hears(voice(GREETING), pressed_s)
        assert room.silent(pressed_s, heard.start_s)
        await device.enters("listening")
        assert room.silent(heard.end_s), "and nothing else: the service does not greet as well"
        await room.until(lambda: told(room) == [GREETING], "item for what was said")
        assert room.session.of_type("response.create") == []
        says_s = room.says()
        await room.hears(voice(ANSWER), says_s)


async def test_what_a_button_cuts_off_is_not_told(room: Room) -> None:
    async with room.speaker(greetings=LONG) as device:
        await rehearsed(room, device)
        room.service.record.sessions.clear()
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        await device.press()
        await device.enters("listening")
        await room.until(lambda: bool(told(room)), "item for what was said")
        heard = room.heard(voice(SPEECH), pressed_s)
        share = heard.frames / (len(voice(SPEECH)) // 2)
        (text,) = told(room)
        assert SPEECH.startswith(text)
        assert abs(len(text) / len(SPEECH) - share) < 0.05


async def test_a_service_that_cannot_know_the_cached_greeting_gets_nothing_while_it_sounds(room: Room) -> None:
    async with room.speaker(greetings=REMEMBERED, audio={"echo": "service"}) as device:
        await rehearsed(room, device)
        room.service.record.sessions.clear()
        pressed_s = await device.press()
        begins_s = await room.sounds(pressed_s)
        room.says("is anybody there", begins_s + 0.1)
        heard = await room.hears(voice(GREETING), pressed_s)
        said_s = room.says("what is that", heard.end_s + 0.4)
        await room.hears(voice(ANSWER), said_s)
        sent = room.session.channel(0)
        assert matches(sent, voice("what is that", "person", peak=12_000))
        assert not matches(sent, voice("is anybody there", "person", peak=12_000))


async def test_with_the_reference_beside_it_the_microphone_flows_during_the_cached_greeting(room: Room) -> None:
    async with room.speaker(greetings=REMEMBERED) as device:
        await rehearsed(room, device)
        room.service.record.sessions.clear()
        pressed_s = await device.press()
        begins_s = await room.sounds(pressed_s)
        room.says("is anybody there", begins_s + 0.1)
        await device.enters("thinking")
        assert matches(room.session.channel(0), voice("is anybody there", "person", peak=12_000))
        reference = room.session.channel(1)
        loud = int(np.flatnonzero(reference)[0])
        assert matches(np.frombuffer(voice(GREETING), np.int16), reference[loud : loud + 960].tobytes())


async def test_where_the_service_cannot_be_reached_the_greeting_is_heard_and_then_what_is_wrong(room: Room) -> None:
    async with room.speaker(greetings=REMEMBERED) as device:
        await rehearsed(room, device)
        await room.service.stop()
        pressed_s = await device.press()
        heard = await room.hears(voice(GREETING), pressed_s)
        await device.enters("offline")
        await room.hears_notice("offline", heard.end_s)
        assert len(room.all_heard(voice(GREETING), pressed_s)) == 1


async def test_after_a_restart_it_is_in_memory_before_the_service_or_a_press_asks_for_it(room: Room) -> None:
    async with room.speaker(greetings=REMEMBERED) as device:
        await rehearsed(room, device)
    await room.service.stop()
    async with room.speaker(greetings=REMEMBERED) as device:
        await device.enters("offline")
        for file in files(room):
            file.unlink()
        pressed_s = await device.press()
        await room.hears(voice(GREETING), pressed_s)


async def test_a_damaged_recording_is_dropped_and_the_service_speaks(room: Room) -> None:
    async with room.speaker(greetings=REMEMBERED) as device:
        await rehearsed(room, device)
    for file in files(room):
        file.write_bytes(file.read_bytes()[:-100])
    async with room.speaker(greetings=REMEMBERED) as device:
        await rehearsed(room, device)
        pressed_s = await device.press()
        await room.hears(voice(GREETING), pressed_s)


async def test_a_greeting_that_is_not_to_be_remembered_is_not_kept(room: Room) -> None:
    async with room.speaker(greetings={"welcome": {"say": GREETING, "cache": False}}) as device:
        pressed_s = time.monotonic()
        await device.press()
        await room.hears(voice(GREETING), pressed_s)
        await device.enters("listening")
    assert files(room) == []
