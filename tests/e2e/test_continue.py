"""A press soon after a conversation goes on where it stopped, until that is forgotten."""

import time

from scripts.rig.device import Device
from tests.e2e.room import GREETING, Room, voice


def told(room: Room) -> list[str]:
    """What the newest session was told that was said before."""
    items = [message.summary["item"] for message in room.session.of_type("conversation.item.create")]
    return [item["content"][0]["text"] for item in items]


async def greeted(room: Room, device: Device) -> None:
    """A conversation that greeted, and was stopped."""
    pressed_s = await device.press()
    await room.hears(voice(GREETING), pressed_s)
    await device.enters("listening")
    await device.ask("stop")
    await device.enters("idle")


async def test_the_next_press_goes_on_without_a_greeting_and_the_service_knows_what_was_said(room: Room) -> None:
    async with room.speaker(conversation={"continue_for_s": "5m"}) as device:
        await greeted(room, device)
        pressed_s = time.monotonic()
        await device.press()
        await device.enters("listening")
        await room.until(lambda: bool(told(room)), "item for what was said")
        (text,) = told(room)
        assert f"You: {GREETING}" in text
        assert room.session.of_type("response.create") == []
        assert room.all_heard(voice(GREETING), pressed_s) == []
        await device.ask("stop")
        await device.enters("idle")


async def test_after_forget_the_next_press_begins_anew(room: Room) -> None:
    async with room.speaker(conversation={"continue_for_s": "5m"}) as device:
        await greeted(room, device)
        assert await device.ask("forget") == "ok: forgotten"
        await greeted(room, device)
        assert told(room) == []
