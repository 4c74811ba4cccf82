"""Motion: who walks past is greeted, once; and to nobody who did not ask anything is said of what is wrong."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from device_daemon.audio.sounds import earcon
from scripts.rig.device import Device
from tests.e2e.room import GREETING, SPEECH, Room, voice

PIN = 4
SENSOR: Mapping[str, Any] = {"type": "motion", "pin": PIN, "greeting": "cheerful", "cooldown_s": 600}
BUTTON: Mapping[str, Any] = {"type": "button", "pin": 17, "greeting": "welcome"}
GREETINGS: Mapping[str, Any] = {"welcome": {"say": SPEECH}, "cheerful": {"say": GREETING}}
REST_S = 0.1
"""Sensors see nobody for much longer than that before they see somebody."""
NAME = f"motion on pin {PIN}"
TOLD_WHY = ["--verbose"]
"""A sensor reports every step somebody takes: what becomes of them is logged for those who look for it."""


async def somebody_walks_past(device: Device) -> float:
    """The sensor sees nobody, then somebody; returns when."""
    await device.push(PIN)
    await asyncio.sleep(REST_S)
    return await device.let_go(PIN)


async def test_who_walks_past_is_greeted_and_not_again_within_the_cooldown(room: Room) -> None:
    async with room.speaker(options=TOLD_WHY, triggers=[SENSOR, BUTTON], greetings=GREETINGS) as device:
        moved_s = await somebody_walks_past(device)
        await room.hears(voice(GREETING), moved_s)
        await device.enters("listening")
        assert room.card.microphone_open
        assert (await device.status())["conversation"]["trigger"] == NAME
        await device.ask("stop")
        await device.enters("idle")
        assert (await device.status())["last_conversation"]["trigger"] == NAME
        await somebody_walks_past(device)
        await device.wait_for_log(f"{NAME}: it opened a conversation")
        assert (await device.status())["state"] == "idle"
        assert len(room.sessions) == 1


async def test_who_has_just_said_goodbye_is_left_alone(room: Room) -> None:
    sensor = {**SENSOR, "cooldown_s": 0}
    async with room.speaker(options=TOLD_WHY, triggers=[sensor, BUTTON], greetings=GREETINGS) as device:
        await device.press()
        await device.enters("greeting")
        await somebody_walks_past(device)
        await device.wait_for_log(f"{NAME}: a conversation was over")
        assert device.state == "greeting", "who talks to the speaker moves"
        await device.ask("stop")
        await device.enters("idle")
        await somebody_walks_past(device)
        await device.wait_for_log(f"{NAME}: a conversation was over", count=2)
        assert (await device.status())["state"] == "idle"
        assert len(room.sessions) == 1


async def test_muted_it_greets_nobody_and_says_nothing_and_allowed_again_it_does(room: Room) -> None:
    async with room.speaker(options=TOLD_WHY, triggers=[SENSOR], greetings=GREETINGS) as device:
        asked_s = time.monotonic()
        await device.ask("mute on")
        assert "muted" in await device.ask("press"), "a person who asks is told"
        await room.hears_notice("muted", asked_s)
        await device.ask("stop")
        await device.wait_for_silence(asked_s, silence_ms=50.0)
        silent_s = await somebody_walks_past(device)
        await device.wait_for_log(f"{NAME}: no conversation is opened while muted")
        assert (await device.status())["state"] == "muted"
        assert not room.card.microphone_open
        assert room.sessions == []

        asked_s = time.monotonic()
        await device.ask("mute off")
        allowed = await room.hears(earcon("unmuted"), asked_s)
        assert room.silent(silent_s, allowed.start_s)
        moved_s = await somebody_walks_past(device)
        await room.hears(voice(GREETING), moved_s)


async def test_who_walks_past_hears_nothing_of_a_service_that_cannot_be_reached(room: Room) -> None:
    sensor = {**SENSOR, "greeting": "none"}
    async with room.speaker(triggers=[sensor]) as device:
        await room.service.stop()
        moved_s = await somebody_walks_past(device)
        await device.enters("connecting")
        await device.enters("offline")
        assert not room.card.microphone_open
        await room.service.start()
        await device.enters("idle")
        assert room.silent(moved_s)
