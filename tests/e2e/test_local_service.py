"""`service: {local: true}`: the speaker brings its voice service along, and takes it away again."""

import os
import signal
from pathlib import Path

from tests.e2e.room import GREETING, Room


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_the_service_of_this_machine_greets_answers_is_started_again_and_goes_with_the_speaker(
    room: Room,
) -> None:
    async with room.speaker(service={"local": True}, greetings={"welcome": {"say": "Hi."}}) as device:
        await device.wait_for_log("the local voice service listens on")
        (child,) = children(device.process.pid)
        pressed_s = await device.press()
        await device.enters("listening")
        assert await device.wait_for_sound(pressed_s) > pressed_s
        room.says(GREETING)
        await device.enters("speaking")
        await device.ask("stop")
        await device.enters("idle")

        os.kill(child, signal.SIGKILL)
        await device.press()
        await device.enters("listening")
        (successor,) = children(device.process.pid)
        assert successor != child
    assert not Path(f"/proc/{successor}").exists()
