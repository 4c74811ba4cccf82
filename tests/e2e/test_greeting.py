"""What is said first: each way to greet, on the wire and in the room."""

import socket
import time
from datetime import datetime
from itertools import pairwise
from typing import Any

from device_daemon.audio.sounds import earcon
from scripts.rig.device import Device
from tests.e2e.room import MADE_UP, Room, voice

GREETINGS = {
    "welcome": {"say": "Hi {name} it is {weekday} at {hostname}"},
    "cheerful": {"say_one_of": ["hello there", "good day"]},
    "tailored": {"ask_model": "Greet {name} warmly"},
    "german": {"say": "guten Tag", "voice": "de-DE-KatjaNeural"},
}


async def greeted(room: Room, device: Device, name: str) -> dict[str, Any]:
    """The response.create of a conversation with that greeting, which is stopped when it was heard."""
    assert (await device.ask(f"greet {name}")).startswith("ok")
    await device.enters("listening")
    await device.ask("stop")
    await device.enters("idle")
    return room.session.of_type("response.create")[0].summary


def given_text(create: dict[str, Any]) -> str:
    message = create["response"]["pre_generated_assistant_message"]
    assert (message["type"], message["role"]) == ("message", "assistant")
    (part,) = message["content"]
    assert part["type"] == "text"
    return str(part["text"])


async def test_a_press_is_greeted_word_for_word_and_to_the_last_sample(room: Room) -> None:
    async with room.speaker(greetings=GREETINGS, names={"name": "Lisa"}) as device:
        before = f"{datetime.now().astimezone():%A}"
        pressed_s = await device.press()
        await device.enters("listening")
        weekdays = {before, f"{datetime.now().astimezone():%A}"}
        text = given_text(room.session.of_type("response.create")[0].summary)
        assert text in {f"Hi Lisa it is {day} at {socket.gethostname()}" for day in weekdays}
        sound = voice(text)
        heard = room.heard(sound, pressed_s)
        assert heard.frames == len(sound) // 2
        assert room.silent(pressed_s, heard.start_s)
        assert room.silent(heard.end_s)


async def test_one_of_a_list_is_never_said_twice_in_a_row_not_even_over_a_restart(room: Room) -> None:
    said = []
    for presses in (3, 2):
        async with room.speaker(greetings=GREETINGS, names={"name": "Lisa"}) as device:
            said += [given_text(await greeted(room, device, "cheerful")) for _ in range(presses)]
            room.service.record.sessions.clear()
    assert set(said) == {"hello there", "good day"}
    assert all(one != next_one for one, next_one in pairwise(said))


async def test_a_greeting_by_the_model_in_another_voice_or_none(room: Room) -> None:
    async with room.speaker(greetings=GREETINGS, names={"name": "Lisa"}) as device:
        begin_s = time.monotonic()
        create = await greeted(room, device, "tailored")
        item = room.session.of_type("conversation.item.create")[0].summary["item"]
        assert (item["role"], item["content"]) == ("system", [{"type": "input_text", "text": "Greet Lisa warmly"}])
        assert "pre_generated_assistant_message" not in create["response"]
        asked = [kind for kind in room.session.types("in") if kind.startswith(("conversation", "response"))]
        assert asked[:2] == ["conversation.item.create", "response.create"]
        assert room.heard(voice(MADE_UP), begin_s).frames

        create = await greeted(room, device, "german")
        assert create["response"]["voice"]["name"] == "de-DE-KatjaNeural"
        assert room.heard(voice("guten Tag", "de"), begin_s).frames

        asked_s = time.monotonic()
        assert (await device.ask("greet none")).startswith("ok")
        await device.enters("listening")
        await room.hears(earcon("ready"), asked_s)
        assert room.session.of_type("response.create") == []
