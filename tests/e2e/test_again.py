"""Say that again: two quick presses, or a request, repeat the last answer, in the conversation and after it."""

import time

from scripts.rig.device import Device
from tests.e2e.room import ANSWER, FADE_S, GREETING, WORD_FRAMES, Room, voice

REPLY = voice(ANSWER)
LISTENS = [{"type": "button", "pin": 17}]
NOTHING = "error: there is no answer to repeat"


async def answered(room: Room, device: Device) -> float:
    """A conversation in which a question was answered, to the end of the answer; returns when that was heard."""
    await device.press()
    await device.enters("listening")
    asked_s = room.says()
    heard = await room.hears(REPLY, asked_s)
    await device.enters("speaking")
    await device.enters("listening")
    return heard.end_s


async def taps_twice(device: Device) -> float:
    """Press the button twice in quick succession; returns when."""
    pressed_s = await device.tap()
    await device.tap()
    return pressed_s


async def test_two_quick_presses_while_it_answers_have_it_begin_again(room: Room) -> None:
    async with room.speaker(triggers=LISTENS) as device:
        await device.press()
        await device.enters("listening")
        asked_s = room.says()
        await device.enters("speaking")
        await room.sounds(asked_s)
        await room.service.wait_for("response.done")
        pressed_s = await taps_twice(device)
        again = await room.hears(REPLY, pressed_s)
        first = room.heard(REPLY, asked_s)
        assert first.frames < len(REPLY) // 2
        assert room.silent(first.end_s + FADE_S, again.start_s)
        await device.wait_for_log("pressed twice (button on pin 17)")
        await device.enters("speaking")
        await device.enters("listening")
        assert room.silent(again.end_s)
        assert room.card.microphone_open, "the conversation goes on"
        assert len(room.sessions) == 1


async def test_two_quick_presses_after_the_answer_repeat_it_though_the_first_ended_the_conversation(room: Room) -> None:
    async with room.speaker() as device:
        await answered(room, device)
        pressed_s = await taps_twice(device)
        again = await room.hears(REPLY, pressed_s)
        await device.enters("idle")
        assert room.silent(pressed_s, again.start_s)
        assert not room.card.microphone_open
        assert len(room.sessions) == 1

        # Here the first one begins another conversation.
        pressed_s = await taps_twice(device)
        again = await room.hears(REPLY, pressed_s)
        assert all(hello.frames < len(voice(GREETING)) // 2 for hello in room.all_heard(voice(GREETING), pressed_s))


async def test_with_no_answer_yet_a_second_press_is_a_press(room: Room) -> None:
    async with room.speaker() as device:
        pressed_s = await device.tap()
        # Not any sound: while a busy machine connects, a notice is one.
        await room.hears(voice(GREETING)[: WORD_FRAMES * 2], pressed_s)
        await device.tap()
        await device.enters("listening")
        heard = room.heard(voice(GREETING), pressed_s)
        assert heard.frames < len(voice(GREETING)) // 2
        assert room.silent(heard.end_s + FADE_S), "nothing is repeated"
        assert len(room.sessions) == 1


async def test_a_program_can_ask_for_it_in_the_conversation_and_after_it_and_a_press_cuts_it_short(room: Room) -> None:
    async with room.speaker() as device:
        assert await device.ask("again") == NOTHING
        await answered(room, device)
        asked_s = time.monotonic()
        assert await device.ask("again") == "ok: the last answer again"
        again = await room.hears(REPLY, asked_s)
        await device.enters("speaking")
        await device.enters("listening")
        await device.ask("stop")
        await device.enters("idle")
        assert room.silent(again.end_s)

        asked_s = time.monotonic()
        await device.ask("again")
        await room.sounds(asked_s)
        assert not room.card.microphone_open
        pressed_s = await device.press()
        hello = await room.hears(voice(GREETING), pressed_s)
        again = room.heard(REPLY, asked_s)
        assert again.frames < len(REPLY) // 2
        assert room.silent(again.end_s + FADE_S, hello.start_s)
        assert len(room.sessions) == 2


async def test_once_muted_nobody_hears_it_any_more(room: Room) -> None:
    async with room.speaker(triggers=LISTENS) as device:
        await device.press()
        await device.enters("listening")
        await room.is_answered(room.says())
        await device.ask("mute on")
        await device.enters("muted")
        assert await device.ask("again") == NOTHING
