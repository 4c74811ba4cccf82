"""Sound cards that are missing, busy or pulled out: told by name, and taken again when they are there."""

import asyncio
import time

import numpy as np

from scripts.rig.card import SimulatedCard
from scripts.rig.tracks import CAPTURE, Samples
from scripts.rig.utterance import resample
from tests.e2e.room import GREETING, RATE_HZ, Room, voice

HELLO = voice(GREETING)
CARD = {"device": "simcard", "periods": 16}


async def test_an_unknown_microphone_is_told_with_those_there_are(room: Room) -> None:
    audio = {"microphone": {"device": "plughw:CARD=nosuch"}, "speaker": {"volume": 100}}
    async with room.speaker(audio=audio) as device:
        pressed_s = await device.press()
        await device.enters("connecting")
        await device.enters("error")
        line = await device.wait_for_log("nosuch")
        assert "simcard" in line
        await room.hears_notice("sound-card", pressed_s)
        assert "nosuch" in (await device.status())["failure"]


async def test_a_speaker_that_another_program_has_is_taken_when_it_is_free(room: Room) -> None:
    room.card.busy = True
    async with room.speaker() as device:
        await device.wait_for_log("in use by another program")
        await device.wait_until(lambda: device.state == "error", "state error")
        room.card.busy = False
        await device.wait_for_log("no longer busy")
        await device.wait_until(lambda: device.state == "idle", "state idle")
        pressed_s = await device.press()
        await device.enters("listening")
        assert room.heard(HELLO, pressed_s).frames == len(HELLO) // 2
    assert sum("WARNING" in line for line in device.log) == 1, "it is told once"


async def test_a_microphone_that_another_program_has_is_named_and_taken_when_it_is_free(room: Room) -> None:
    async with room.speaker() as device:
        await device.wait_for_log("speaker default: ")
        room.card.busy = True
        pressed_s = await device.press()
        await device.enters("error")
        assert "in use by another program" in (await device.status())["failure"]
        await room.hears_notice("sound-card", pressed_s)
        room.card.busy = False
        await device.enters("idle")
        await device.press()
        await device.enters("listening")
        await device.ask("stop")
        await device.enters("idle")
        assert (await device.status())["failure"] is None


async def test_a_card_that_is_pulled_out_in_a_conversation_works_again_when_it_is_back(room: Room) -> None:
    async with room.speaker() as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        room.card.unplug()
        await device.enters("error")
        ended = (await device.status())["last_conversation"]
        assert ended["ended"] == "it failed"
        assert "check" in ended["failure"] or "plug" in ended["failure"]
        assert not room.card.microphone_open
        room.card.plug()
        await device.enters("idle")
        await device.wait_for_log("is back")
        pressed_s = await device.press()
        await device.enters("listening")
        assert room.heard(HELLO, pressed_s).frames == len(HELLO) // 2
        assert (await device.status())["speaker"]["reopened"] == 1


def likeness(heard: Samples, sound: bytes) -> float:
    """How much of a sound is in what was heard, both at 48 kHz, 0..1, wherever it begins."""
    wanted = resample(np.frombuffer(sound, np.int16), RATE_HZ, 2 * RATE_HZ).astype(float)
    track = heard.astype(float)
    size = len(track) + len(wanted)
    spectrum = np.fft.rfft(track, size) * np.fft.rfft(wanted, size).conj()
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: len(track)]))
    there = track[at : at + len(wanted)]
    return float(there @ wanted[: len(there)] / np.linalg.norm(there) / np.linalg.norm(wanted))


async def test_a_card_of_another_rate_and_two_channels_is_adapted_to(room: Room) -> None:
    room.card = SimulatedCard(room.folder / "card48", rate_hz=2 * RATE_HZ, channels=2, history_s=120.0)
    audio = {"microphone": CARD, "speaker": CARD | {"volume": 100}}
    async with room.speaker(audio=audio) as device:
        assert "48000 Hz" in await device.wait_for_log("speaker simcard")
        pressed_s = await device.press()
        await device.enters("listening")
        for channel in (0, 1):
            assert likeness(room.card.heard(pressed_s, time.monotonic(), channel), HELLO) > 0.85
        question = voice("what is that", "person", peak=12_000)
        room.card.say(question)
        await device.enters("speaking")
        got = resample(room.session.channel(0), RATE_HZ, 2 * RATE_HZ)
        assert likeness(got, question) > 0.85


async def test_a_microphone_that_stalls_for_two_seconds_in_a_conversation_is_opened_anew_and_it_goes_on(
    room: Room,
) -> None:
    async with room.speaker(conversation={"idle_timeout_s": 30}) as device:
        await device.press()
        await device.enters("listening")
        room.card.stall(CAPTURE)
        await device.wait_for_log("gave no sound for 0.3 s")
        await asyncio.sleep(2.0)
        room.card.stuck = False
        await device.wait_for_log("microphone default is back")
        await device.wait_until(lambda: device.state == "listening", "state listening")
        asked_s = room.card.say(voice("and now something else"))
        await room.sounds(asked_s)
        status = await device.status()
        assert status["conversation"] is not None
        assert status["measures"]["conversations"] == 1


async def test_a_speaker_that_is_pulled_out_at_rest_is_noticed_and_back_without_a_press(room: Room) -> None:
    async with room.speaker() as device:
        await device.wait_for_log("speaker default: ")
        room.card.unplug()
        await device.enters("error")
        assert "No such device" in (await device.status())["failure"]
        room.card.plug()
        await device.enters("idle")
        assert (await device.status())["failure"] is None
