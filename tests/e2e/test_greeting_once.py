"""A conversation is greeted once: not per session.updated, not per connection, and not beside the service's own."""

import time

from device_daemon.localservice.faults import NONE, Faults, Moment
from tests.e2e.room import ANSWER, GREETING, Room, voice

HELLO = voice(GREETING)


async def test_a_second_session_updated_does_not_greet_again(room: Room) -> None:
    async with room.speaker() as device:
        room.service.faults = Faults(session_updated_twice=True)
        pressed_s = await device.press()
        await device.enters("listening")
        assert room.session.types("out").count("session.updated") == 2
        assert room.session.types("in").count("response.create") == 1
        assert len(room.all_heard(HELLO, pressed_s)) == 1


async def test_a_session_that_greets_by_itself_is_not_greeted_over(room: Room) -> None:
    async with room.speaker() as device:
        room.service.faults = Faults(greeting="welcome to the hotel")
        pressed_s = await device.press()
        await device.enters("speaking")
        await device.enters("listening")
        assert "response.create" not in room.session.types("in")
        theirs = voice("welcome to the hotel")
        heard = room.heard(theirs, pressed_s)
        assert heard.frames == len(theirs) // 2
        assert room.silent(pressed_s, heard.start_s)
        assert room.silent(heard.end_s)


async def test_a_greeting_that_was_lost_before_it_was_heard_is_asked_for_again(room: Room) -> None:
    async with room.speaker() as device:
        await room.probed()
        for count, moment in enumerate((Moment.UPDATED, Moment.RESPONSE_CREATED), start=1):
            room.service.faults = Faults(close_at=moment, close_abruptly=True, first_connections=1)
            pressed_s = await device.press()
            await device.enters("connecting")
            await device.enters("listening")
            lost, kept = room.sessions[-2:]
            assert "response.audio.delta" not in lost.types()
            assert kept.types("in").count("response.create") == 1
            (heard,) = room.all_heard(HELLO, pressed_s)
            assert heard.frames == len(HELLO) // 2
            assert len(room.sessions) == 2 * count
            await device.ask("stop")
            await device.enters("idle")
            assert (await device.status())["last_conversation"]["reconnects"] == 1


async def test_a_greeting_that_was_heard_is_not_said_again_after_a_reconnect_and_the_talk_goes_on(room: Room) -> None:
    async with room.speaker() as device:
        room.service.faults = Faults(speed=2.0)
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        # The connection breaks when the whole greeting was sent and half of it was heard.
        room.service.faults = Faults(close_at=Moment.RESPONSE_DONE, close_abruptly=True, first_connections=0)
        await device.enters("greeting")
        await device.enters("listening")
        room.service.faults = NONE
        recalled = (await room.service.wait_for("conversation.item.create")).summary["item"]
        assert recalled["role"] == "system"
        assert f"You: {GREETING}" in recalled["content"][0]["text"]

        asked_s = time.monotonic()
        room.says()
        await device.enters("speaking")
        await device.enters("listening")
        answer = voice(ANSWER)
        assert room.heard(answer, asked_s).frames == len(answer) // 2
        assert "response.create" not in room.session.types("in")
        assert len(room.all_heard(HELLO, pressed_s)) == 1
