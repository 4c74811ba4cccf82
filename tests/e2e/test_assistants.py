"""Assistants: the trigger says who answers, and the service is told who asks for what."""

import socket
from collections.abc import Mapping
from typing import Any

from device_daemon import __version__
from tests.e2e.room import GREETING, Room, voice

CHEF: Mapping[str, Any] = {
    "model": "gpt-4o",
    "voice": "en-US-Andrew",
    "instructions": "You cook at {hostname}.",
    "phrase_list": ["julienne"],
}
TRIGGERS = [
    {"type": "button", "pin": 17, "greeting": "welcome"},
    {"type": "button", "pin": 27, "greeting": "welcome", "assistant": "chef"},
]


def settings(room: Room) -> dict[str, Any]:
    """What the newest session was asked for."""
    return dict(room.session.of_type("session.update")[0].summary["session"])


async def test_each_button_opens_a_conversation_with_its_assistant(room: Room) -> None:
    async with room.speaker(triggers=TRIGGERS, assistants={"chef": CHEF}) as device:
        pressed_s = await device.press(27)
        await room.hears(voice(GREETING), pressed_s)
        await device.enters("listening")
        assert room.session.query["model"] == "gpt-4o"
        chef = settings(room)
        assert chef["voice"]["name"] == "en-US-Andrew"
        assert chef["instructions"] == f"You cook at {socket.gethostname()}."
        assert chef["input_audio_transcription"] == {"model": "azure-speech", "phrase_list": ["julienne"]}
        assert chef["metadata"] == {
            "device": socket.gethostname(),
            "version": __version__,
            "trigger": "button on pin 27",
        }
        assert (await device.status())["conversation"]["assistant"] == "chef"
        await device.ask("stop")
        await device.enters("idle")

        await device.press(17)
        await device.enters("listening")
        assert room.session.query["model"] == "gpt-realtime"
        ours = settings(room)
        assert ours["voice"]["name"] != "en-US-Andrew"
        assert ours["metadata"]["trigger"] == "button on pin 17"
        assert "input_audio_transcription" not in ours


async def test_a_session_that_is_kept_ready_is_for_the_assistant_that_was_talked_to_last(room: Room) -> None:
    service = {"standby": "after-conversation"}
    async with room.speaker(service=service, triggers=TRIGGERS, assistants={"chef": CHEF}) as device:
        await device.press(27)
        await device.enters("listening")
        await device.ask("stop")
        await device.enters("idle")
        await room.until(lambda: len(room.sessions) == 2 and "session.updated" in room.session.types(), "warm session")
        assert room.session.query["model"] == "gpt-4o"
        pressed_s = await device.press(27)
        await room.hears(voice(GREETING), pressed_s)
        assert len(room.sessions) == 2
        described = room.session.of_type("session.update")[1].summary["session"]
        assert described.keys() == {"metadata"}
        assert described["metadata"]["trigger"] == "button on pin 27"
