"""Sessions that break, stall or talk nonsense: the conversation goes on where it can, and never in silence."""

import time
from typing import Any

from device_daemon.audio.sounds import earcon
from device_daemon.localservice.faults import Faults, Garbage, Moment
from tests.e2e.room import ANSWER, Room, voice

REPLY, TROUBLE = voice(ANSWER), earcon("error")
SHORT: dict[str, Any] = {"greetings": {"welcome": {"say": "hello there"}}}


async def test_answers_that_fail_fall_silent_or_stall(room: Room) -> None:
    async with room.speaker(**SHORT) as device:
        await device.press()
        await device.enters("listening")

        room.service.faults = Faults(silent_responses=True)
        asked_s = time.monotonic()
        room.says()
        await device.enters("thinking")
        await device.enters("listening")
        assert room.silent(asked_s)

        room.service.faults = Faults(fail_responses="server_error")
        asked_s = time.monotonic()
        room.says()
        await device.enters("thinking")
        await device.enters("listening")
        assert "the service could not answer" in await device.wait_for_log("WARNING")
        await room.hears(TROUBLE, asked_s)

        room.service.faults = Faults(stall_ms=700, at_delta=2)
        asked_s = time.monotonic()
        room.says()
        await device.enters("speaking")
        await device.enters("listening")
        first = room.heard(REPLY, asked_s)
        rest = room.heard(REPLY[first.frames * 2 :], first.end_s)
        assert first.frames + rest.frames == len(REPLY) // 2
        assert room.silent(first.end_s, rest.start_s)

        room.service.faults = Faults(stall_ms=60_000, at_delta=2)
        asked_s = time.monotonic()
        room.says()
        await device.enters("speaking")
        await device.enters("listening")
        await room.service.wait_for("response.cancel")
        await device.wait_for_log("did not go on with its answer")
        await room.hears(TROUBLE, asked_s)
        assert len(room.sessions) == 1


async def test_garbage_on_the_wire_costs_no_conversation(room: Room) -> None:
    hello = voice("hello there")
    async with room.speaker(**SHORT) as device:
        await room.probed()
        for garbage in Garbage:
            sessions = len(room.sessions)
            # A client has to end the connection at text that is no UTF-8 (RFC 6455, 8.1) and at more than it takes:
            # the next one must be better.
            ends = garbage in {Garbage.HUGE, Garbage.INVALID_UTF8}
            room.service.faults = Faults(
                garbage=garbage, garbage_at=Moment.UPDATED, first_connections=1 if ends else None
            )
            pressed_s = await device.press()
            await device.enters("listening")
            assert [heard.frames for heard in room.all_heard(hello, pressed_s)] == [len(hello) // 2], garbage
            assert len(room.sessions) - sessions == 1 + ends, garbage
            await device.ask("stop")
            await device.enters("idle")


async def test_a_connection_that_breaks_in_an_answer_is_made_anew_and_remembers(room: Room) -> None:
    async with room.speaker(**SHORT) as device:
        await device.press()
        await device.enters("listening")
        room.service.faults = Faults(close_at=Moment.DELTA, at_delta=3, close_abruptly=True, first_connections=0)
        asked_s = time.monotonic()
        room.says()
        await device.enters("speaking")
        await device.enters("connecting")
        await device.enters("listening")
        assert "1006" in await device.wait_for_log("WARNING")
        recalled = (await room.service.wait_for("conversation.item.create")).summary["item"]
        assert (recalled["role"], recalled["content"][0]["text"]) == ("assistant", "hello there")
        assert "response.create" not in room.session.types("in")
        await room.hears(REPLY[: 3 * 250 * 48], asked_s)

        room.says()
        await device.enters("speaking")
        await device.enters("listening")
        assert [heard.ms for heard in room.all_heard(REPLY, asked_s)] == [3 * 250, len(REPLY) / 48]
        await device.ask("stop")
        await device.enters("idle")
        assert (await device.status())["last_conversation"]["reconnects"] == 1


async def test_a_service_that_breaks_every_session_ends_it_offline(room: Room) -> None:
    async with room.speaker() as device:
        await room.probed()
        room.service.faults = Faults(close_at=Moment.UPDATED, close_code=1011, close_reason="out of order")
        pressed_s = await device.press()
        await device.enters("offline")
        assert len(room.sessions) == 4, "the first try, and three more"
        assert "out of order" in await device.wait_for_log("conversation of")
        assert not room.card.microphone_open
        await room.hears_notice("offline", pressed_s)
