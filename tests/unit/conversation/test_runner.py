"""One conversation, with a service and a sound card that a test drives: what is sent, in which order, and how it ends."""

from __future__ import annotations

import asyncio

import pytest

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation import outbox as outbox_module
from device_daemon.conversation import preroll as preroll_module
from device_daemon.conversation import runner as conversation_module
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.policy import ConversationPolicy, EndReason
from device_daemon.errors import AuthRefused, ConnectionLost, DeviceGone
from device_daemon.greetings.opening import Opening
from device_daemon.state import State
from tests.unit.conversation.room import HELLO, OWN_SOUND, SECOND, FakeConnection, Room, nothing_left, period, settle

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


async def test_what_was_said_before_the_greeting_is_kept_up_to_a_bound_and_the_oldest_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preroll_module, "LIMIT_MS", 80)
    room = Room()
    for number in range(13):
        room.conversation.microphone_periods([period(number)])
    await room.greeted()
    room.conversation.microphone_periods([period(13), period(14)])
    await settle()
    assert room.in_order(room.connection.audio) == list(range(5, 15))
    room.conversation.person(on.Pressed())
    await room.end()
    assert room.measures.microphone_dropped_ms == 50


async def test_a_slow_network_drops_the_oldest_sound_and_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "AUDIO_LIMIT_MS", 100)
    room = await Room().greeted()
    room.connection.may_send.clear()
    for number in range(30):
        room.conversation.microphone_periods([period(number)])
        await settle()
    room.connection.may_send.set()
    await settle()
    numbers = room.in_order(room.connection.audio)
    assert numbers[:2] == [0, 1], "what was being sent"
    assert numbers[2:] == list(range(20, 30)), "and what the bound allows of the rest"
    room.conversation.person(on.Pressed())
    await room.end()
    assert room.measures.microphone_dropped_ms == 180


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
    room.conversation.person(on.Pressed())
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
    assert list(room.measures.speech_to_silence.samples_ms) == pytest.approx([12.0])
    assert room.measures.interruptions == 1
    room.conversation.person(on.Pressed())
    await room.end()


async def test_the_time_from_the_press_to_the_greeting_is_measured_once() -> None:
    room = await Room().greeted()
    room.conversation.speaker_event(on.Started("i1", 105.0))
    assert list(room.measures.press_to_greeting.samples_ms) == pytest.approx([400.0])
    assert room.measures.greetings_heard == 1
    assert room.conversation.times.greeting_heard_s == 100.4
    room.conversation.person(on.Pressed())
    await room.end()


async def test_the_time_to_the_answer_is_that_of_the_answer_and_not_of_a_sound_of_our_own() -> None:
    room = await Room().greeted()
    room.connection.arrive(on.SpeechStarted(), on.SpeechStopped())
    await settle()
    stopped_s = room.conversation.times.speech_stopped_s
    assert stopped_s is not None
    room.conversation.speaker_event(on.Started("sound:error", stopped_s + 0.1))
    assert not room.measures.turn_to_answer.samples_ms
    room.conversation.speaker_event(on.Started("i2", stopped_s + 0.8))
    room.conversation.speaker_event(on.Started("i3", stopped_s + 5.0))
    assert list(room.measures.turn_to_answer.samples_ms) == pytest.approx([800.0])
    room.conversation.stop(EndReason.STOPPED)
    await room.end()


async def test_sound_is_sent_without_waiting_for_a_task_and_never_before_what_was_to_be_sent_earlier() -> None:
    room = await Room().greeted()
    connection = room.connection
    first, second, third, fourth = ([period(2 * n), period(2 * n + 1)] for n in range(4))
    room.conversation.microphone_periods(first)
    assert room.in_order(connection.audio) == [0, 1], "at once"
    connection.may_send.clear()
    room.conversation.microphone_periods(second)
    await settle()  # the sender waits for the line
    connection.may_send.set()
    room.conversation.microphone_periods(third)  # the line is free, but the sender has not yet had its turn
    assert room.in_order(connection.audio) == [0, 1]
    await settle()
    room.conversation.microphone_periods(fourth)
    assert room.in_order(connection.audio) == list(range(8))
    room.conversation.person(on.Pressed())
    await room.end()


async def test_after_a_reconnect_sound_goes_into_the_new_line() -> None:
    room = await Room().greeted()
    old = room.connection
    old.arrive(on.Closed(ConnectionLost("lost")))
    await settle()
    await room.ready()
    room.conversation.microphone_periods([period(0), period(1)])
    assert room.in_order(room.connection.audio) == [0, 1]
    assert old.audio == b""
    room.conversation.person(on.Pressed())
    await room.end()


async def test_the_time_from_mouth_to_wire_counts_from_the_first_sample_of_a_message() -> None:
    room = await Room().greeted()
    before_s = asyncio.get_running_loop().time()
    room.conversation.microphone_periods([period(0), period(1)])
    await settle()
    (told_ms,) = room.measures.mouth_to_wire.samples_ms
    first_sample_s = period(0).captured_at_s - 0.01
    assert told_ms >= (before_s - first_sample_s) * 1000
    room.conversation.person(on.Pressed())
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
    room.conversation.person(on.Pressed())
    assert await room.end() == do.End(EndReason.PRESSED)


async def test_time_alone_ends_a_conversation_in_which_nothing_happens() -> None:
    room = await Room(opening=None, rules=ConversationPolicy(idle_timeout_s=0.01, ready_sound=False)).ready()
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


async def test_a_goodbye_that_hangs_is_left_behind_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(conversation_module, "GOODBYE_DEADLINE_S", 0.02)
    room = await Room().greeted()
    room.connection.may_close.clear()
    room.conversation.person(on.Pressed())
    assert await room.end() == do.End(EndReason.PRESSED)
    assert "did not close in time" in caplog.text
    room.connection.may_close.set()


async def test_after_the_end_nothing_is_done_any_more() -> None:
    room = await Room().answering()
    room.conversation.stop(EndReason.STOPPED)
    connection: FakeConnection = room.connection
    orders, sent = list(room.speaker.orders), list(connection.sent)
    assert room.conversation.over
    room.conversation.person(on.Pressed())
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
    room.conversation.person(on.Pressed())
    await room.end()
    assert room.measures.unreadable_messages == 3
    assert room.measures.stale_deltas == 1
