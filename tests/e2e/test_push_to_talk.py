"""A button to hold while you talk: you are heard while you hold it, and at no other time."""

import time
from collections.abc import Mapping
from typing import Any

from device_daemon.localservice.faults import Faults
from device_daemon.state import State
from scripts.rig.device import Device
from tests.e2e.room import ANSWER, FADE_S, GREETING, PERIOD_MS, RATE_HZ, SPEECH, Room, matches, voice
from tests.e2e.test_lights import LIGHTS, shows

PIN = 27
HELD: Mapping[str, Any] = {"type": "button", "pin": PIN, "mode": "push-to-talk", "greeting": "none"}
GREETS: Mapping[str, Any] = {**HELD, "greeting": "welcome"}
PRESSED: Mapping[str, Any] = {"type": "button", "pin": 17, "greeting": "none"}
QUESTION = "what time is it"
ASKED = voice(QUESTION, "person", peak=12_000)
A_PERIOD_S = 0.03
TURN = ["input_audio_buffer.append", "input_audio_buffer.commit", "response.create"]


async def asks(room: Room, device: Device) -> tuple[float, float]:
    """Hold the button, ask something, and let it go; returns when it was pushed, and when the finger began to lift."""
    pushed_s = await device.push(PIN)
    await room.until(lambda: room.card.microphone_running, "open microphone")
    over_s = room.says(QUESTION) + len(ASKED) / 2 / RATE_HZ
    await room.captured_until(over_s)
    return pushed_s, await device.let_go(PIN)


def questions(room: Room) -> int:
    """How often the service got the whole question."""
    found = matches(room.session.channel(0), ASKED)
    return sum(frames == len(ASKED) // 2 for _, frames in found)


async def test_you_are_heard_while_you_hold_it_and_not_otherwise_and_answered_when_you_let_it_go(room: Room) -> None:
    async with room.speaker(triggers=[HELD], lights=LIGHTS) as device:
        since_s = room.card.time_of(room.card.now_frame())
        room.hisses(15.0)
        first = await asks(room, device)
        await room.hears(voice(ANSWER), first[1])
        await shows(device, State.WAITING)
        assert not room.card.microphone_open
        captured_s = room.card.captured_until_s
        over_s = room.says("nobody is to hear that") + 0.6
        await room.until(lambda: time.monotonic() > over_s, "end of what is said")
        assert room.card.captured_until_s == captured_s
        second = await asks(room, device)
        await room.service.wait_for("response.create", count=2)

        assert questions(room) == 2
        assert room.session.types("in") == ["session.update", *TURN * 2]
        assert room.session.of_type("session.update")[0].summary["session"]["turn_detection"] is None
        commits = room.session.of_type("input_audio_buffer.commit")
        turns = zip((first, second), room.traced(since_s), commits, strict=True)
        for (pushed_s, let_go_s), (begins_s, frames), commit in turns:
            ends_s = begins_s + frames / RATE_HZ
            assert pushed_s < begins_s
            assert let_go_s - A_PERIOD_S < ends_s < commit.at_s
        assert room.card.overruns == 0


async def test_who_speaks_softly_is_heard_to_the_moment_of_letting_go_too(room: Room) -> None:
    async with room.speaker(triggers=[HELD]) as device:
        since_s = room.card.time_of(room.card.now_frame())
        room.hisses(15.0)
        for turn, held_s in enumerate(
            (1.13, 2.41), start=1
        ):  # no louder than a quiet room: its sound is handed over in large pieces
            pushed_s = await device.push(PIN)
            await room.captured_until(pushed_s + held_s)
            let_go_s = await device.let_go(PIN)
            await room.service.wait_for("input_audio_buffer.commit", count=turn)
            begins_s, frames = room.traced(since_s)[-1]
            assert pushed_s < begins_s
            assert let_go_s - A_PERIOD_S < begins_s + frames / RATE_HZ
            await device.enters("waiting")


async def test_holding_it_while_the_speaker_talks_interrupts_greeting_and_answer(room: Room) -> None:
    room.service.faults = Faults(speed=1.0)
    async with room.speaker(triggers=[GREETS], greetings={"welcome": {"say": SPEECH}}) as device:
        tapped_s = await device.tap(PIN)
        await room.sounds(tapped_s)
        _, let_go_s = await asks(room, device)
        told = await room.service.wait_for("conversation.item.truncated")
        heard = room.heard(voice(SPEECH), tapped_s)
        assert heard.frames < len(voice(SPEECH)) // 2
        assert abs(told.summary["audio_end_ms"] - heard.ms) <= PERIOD_MS

        answered_s = await room.sounds(let_go_s)
        assert room.silent(heard.end_s + FADE_S, answered_s)
        before = len(device.states)
        await device.push(PIN)
        told = await room.service.wait_for("conversation.item.truncated", count=2)
        heard = room.heard(voice(ANSWER), answered_s)
        assert abs(told.summary["audio_end_ms"] - heard.ms) <= PERIOD_MS
        await device.wait_for_state("listening", before)
        assert room.silent(heard.end_s + FADE_S)
        await device.let_go(PIN)


async def test_a_tap_greets_and_another_one_where_nobody_talks_ends_it(room: Room) -> None:
    async with room.speaker(triggers=[GREETS]) as device:
        for _ in ("before the service is ready", "after that, since it was called before"):
            tapped_s = await device.tap(PIN)
            await room.hears(voice(GREETING), tapped_s)
            await device.enters("waiting")
            assert not room.card.microphone_open
            await device.tap(PIN)
            await device.enters("idle")
            assert (await device.status())["last_conversation"]["ended"] == "the button was pressed"
            assert "input_audio_buffer.commit" not in room.session.types("in")


async def test_what_is_said_before_the_service_is_ready_is_heard_and_a_tap_before_it_is_not(room: Room) -> None:
    async with room.speaker(triggers=[GREETS]) as device:
        await room.probed()
        room.service.faults = Faults(session_updated_delay_ms=1000)
        since_s = room.card.time_of(room.card.now_frame())
        room.hisses(15.0)
        await device.push(PIN)
        await room.until(lambda: room.card.microphone_running, "open microphone")
        await device.let_go(PIN)
        await room.until(lambda: not room.card.microphone_open, "closed microphone")
        asked = await asks(room, device)
        await room.is_answered(asked[1])
        ((begins_s, _),) = room.traced(since_s)
        assert begins_s > asked[0]
        assert questions(room) == 1
        assert room.session.types("in") == ["session.update", *TURN]
        assert not room.all_heard(voice(GREETING), since_s), "who speaks first is not greeted"


async def test_where_you_are_heard_anyway_holding_it_ends_nothing(room: Room) -> None:
    async with room.speaker(triggers=[HELD, PRESSED]) as device:
        await device.press()
        await device.enters("listening")
        _, let_go_s = await asks(room, device)
        await room.is_answered(let_go_s)
        assert (await device.status())["conversation"]["trigger"] == "button on pin 17"
        assert len(room.sessions) == 1


async def test_muted_it_says_so_and_hears_nobody(room: Room) -> None:
    async with room.speaker(triggers=[HELD]) as device:
        await device.ask("mute on")
        await device.enters("muted")
        pushed_s = await device.push(PIN)
        await room.hears_notice("muted", pushed_s)
        assert device.state == "muted"
        assert not room.card.microphone_open
        assert room.sessions == []
        await device.let_go(PIN)
