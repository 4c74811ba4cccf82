"""Sessions that break, stall or talk nonsense: the conversation goes on where it can, and never in silence."""

import time
from typing import Any

from device_daemon.audio import sounds
from device_daemon.language.language import language_for
from device_daemon.localservice.faults import Faults, Garbage, Moment
from tests.e2e.room import ANSWER, Room, matches, voice

REPLY = voice(ANSWER)
SHORT: dict[str, Any] = {"greetings": {"welcome": {"say": "hello there"}}}


UNHEARD = {
    "completed: it came without sound": (Faults(silent_responses=True), Faults(text_responses=True)),
    "incomplete: content_filter": (Faults(incomplete_responses="content_filter"),),
    "failed: ": (Faults(fail_responses="server_error"),),
}
"""The reason that the journal gives for an answer that is not heard."""


async def test_an_answer_that_is_not_heard_is_reported_by_a_notice_and_with_its_reason(room: Room) -> None:
    async with room.speaker(**SHORT) as device:
        await device.press()
        await device.enters("listening")
        for reason, kinds in UNHEARD.items():
            for faults in kinds:
                room.service.faults = faults
                asked_s = time.monotonic()
                room.says()
                await device.enters("thinking")
                await device.enters("listening")
                await room.hears(await sounds.notice("try-again", language_for()), asked_s)
                await device.wait_for_log(f"WARNING an answer was not heard ({reason}")


async def test_an_announcement_that_is_not_heard_is_no_success(room: Room) -> None:
    async with room.speaker() as device:
        await room.probed()
        room.service.faults = Faults(text_responses=True)
        asked_s = time.monotonic()
        answer = await device.ask("say hello there")
        assert answer.startswith("error: it was not said: the announcement was not heard (completed: it came without")
        await device.wait_for_log("over: the announcement was not heard (completed: it came without sound)")
        await room.hears(await sounds.notice("try-again", language_for()), asked_s)
        await device.enters("idle")


async def test_an_answer_that_stalls_goes_on_or_is_given_up(room: Room) -> None:
    async with room.speaker(**SHORT) as device:
        await device.press()
        await device.enters("listening")

        room.service.faults = Faults(stall_ms=700, at_delta=2)
        asked_s = time.monotonic()
        room.says()
        await device.enters("speaking")
        await device.enters("thinking")
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
        await room.hears(await sounds.notice("try-again", language_for()), asked_s)
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


async def test_an_answer_that_a_broken_connection_cuts_off_is_reported_and_the_new_session_knows_what_was_heard(
    room: Room,
) -> None:
    async with room.speaker(**SHORT) as device:
        await device.press()
        await device.enters("listening")
        room.service.faults = Faults(close_at=Moment.DELTA, at_delta=3, close_abruptly=True, first_connections=0)
        asked_s = time.monotonic()
        room.says()
        await device.enters("speaking")
        await device.enters("listening")
        assert "1006" in await device.wait_for_log("WARNING")
        recalled = (await room.service.wait_for("conversation.item.create")).summary["item"]
        assert recalled["role"] == "system"
        assert "You: hello there\n" in recalled["content"][0]["text"]
        assert recalled["content"][0]["text"].count("the user heard no more of this") == 1
        assert "response.create" not in room.session.types("in")
        heard = await room.hears(REPLY[: 3 * 250 * 48], asked_s)
        await room.hears(await sounds.notice("try-again", language_for()), heard.end_s)

        room.says()
        await device.enters("speaking")
        await device.enters("listening")
        assert [heard.ms for heard in room.all_heard(REPLY, asked_s)] == [3 * 250, len(REPLY) / 48]
        await device.ask("stop")
        await device.enters("idle")
        assert (await device.status())["last_conversation"]["reconnects"] == 1


async def test_a_question_that_a_broken_connection_cuts_in_two_reaches_the_new_session_complete(room: Room) -> None:
    async with room.speaker(**SHORT) as device:
        await device.press()
        await device.enters("listening")
        room.service.faults = Faults(close_at=Moment.SPEECH_STARTED, close_abruptly=True, first_connections=0)
        asked_s = time.monotonic()
        room.says()
        await device.enters("connecting")
        await device.enters("listening")
        await room.hears(REPLY, asked_s)
        assert matches(room.session.channel(0), voice("what is that", "person", peak=12_000))
        assert len(room.sessions) == 2
        assert len(room.all_heard(REPLY, asked_s)) == 1


async def test_a_service_that_breaks_every_session_ends_it_offline(room: Room) -> None:
    async with room.speaker() as device:
        await room.probed()
        room.service.faults = Faults(close_at=Moment.UPDATED, close_code=1011, close_reason="out of order")
        pressed_s = await device.press()
        await device.enters("offline")
        assert len(room.sessions) == 5, "the first try, and four more"
        assert "out of order" in await device.wait_for_log("conversation of")
        assert not room.card.microphone_open
        await room.hears_notice("offline", pressed_s)
