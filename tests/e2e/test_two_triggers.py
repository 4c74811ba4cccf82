"""Several requests at once: they count as one, or are served one after the other, and nobody is talked over."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from scripts.rig.device import Device
from tests.e2e.room import GREETING, SPEECH, Room, voice
from tests.e2e.test_motion import somebody_walks_past

SENSOR: Mapping[str, Any] = {"type": "motion", "pin": 4, "greeting": "cheerful"}
BUTTON: Mapping[str, Any] = {"type": "button", "pin": 17, "greeting": "welcome"}
GREETINGS: Mapping[str, Any] = {"welcome": {"say": SPEECH}, "cheerful": {"say": GREETING}}
DINNER = "dinner is ready"


async def until_one_waits(device: Device) -> None:
    async with asyncio.timeout(5):
        while not (await device.status())["conversation"]["waiting"]:
            pass


async def test_two_triggers_at_once_count_as_one_request_and_a_later_one_is_another(room: Room) -> None:
    async with room.speaker(triggers=[SENSOR, BUTTON], greetings=GREETINGS) as device:
        # Who comes to press the button walks past the sensor.
        came_s = await somebody_walks_past(device)
        await device.enters("connecting")
        await device.tap()
        await device.wait_for_log("pressed (button on pin 17)")
        hello = await room.hears(voice(GREETING), came_s)
        await device.enters("greeting")
        await device.enters("listening")
        assert (await device.status())["conversation"]["trigger"] == "motion on pin 4"
        await device.press()
        await device.enters("idle")
        assert room.silent(hello.end_s)
        assert len(room.sessions) == 1


async def test_an_announcement_waits_for_the_end_of_a_conversation(room: Room) -> None:
    async with room.speaker(triggers=[{"type": "button", "pin": 17}]) as device:
        await device.press()
        await device.enters("listening")
        asked_s = room.says()
        announcing = asyncio.create_task(device.ask(f"say {DINNER}"))
        await device.enters("speaking")
        await device.enters("listening")
        assert not room.all_heard(voice(DINNER), asked_s)
        pressed_s = await device.press()
        await room.hears(voice(DINNER), pressed_s)
        assert await announcing == "ok: said"
        await device.enters("idle")
        assert not room.card.microphone_open
        assert "input_audio_buffer.append" not in room.session.types("in")


async def test_an_announcement_with_listen_hears_what_is_answered(room: Room) -> None:
    async with room.speaker() as device:
        said_s = time.monotonic()
        assert await device.ask(f"say --listen {DINNER}") == "ok: said"
        assert room.heard(voice(DINNER), said_s).frames == len(voice(DINNER)) // 2
        await device.enters("listening")
        await room.is_answered(room.says())
        assert (await device.status())["conversation"]["trigger"] == "control socket"
        assert len(room.sessions) == 1


async def test_muted_an_announcement_is_made_and_none_that_would_listen(room: Room) -> None:
    async with room.speaker() as device:
        await device.ask("mute on")
        await device.enters("muted")
        assert "muted" in await device.ask(f"say --listen {SPEECH}")
        said_s = time.monotonic()
        assert await device.ask(f"say {DINNER}") == "ok: said"
        assert room.heard(voice(DINNER), said_s).frames == len(voice(DINNER)) // 2
        await device.enters("muted")
        assert len(room.sessions) == 1
        assert room.card.captured_until_s < said_s


async def test_eight_may_wait_and_stop_forgets_them(room: Room) -> None:
    async with room.speaker(triggers=[{"type": "button", "pin": 17}], sounds={"ready": False}) as device:
        await device.press()
        await device.enters("listening")
        announcing = asyncio.create_task(device.ask(f"say {DINNER}"))
        await until_one_waits(device)
        for before in range(1, 8):
            assert await device.ask("greet welcome") == f"ok: queued, {before} before it"
        assert "too many requests wait" in await device.ask(f"say {DINNER}")
        stopped_s = time.monotonic()
        await device.ask("stop")
        assert await announcing == "error: it was not said: it was stopped"
        await device.enters("idle")
        said_s = time.monotonic()
        assert await device.ask("say that is all") == "ok: said"
        that = room.heard(voice("that is all"), said_s)
        assert room.silent(stopped_s, that.start_s)
