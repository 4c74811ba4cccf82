"""A speaker with a language: what it says by itself is in that language, and the service gets to know it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from device_daemon.language.language import language_for
from tests.e2e.room import Room, voice

GERMAN: Mapping[str, Any] = {
    "language": "de-DE",
    "triggers": [{"type": "button", "pin": 17, "greeting": "welcome"}],
    "service": {"transcription": True},
}


async def test_a_notice_is_spoken_in_the_language_of_the_config(room: Room) -> None:
    async with room.speaker(**GERMAN) as device:
        await device.ask("mute on")
        await device.enters("muted")
        pressed_s = await device.press()
        await room.hears_notice("muted", pressed_s, "de-DE")


async def test_the_greeting_is_german_and_the_service_knows_what_it_will_hear(room: Room) -> None:
    async with room.speaker(**GERMAN, greetings={"welcome": {"say": "heute ist {weekday} {daypart}"}}) as device:
        pressed_s = await device.press()
        now = language_for("de-DE").placeholders(datetime.now().astimezone())
        await room.hears(voice(f"heute ist {now['weekday']} {now['daypart']}", "de"), pressed_s)
        session = room.session.of_type("session.update")[0].summary["session"]
        assert session["voice"]["name"] == "de-DE-Seraphina:DragonHDLatestNeural"
        assert session["input_audio_transcription"] == {"model": "azure-speech", "language": "de-DE"}
