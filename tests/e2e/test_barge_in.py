"""Talking over the speaker, and the button: it falls silent at once, and the service learns what was heard."""

import time

import pytest

from device_daemon.localservice.faults import Faults
from scripts.rig.device import Device
from tests.e2e.room import ANSWER, FADE_S, PERIOD_MS, SPEECH, Room, voice

HELLO, REPLY = voice(SPEECH), voice(ANSWER)
GREETINGS = {"welcome": {"say": SPEECH}}
LONG_REMARK = "no no no wait a moment I did not mean that at all please let me explain"


async def interrupted(room: Room, device: Device, sound: bytes, since_s: float, truncations: int) -> float:
    """Check that a sound was cut off in the middle, and that the service was told where; returns when."""
    told = await room.service.wait_for("conversation.item.truncated", count=truncations)
    heard = room.heard(sound, since_s)
    assert 0 < heard.frames < len(sound) // 2
    assert told.summary["audio_end_ms"] == pytest.approx(heard.ms, abs=PERIOD_MS)
    assert device.state in {"listening", "thinking"}
    return heard.end_s + FADE_S


async def test_talking_over_the_greeting_and_over_the_answer_silences_both(room: Room) -> None:
    async with room.speaker(greetings=GREETINGS) as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        room.says()
        await room.service.wait_for("input_audio_buffer.speech_started")
        silent_s = await interrupted(room, device, HELLO, pressed_s, truncations=1)

        # The answer comes slowly, so that it is still being made, and some of it comes late, when it is interrupted.
        room.service.faults = Faults(speed=1.0, delta_ms=100, late_deltas=3)
        await device.enters("speaking")
        answered_s = await room.sounds(silent_s)
        assert room.heard(REPLY, silent_s).start_s == answered_s
        assert room.silent(silent_s, answered_s)
        room.says(LONG_REMARK)
        await room.service.wait_for("input_audio_buffer.speech_started", count=2)
        silent_s = await interrupted(room, device, REPLY, answered_s, truncations=2)

        done = await room.service.wait_for("response.done", count=2)
        assert done.summary["response"]["status_details"]["reason"] == "turn_detected"
        in_time = [delta for delta in room.session.of_type("response.audio.delta") if delta.at_s < done.at_s]
        await room.service.wait_for("response.audio.delta", count=len(in_time) + 3)
        await device.ask("stop")
        await device.enters("idle")
        assert room.silent(silent_s)
        assert "response.cancel" not in room.session.types("in"), "the service interrupts itself"


async def test_the_button_interrupts_greeting_thinking_and_answer_then_ends(room: Room) -> None:
    async with room.speaker(greetings=GREETINGS) as device:
        room.service.faults = Faults(speed=1.0)
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        await device.press()
        await device.enters("listening")
        silent_s = await interrupted(room, device, HELLO, pressed_s, truncations=1)
        assert room.session.types("in").count("response.cancel") == 1

        # While it thinks: the person has more to say, then presses.
        room.service.faults = Faults(think_ms=10_000)
        room.says()
        await device.enters("thinking")
        await room.service.wait_for("response.created", count=2)
        room.says()
        await device.enters("listening")
        await device.enters("thinking")
        await room.service.wait_for("response.created", count=3)
        await device.press()
        await device.enters("listening")
        await room.service.wait_for("response.done", count=3)
        reasons = [done.summary["response"]["status_details"] for done in room.session.of_type("response.done")]
        assert [reason["reason"] for reason in reasons] == ["client_cancelled", "turn_detected", "client_cancelled"]
        assert room.silent(silent_s)

        room.service.faults = Faults(speed=1.0)
        asked_s = time.monotonic()
        room.says()
        await device.enters("speaking")
        await room.sounds(asked_s)
        await device.press()
        await device.enters("listening")
        silent_s = await interrupted(room, device, REPLY, asked_s, truncations=2)

        await device.press()
        await device.enters("idle")
        assert room.silent(silent_s)
        assert (await device.status())["last_conversation"]["ended"] == "the button was pressed"
