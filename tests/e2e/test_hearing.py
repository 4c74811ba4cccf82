"""What the service hears: every sample from the press on, in order, and nothing it should not."""

from typing import Any

import numpy as np
import pytest

from device_daemon.audio.capture_pace import AHEAD_S
from device_daemon.config.settings import MicrophoneSettings
from device_daemon.localservice.faults import Faults
from scripts.rig.device import LED_PIN
from scripts.rig.tracks import Samples
from tests.e2e.room import GREETING, RATE_HZ, Room, voice

HELLO = voice(GREETING)


async def test_nothing_is_sent_before_the_greeting_and_nothing_that_was_said_since_the_press_is_lost(
    room: Room,
) -> None:
    async with room.speaker() as device:
        room.service.faults = Faults(session_updated_delay_ms=600)
        since_s = room.card.time_of(room.card.now_frame())
        room.hisses(15.0)
        await device.press()
        await device.enters("listening")
        light_s = next(change.at_s for change in device.changes_of(LED_PIN) if change.level and change.at_s > since_s)
        question: Samples = np.frombuffer(voice("what is that", "person"), np.int16)
        room.card.say(question)
        await device.enters("speaking")
        await device.enters("listening")
        await device.ask("stop")
        await device.enters("idle")
        await device.wait_until(lambda: device.led() == 0.0, "darkness")
        dark_s = device.changes_of(LED_PIN)[-1].at_s

        came = room.session.types()
        assert room.session.types("in")[0] == "session.update"
        assert came.index("session.update") < came.index("session.updated") < came.index("response.create")
        assert came.index("input_audio_buffer.append") > came.index("response.audio.delta")
        ((start_s, frames),) = room.traced(since_s)
        assert frames == room.session.received_frames
        ready_s = room.session.of_type("session.updated")[0].at_s
        assert light_s < start_s < ready_s - 0.3, "since the light was on, half a second before the service was ready"
        assert start_s + frames / RATE_HZ < dark_s
        assert room.card.overruns == 0


@pytest.mark.parametrize(
    "firm",
    [
        {"greetings": {"welcome": {"say": GREETING, "interruptible": False}}},
        {"conversation": {"interruptible": False}},
    ],
)
async def test_over_a_greeting_that_may_not_be_interrupted_nobody_is_heard(room: Room, firm: dict[str, Any]) -> None:
    async with room.speaker(**firm) as device:
        since_s = room.card.time_of(room.card.now_frame())
        room.hisses(15.0)
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        room.card.say(voice("excuse me please", "person"))
        await device.enters("listening")
        await room.service.wait_for("input_audio_buffer.append")
        await device.ask("stop")
        await device.enters("idle")

        greeting = room.heard(HELLO, pressed_s)
        assert greeting.frames == len(HELLO) // 2
        assert "input_audio_buffer.speech_started" not in room.session.types()
        assert "conversation.item.truncate" not in room.session.types()
        before, after = room.traced(since_s)
        assert pressed_s < before[0] < greeting.start_s
        assert after[0] >= greeting.end_s - MicrophoneSettings().period_ms / 1000, (
            "what a period that began in the greeting has of it"
        )


async def test_half_duplex_hears_nobody_while_the_speaker_sounds(room: Room) -> None:
    audio = {"microphone": {"periods": 16}, "speaker": {"periods": 16, "volume": 100}, "echo": "half-duplex"}
    async with room.speaker(audio=audio) as device:
        since_s = room.card.time_of(room.card.now_frame())
        room.hisses(15.0)
        pressed_s = await device.press()
        await device.enters("listening")
        await room.service.wait_for("input_audio_buffer.append")
        await device.ask("stop")
        await device.enters("idle")
        assert room.traced(since_s)[-1][0] >= room.heard(HELLO, pressed_s).end_s
        update = room.session.of_type("session.update")[0].summary["session"]
        assert "input_audio_echo_cancellation" not in update


async def test_a_microphone_that_is_always_ready_costs_the_service_no_more_sound_than_time_passes(room: Room) -> None:
    async with room.speaker(audio={"microphone": {"device": "null"}}) as device:
        pressed_s = await device.press()
        await device.enters("listening")
        await room.until(lambda: room.session.received_frames > 2 * RATE_HZ, "two seconds of sound")
        for arrival in list(room.session.arrivals):
            assert (arrival.first_frame + arrival.frames) / RATE_HZ <= arrival.at_s - pressed_s + AHEAD_S
