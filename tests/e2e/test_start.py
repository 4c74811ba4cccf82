"""From the start of the process on: when systemd hears READY, nothing that is asked of the speaker is lost."""

from __future__ import annotations

import asyncio
import signal

from tests.e2e.room import GREETING, Room, voice


async def test_who_presses_the_moment_the_button_is_armed_is_greeted(room: Room) -> None:
    async with room.speaker(at_rest=False) as device:
        ready_s = await device.systemd.ready()
        await device.tap()
        await device.enters("greeting")
        await device.enters("listening")
        heard = room.heard(voice(GREETING), ready_s)
        assert heard.frames == len(voice(GREETING)) // 2
        assert sum("pressed (button on pin 17)" in line for line in device.log) == 1


async def test_who_asks_the_moment_the_daemon_is_ready_is_answered(room: Room) -> None:
    async with room.speaker(at_rest=False) as device:
        await device.systemd.ready()
        assert (await device.status())["state"] == "idle"


async def test_who_stops_it_while_it_starts_finds_it_stopped_in_good_order(room: Room) -> None:
    async with room.speaker(at_rest=False) as device:
        await device.systemd.ready()
        device.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10.0):
            assert await device.process.wait() == 0
        assert not device.socket.exists()
