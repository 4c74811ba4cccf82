"""The speaker with an MQTT broker: a conversation goes on whatever becomes of the broker."""

from __future__ import annotations

import shutil

import pytest

from scripts.rig.broker import broker
from tests.e2e.room import GREETING, Room, voice

pytestmark = pytest.mark.skipif(shutil.which("mosquitto") is None, reason="mosquitto is not installed")


async def test_a_broker_that_is_killed_in_a_conversation_costs_nobody_a_word(room: Room) -> None:
    async with broker(room.folder) as mosquitto, room.speaker(mqtt=mosquitto.config()) as device:
        await device.wait_for_log("mqtt: connected to")
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        await mosquitto.kill()
        await room.hears(voice(GREETING), pressed_s)
        await device.wait_for_log("it is tried again")
        await device.enters("listening")
        await room.is_answered(room.says())
        status = await device.status()
        assert not status["health"]["mqtt"]["ok"]
        assert status["failure"] is None, "nothing but MQTT needs the broker"
