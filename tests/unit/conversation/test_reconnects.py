"""A conversation goes on over a new connection, and nothing of the old one gets into it."""

from __future__ import annotations

import pytest

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.policy import EndReason
from device_daemon.errors import AuthRefused, ConnectionLost
from device_daemon.state import State
from tests.unit.conversation.room import HELLO, Room, nothing_left, period, settle

__all__ = ["nothing_left"]

pytestmark = pytest.mark.usefixtures("nothing_left")

LOST = ConnectionLost("lost")


async def test_a_new_connection_replaces_the_old_one_whose_events_and_messages_are_forgotten() -> None:
    room = await Room().greeted()
    old = room.connection
    old.may_send.clear()
    for number in range(6):
        room.conversation.microphone_periods([period(number)])
        await settle()
    old.arrive(on.Closed(LOST))
    await settle()
    assert room.connection is not old
    assert old.closed
    assert room.connection.sent == [do.UpdateSession()]
    old.arrive(on.SessionUpdated(), on.Closed(AuthRefused("no")))
    await settle()
    assert room.states[-1:] == [State.CONNECTING]
    await room.ready()
    assert room.states[-1:] == [State.LISTENING]
    room.conversation.person_event(on.Pressed())
    await room.end()
    assert room.metrics.reconnects == 1


async def test_a_session_that_expires_is_replaced_though_its_connection_stays_open() -> None:
    room = await Room().greeted()
    old = room.connection
    old.arrive(on.ServiceError("session_expired", "Over."))
    await settle()
    assert room.connection is not old
    assert old.closed, "it would stay open for the rest of the conversation"
    assert room.connection.sent == [do.UpdateSession()], "and not to the old one"
    assert old.messages == [do.UpdateSession(), do.RequestGreeting(HELLO, "greeting-1")]
    room.conversation.person_event(on.Pressed())
    await room.end()


async def test_a_line_that_breaks_while_sending_is_replaced() -> None:
    room = await Room().greeted()
    old = room.connection
    old.send_error = LOST
    room.conversation.microphone_periods([period(0), period(1)])
    await settle()
    assert room.connection is not old
    assert old.closed
    room.conversation.person_event(on.Pressed())
    await room.end()


@pytest.mark.parametrize("where", ["receiving", "sending", "connecting"])
async def test_a_bug_in_a_connection_costs_the_connection_and_not_the_conversation(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room()
    bug = ValueError("odd")
    if where == "connecting":
        room.client.failures.append(bug)
    await room.greeted()
    if where == "receiving":
        room.connection.arrive(bug)
    elif where == "sending":
        room.connection.send_error = bug
        room.conversation.microphone_periods([period(0), period(1)])
    await settle()
    assert "a bug in this program" in caplog.text
    assert len(room.client.connections) == (1 if where == "connecting" else 2)
    assert room.connection.messages[0] == do.UpdateSession()
    assert not room.conversation.ended
    room.conversation.stop(EndReason.STOPPED)
    await room.end()
    assert room.metrics.reconnects == 1


async def test_a_bug_in_a_connection_that_was_given_up_does_not_disturb_its_successor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room = await Room().greeted()
    old = room.connection
    old.may_close.clear()
    old.arrive(on.ServiceError("session_expired", "Over."))
    await room.ready()
    new = room.connection
    assert new is not old
    old.close_error = ValueError("odd")
    old.may_close.set()
    await settle()
    assert room.connection is new
    assert "a bug in this program" in caplog.text
    room.conversation.person_event(on.Pressed())
    await room.end()
