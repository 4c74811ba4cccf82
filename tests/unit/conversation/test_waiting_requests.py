"""The queue of requests that wait for the end of a conversation."""

from __future__ import annotations

from typing import Any

import pytest

from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.waiting_requests import MAX_WAITING, WaitingRequests
from device_daemon.greetings.resolver import ConversationRequest


def request(trigger: str = "button", **more: Any) -> ConversationRequest:
    return ConversationRequest(trigger, "none", 1.0, **more)


def test_requests_are_served_in_the_order_in_which_they_came() -> None:
    waiting = WaitingRequests()
    assert [waiting.add(request(trigger)) for trigger in ("a", "b")] == [1, 2]
    served = [waiting.next(1.0) for _ in range(3)]
    assert [each.trigger if each else None for each in served] == ["a", "b", None]


def test_one_whose_time_is_over_is_dropped_and_hears_why() -> None:
    waiting, heard = WaitingRequests(), list[str | None]()
    waiting.add(request("schedule", expires_s=5.0, on_said=heard.append))
    waiting.add(request("button"))
    following = waiting.next(5.1)
    assert following is not None
    assert following.trigger == "button"
    assert heard == ["its time is over"]


def test_no_more_wait_than_there_is_room_for() -> None:
    waiting = WaitingRequests()
    for _ in range(MAX_WAITING):
        waiting.add(request())
    with pytest.raises(OverflowError):
        waiting.add(request())


def test_a_mute_drops_those_that_would_listen_and_keeps_announcements() -> None:
    waiting = WaitingRequests()
    waiting.add(request("button"))
    waiting.add(request("control socket", text="Dinner!", listens=False))
    waiting.stop(EndReason.MUTED)
    assert len(waiting) == 1
    waiting.stop(EndReason.STOPPED)
    assert len(waiting) == 0


def test_one_can_be_withdrawn_once() -> None:
    waiting, one, other = WaitingRequests(), request(), request()
    waiting.add(one)
    waiting.add(other)
    assert waiting.withdraw(one)
    assert not waiting.withdraw(one)
    assert waiting.next(1.0) is other
