"""SIGTERM: obeyed in good order whatever hangs, with the lights off, the cards free and the state saved."""

from __future__ import annotations

import asyncio
import signal

from device_daemon.localservice.faults import Faults, Moment
from scripts.rig.device import LED_PIN, Device
from tests.e2e.room import Room

DEADLINE_S = 4.0
"""Twice what is promised, for a busy machine; Python alone would wait for as long as something hangs."""


async def stops(device: Device, room: Room) -> None:
    device.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(DEADLINE_S):
        assert await device.process.wait() == 0
    assert not room.card.microphone_open
    assert not room.card.speaker_open
    await device.wait_until(lambda: device.led(LED_PIN) == 0, "darkness")
    assert not device.socket.exists()
    assert not [line for line in device.log if "Traceback" in line]


async def never_answers(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_while_the_service_does_not_answer_the_handshake(room: Room) -> None:
    server = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with room.speaker(endpoint=f"http://127.0.0.1:{port}") as device:
        await device.press()
        await device.enters("connecting")
        await stops(device, room)
    server.close()


async def test_in_a_conversation_whose_line_is_dead(room: Room) -> None:
    room.service.faults = Faults(half_open_at=Moment.DELTA)
    async with room.speaker() as device:
        await device.press()
        await device.wait_until(lambda: device.state in {"greeting", "listening"}, "a greeting")
        await stops(device, room)


async def test_mute_is_saved_however_soon_after_it_the_daemon_is_stopped(room: Room) -> None:
    async with room.speaker() as device:
        assert await device.ask("mute on") == "ok: muted"
        await stops(device, room)
    async with room.speaker() as device:
        assert device.state == "muted"
