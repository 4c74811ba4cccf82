"""The stop word: while the speaker sounds or rings, one word silences it, on the device and at once."""

import time
from collections.abc import Mapping
from typing import Any

from scripts.rig.tracks import Samples
from scripts.rig.utterance import utterance
from tests.e2e.room import GREETING, Room, voice
from tests.e2e.test_timers import pasta, remember, rings
from tests.e2e.test_wake_word import LONG, WORD, waits_for_the_word

BUTTON: Mapping[str, Any] = {"type": "button", "pin": 17, "greeting": "welcome"}
HALF_DUPLEX: Mapping[str, Any] = {
    "microphone": {"periods": 16},
    "speaker": {"periods": 16, "volume": 100},
    "echo": "half-duplex",
}
"""Nobody else may talk over the speaker then."""


def stop() -> Samples:
    """Somebody says it."""
    return utterance("stop", "en+f3", 165)


async def test_over_a_greeting_that_nobody_may_talk_over_it_silences_the_speaker_and_the_conversation_goes_on(
    room: Room,
) -> None:
    long = {"welcome": {"say": LONG}}
    async with room.speaker(triggers=[BUTTON], stop_word="stop", audio=HALF_DUPLEX, greetings=long) as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        room.card.say(stop())
        await device.enters("listening")
        await device.wait_for_log("stop word stop")
        heard = room.heard(voice(LONG), pressed_s)
        assert heard.frames < len(voice(LONG)) // 2
        assert device.state == "listening"


async def test_while_nothing_sounds_it_is_a_word_as_any_other(room: Room) -> None:
    async with room.speaker(triggers=[BUTTON], stop_word="stop") as device:
        pressed_s = await device.press()
        await room.hears(voice(GREETING), pressed_s)
        await device.enters("listening")
        await room.until(lambda: room.silent(time.monotonic() - 2.0), "silence")
        over_s = room.card.say(stop()) + 1.5
        await room.captured_until(over_s)
        assert not any("stop word stop" in line for line in device.log)


async def test_it_stops_a_timer_that_rings(room: Room) -> None:
    await remember(room, pasta(1.0))
    begun_s = time.monotonic()
    async with room.speaker(triggers=[WORD, BUTTON]) as device:
        await rings(room, device, begun_s)
        room.card.say(stop())
        await device.wait_for_log("stop word stop")
        await device.wait_for_log("timer 1: stopped")
        await waits_for_the_word(device)
