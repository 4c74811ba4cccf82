"""A speaker that hears itself in a room: talked over at the first words of a greeting that the service does not know."""

from __future__ import annotations

import time

import numpy as np
import pytest

from scripts.rig.acoustics import Wave, impulse_response, rms
from scripts.rig.utterance import utterance
from tests.e2e.room import SPEECH, Room, voice

GREETING = f"{SPEECH} and {SPEECH}"
WORDS = "please stop I wanted to know what the weather will be like tomorrow afternoon"
FIRST_WORDS_S = 0.4
"""The first word and a half of the greeting, in which a new canceller on the device learns the room."""


def similarity(got: Wave, said: Wave) -> float:
    """Correlation of what was said with where it fits best."""
    size = 1 << (len(got) + len(said)).bit_length()
    products = np.fft.irfft(np.fft.rfft(got, size) * np.conj(np.fft.rfft(said, size)), size)[: len(got) - len(said) + 1]
    best = int(np.argmax(products))
    piece = got[best : best + len(said)]
    return float(products[best] / (np.linalg.norm(piece) * np.linalg.norm(said) + 1e-9))


@pytest.mark.parametrize("mode", ["client-reference", "local"])
async def test_a_person_as_loud_as_the_echo_talks_over_the_cached_greeting_and_the_rest_of_the_words_arrives(
    room: Room, mode: str
) -> None:
    pytest.importorskip("pywebrtc_audio")
    room.card.set_room(impulse_response(6.0), noise=10.0)
    greetings = {"welcome": {"say": GREETING, "cache": True}}
    async with room.speaker(greetings=greetings, audio={"echo": mode}) as device:
        await device.wait_for_log("fetched in advance")
        room.service.record.sessions.clear()
        pressed_s = await device.press()
        begins_s = await room.sounds(pressed_s)
        person = utterance(WORDS, "en-us+f3").astype(np.float64)
        greeting = np.frombuffer(voice(GREETING), np.int16).astype(np.float64)
        person *= rms(greeting) / rms(person)
        says_s = room.card.say(np.rint(person).astype(np.int16), begins_s + FIRST_WORDS_S)
        await room.service.wait_for("input_audio_buffer.speech_started")
        await device.enters("listening")
        heard = room.heard(voice(GREETING), pressed_s)
        assert heard.end_s < begins_s + len(greeting) / 24_000 - 1.0, "it was cut off, and not near its end"
        assert heard.end_s > says_s, "by the person, not by itself"
        await device.enters("thinking")
        rest = person[round((heard.end_s - says_s + 0.3) * 24_000) :]
        assert similarity(room.session.channel(0).astype(np.float64), rest) >= 0.8


@pytest.mark.parametrize("mode", ["client-reference", "local"])
async def test_alone_in_the_room_it_says_its_greeting_to_the_end(room: Room, mode: str) -> None:
    pytest.importorskip("pywebrtc_audio")
    room.card.set_room(impulse_response(6.0), noise=10.0)
    greetings = {"welcome": {"say": GREETING, "cache": True}}
    async with room.speaker(greetings=greetings, audio={"echo": mode}) as device:
        await device.wait_for_log("fetched in advance")
        room.service.record.sessions.clear()
        pressed_s = await device.press()
        await room.hears(voice(GREETING), pressed_s)
        await device.enters("listening")
        heard_s = time.monotonic()
        await room.captured_until(heard_s + 0.5)
        assert room.session.types("out").count("input_audio_buffer.speech_started") == 0
