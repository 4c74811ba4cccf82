"""One conversation, with a service and a sound card that a test drives: what is sent, in which order, and how it ends."""

from __future__ import annotations

import asyncio

import pytest

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.audio.period import Period
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, EndReason
from device_daemon.errors import AuthRefused, ConnectionLost, DeviceGone
from device_daemon.greetings.opening import Opening
from device_daemon.state import State
from tests.unit.conversation.room import (
    HELLO,
    OWN_SOUND,
    SECOND,
    FakeConnection,
    Room,
    nothing_left,
    period,
    settle,
    until,
)

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")


# What is sent


async def test_session_update_comes_first_then_the_greeting_then_all_that_was_said_meanwhile_in_order() -> None:
    room = Room()
    hear = room.conversation.microphone_periods
    hear([period(0), period(1)])
    await settle()
    assert room.connection.sent == [do.UpdateSession()]
    hear([period(2)])
    await room.ready()
    hear([period(3), period(4)])
    room.connection.arrive(on.ResponseCreated("r1"), on.AudioDelta("r1", "i1", 0, SECOND))
    await settle()
    assert room.connection.sent == [do.UpdateSession(), do.RequestGreeting(HELLO, "greeting-1")]
    room.conversation.speaker_event(on.Started("i1", 100.4))
    hear([period(5)])
    hear([period(6), period(7)])
    await settle()
    assert room.connection.messages == room.connection.sent[:2], "no message came after the first sound"
    assert room.in_order(room.connection.audio) == list(range(8)), "nothing was lost, and nothing came twice"
    room.conversation.stop(EndReason.STOPPED)
    assert await room.end() == do.End(EndReason.STOPPED)


async def test_what_was_said_before_the_greeting_is_kept_up_to_a_bound_and_the_oldest_is_dropped() -> None:
    room = Room(uplink_limit_ms=80)
    for number in range(13):
        room.conversation.microphone_periods([period(number)])
    await room.greeted()
    room.conversation.microphone_periods([period(13), period(14)])
    await settle()
    assert room.in_order(room.connection.audio) == list(range(7, 15))
    room.conversation.person_event(on.Pressed())
    await room.end()
    assert room.metrics.microphone_dropped_ms == 70


async def test_a_slow_network_drops_the_oldest_sound_and_it_is_counted() -> None:
    room = await Room(uplink_limit_ms=100).greeted()
    room.connection.may_send.clear()
    for number in range(30):
        room.conversation.microphone_periods([period(number)])
        await settle()
    room.connection.may_send.set()
    await settle()
    numbers = room.in_order(room.connection.audio)
    assert numbers == [0, *range(20, 30)], "what was being sent, and what the bound allows of the rest"
    room.conversation.person_event(on.Pressed())
    await room.end()
    assert room.metrics.microphone_dropped_ms == 190


async def test_an_announcement_listens_to_nobody() -> None:
    room = await Room(Opening("announcement", "Dinner!", interruptible=False, announcement=True)).ready()
    room.conversation.microphone_periods([period(0), period(1)])
    room.connection.arrive(on.ResponseCreated("r1"), on.AudioDelta("r1", "i1", 0, SECOND))
    room.connection.arrive(on.ResponseDone("r1", "completed"))
    await settle()
    room.conversation.speaker_event(on.Started("i1", 100.4))
    room.conversation.microphone_periods([period(2), period(3)])
    room.conversation.speaker_event(on.Silent(1, 101.4))
    assert await room.end() == do.End(EndReason.SAID)
    assert not room.connection.audio


# Interruptions and times


async def test_the_order_to_fall_silent_is_given_before_anything_else_happens() -> None:
    room = await Room().answering()
    room.diary.clear()
    room.connection.arrive(on.SpeechStarted())
    await settle()
    assert room.diary == ["flush", "SpeechStarted was dealt with"]
    room.conversation.person_event(on.Pressed())
    await room.end()


async def test_what_was_heard_of_an_interrupted_answer_reaches_the_service() -> None:
    room = await Room().answering()
    room.connection.arrive(on.SpeechStarted())
    await settle()
    began_s = room.conversation.times.speech_started_s
    assert began_s is not None
    room.conversation.speaker_event(on.Flushed(room.speaker.orders[-1][1], "i2", 400, began_s + 0.012))
    await settle()
    assert room.connection.messages[-1] == do.Truncate("i2", 0, 400)
    assert room.metrics.speech_to_silence.summary() == {"count": 1, "median_ms": 12.0, "p95_ms": 12.0, "max_ms": 12.0}
    assert room.metrics.interruptions == 1
    room.conversation.person_event(on.Pressed())
    await room.end()


async def test_the_time_from_the_press_to_the_greeting_is_measured_once() -> None:
    room = await Room().greeted()
    room.conversation.speaker_event(on.Started("i1", 105.0))
    assert room.metrics.press_to_greeting.summary() == {
        "count": 1,
        "median_ms": 400.0,
        "p95_ms": 400.0,
        "max_ms": 400.0,
    }
    assert room.metrics.greetings_heard == 1
    assert room.conversation.times.greeting_heard_s == 100.4
    room.conversation.person_event(on.Pressed())
    await room.end()


async def test_an_answer_that_goes_on_after_a_cough_is_no_answer_to_a_turn() -> None:
    deadlines = Deadlines(false_interruption_s=0.0)
    room = await Room(dialogue=Dialogue(HELLO, ConversationPolicy(), deadlines)).greeted()
    room.connection.arrive(on.ResponseCreated("r2"), on.AudioDelta("r2", "i2", 0, SECOND))
    await settle()
    room.conversation.speaker_event(on.Started("i2", 100.5))
    room.connection.arrive(on.SpeechStarted())
    await settle()
    assert not room.metrics.turn_to_answer.summary()
    room.conversation.speaker_event(on.Flushed(room.speaker.orders[-1][1], "i2", 400, 100.9))
    room.connection.arrive(on.SpeechStopped())
    await until(lambda: room.conversation.dialogue.resumed_answers == 1)
    room.conversation.speaker_event(on.Started("i2", 102.0))
    assert not room.metrics.turn_to_answer.summary()
    room.conversation.stop(EndReason.STOPPED)
    await room.end()


async def test_the_time_to_the_answer_is_that_of_the_answer_and_not_of_a_sound_of_our_own() -> None:
    room = await Room().greeted()
    room.connection.arrive(on.SpeechStarted(), on.SpeechStopped())
    await settle()
    stopped_s = room.conversation.times.speech_stopped_s
    assert stopped_s is not None
    room.conversation.speaker_event(on.Started("sound:error", stopped_s + 0.1))
    assert room.metrics.turn_to_answer.summary() == {}
    room.conversation.speaker_event(on.Started("i2", stopped_s + 0.8))
    room.conversation.speaker_event(on.Started("i3", stopped_s + 5.0))
    assert room.metrics.turn_to_answer.summary()["max_ms"] == pytest.approx(800.0)
    room.conversation.stop(EndReason.STOPPED)
    await room.end()


async def test_no_sound_overtakes_what_was_to_be_sent_earlier() -> None:
    room = await Room().greeted()
    first, second, third = ([period(2 * n), period(2 * n + 1)] for n in range(3))
    room.connection.may_send.clear()
    room.conversation.microphone_periods(first)
    await settle()  # the sender waits for the line
    room.conversation.microphone_periods(second)
    room.connection.may_send.set()
    room.conversation.microphone_periods(third)  # the line is free, but the sender has not yet had its turn
    await settle()
    assert room.in_order(room.connection.audio) == list(range(6))
    room.conversation.person_event(on.Pressed())
    await room.end()


async def test_after_a_reconnect_sound_goes_into_the_new_line() -> None:
    room = await Room().greeted()
    old = room.connection
    old.arrive(on.Closed(ConnectionLost("lost")))
    await settle()
    await room.ready()
    room.conversation.microphone_periods([period(0), period(1)])
    await settle()
    assert room.in_order(room.connection.audio) == [0, 1]
    assert old.audio == b""
    room.conversation.person_event(on.Pressed())
    await room.end()


async def test_the_time_from_mouth_to_wire_counts_from_the_first_sample_of_each_message() -> None:
    room = await Room().greeted()
    now_s = asyncio.get_running_loop().time()
    tenth = bytes(100 * BYTES_PER_MS)
    room.conversation.microphone_periods([Period(tenth, now_s - 0.1), Period(tenth, now_s)])
    await settle()
    spent_ms = (asyncio.get_running_loop().time() - now_s) * 1000
    summary = room.metrics.mouth_to_wire.summary()
    assert summary["count"] == 1
    assert 200 <= summary["max_ms"] <= 201 + spent_ms
    room.conversation.person_event(on.Pressed())
    await room.end()


async def test_the_pre_roll_counts_from_mouth_to_wire_too() -> None:
    room = Room()
    now_s = asyncio.get_running_loop().time()
    room.conversation.microphone_periods([Period(bytes(20 * BYTES_PER_MS), now_s - 5.0)])
    await room.greeted()
    room.conversation.microphone_periods([Period(bytes(20 * BYTES_PER_MS), now_s)])
    await settle()
    assert room.metrics.mouth_to_wire.summary()["max_ms"] >= 5000
    room.conversation.person_event(on.Pressed())
    await room.end()


# Ends


async def test_states_words_and_sounds_are_passed_on() -> None:
    room = await Room(opening=None).ready()
    assert room.speaker.orders == [("sound:ready", 1)]
    assert room.speaker.gains == {"sound:ready": OWN_SOUND[1]}
    room.connection.arrive(on.Transcript("user", "Hi."))
    await settle()
    assert room.said == [("user", "Hi.")]
    assert room.states == [State.CONNECTING, State.LISTENING]
    room.conversation.person_event(on.Pressed())
    assert await room.end() == do.End(EndReason.PRESSED)


async def test_time_alone_ends_a_conversation_in_which_nothing_happens() -> None:
    room = await Room(opening=None, policy=ConversationPolicy(idle_timeout_s=0.01, ready_sound=False)).ready()
    assert await room.end() == do.End(EndReason.IDLE)
    assert room.connection.closed == 1


async def test_a_refused_key_ends_it_with_the_reason() -> None:
    refused = AuthRefused("no")
    room = Room()
    room.client.failures.append(refused)
    assert await room.end() == do.End(EndReason.FAILED, refused)


async def test_a_microphone_that_fails_ends_it_with_the_reason() -> None:
    gone = DeviceGone("gone", "default")
    room = await Room().greeted()
    room.conversation.microphone_failed(gone)
    assert await room.end() == do.End(EndReason.FAILED, gone)


async def test_it_can_be_stopped_while_it_still_connects() -> None:
    room = Room()
    room.client.may_connect.clear()
    await settle()
    room.conversation.stop(EndReason.MUTED)
    assert await room.end() == do.End(EndReason.MUTED)
    assert not room.client.connections


class BuggyDialogue(Dialogue):
    """Has a bug in how it takes a session."""

    def receive(self, event: on.Event, now: float) -> list[do.Command]:
        if isinstance(event, on.SessionUpdated):
            raise KeyError("odd")
        return super().receive(event, now)


async def test_a_bug_in_the_rules_ends_this_conversation_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    room = await Room(dialogue=BuggyDialogue(HELLO, ConversationPolicy())).ready()
    end = await room.end()
    assert end.reason is EndReason.FAILED
    assert "a bug in this program: KeyError('odd')" in str(end.failure)
    assert "Traceback" in caplog.text


async def test_a_bug_in_carrying_out_ends_it_too() -> None:
    room = Room(opening=None)
    room.speaker.error = ValueError("odd")
    await room.ready()
    assert (await room.end()).reason is EndReason.FAILED


async def test_a_connection_that_does_not_close_in_time_is_abandoned(caplog: pytest.LogCaptureFixture) -> None:
    room = await Room(close_deadline_s=0.02).greeted()
    room.connection.may_close.clear()
    room.conversation.person_event(on.Pressed())
    assert await room.end() == do.End(EndReason.PRESSED)
    assert "1 connections did not close within 0.02 s" in caplog.text
    room.connection.may_close.set()


async def test_after_the_end_nothing_is_done_any_more() -> None:
    room = await Room().answering()
    room.conversation.stop(EndReason.STOPPED)
    connection: FakeConnection = room.connection
    orders, sent = list(room.speaker.orders), list(connection.sent)
    assert room.conversation.ended
    room.conversation.person_event(on.Pressed())
    room.conversation.microphone_periods([period(0), period(1)])
    connection.arrive(on.AudioDelta("r2", "i2", 0, SECOND))
    await settle()
    assert (room.speaker.orders, connection.sent) == (orders, sent)
    await room.end()


async def test_what_a_connection_could_not_read_and_what_came_too_late_is_counted() -> None:
    room = await Room().answering()
    room.connection.unreadable = 3
    room.connection.arrive(on.SpeechStarted(), on.AudioDelta("r2", "i2", 0, SECOND))
    await settle()
    room.conversation.person_event(on.Pressed())
    await room.end()
    assert room.metrics.unreadable_messages == 3
    assert room.metrics.stale_deltas == 1


async def test_while_the_speaker_has_minutes_to_play_the_service_is_not_read_and_has_to_wait() -> None:
    room = await Room().ready()
    room.speaker.queued_ms = 300_000
    room.connection.arrive(on.ResponseCreated("r1"), on.AudioDelta("r1", "i1", 0, SECOND))
    await settle()
    assert "ResponseCreated was dealt with" not in room.diary, "the next event is not asked for"
    room.speaker.queued_ms = 0
    await until(lambda: bool(room.speaker.orders))
    room.conversation.stop(EndReason.STOPPED)
    await room.end()


async def test_a_conversation_ends_at_once_though_the_speaker_has_minutes_to_play() -> None:
    room = await Room().ready()
    room.speaker.queued_ms = 300_000
    room.connection.arrive(on.ResponseCreated("r1"))
    await settle()
    room.conversation.stop(EndReason.STOPPED)
    assert (await room.end()).reason is EndReason.STOPPED
    assert room.connection.closed == 1
