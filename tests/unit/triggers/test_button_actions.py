"""What a button's gestures ask of the desk, and what they do not while the microphone is muted."""

from __future__ import annotations

from typing import Any

import pytest

from device_daemon.device.control_socket import Refused
from device_daemon.triggers.button_actions import ButtonActions, PushToTalkActions

BUTTON = ("welcome", "button on pin 17")


class Desk:
    """Notes what it is asked for; refuses all of it if told to."""

    def __init__(self, *, muted: bool = False, refuses: bool = False) -> None:
        self.muted = muted
        self.refuses = refuses
        self.asked: list[tuple[Any, ...]] = []

    def _note(self, *what: Any) -> str:
        self.asked.append(what)
        if self.refuses:
            raise Refused("not now")
        return "ok"

    def press(self, *what: Any) -> str:
        return self._note("press", *what)

    def pressed_twice(self, *what: Any) -> None:
        self._note("pressed twice", *what)

    def hold(self) -> str:
        self.muted = not self.muted
        return self._note("hold")

    def talk_begins(self, *what: Any) -> None:
        self._note("talk begins", *what)

    def talk_ends(self, *what: Any) -> None:
        self._note("talk ends", *what)


def presses(desk: Any) -> ButtonActions:
    return ButtonActions(lambda: desk, *BUTTON)


def test_a_press_acts_at_once_and_its_release_asks_for_nothing() -> None:
    desk = Desk()
    button = presses(desk)
    button.pressed(1.0)
    assert desk.asked == [("press", 1.0, *BUTTON)]
    button.released(1.2)
    assert len(desk.asked) == 1


def test_the_second_of_two_quick_presses_is_told_as_such() -> None:
    desk = Desk()
    button = presses(desk)
    button.pressed(1.0)
    button.released(1.1)
    button.pressed_twice(1.3)
    button.released(1.4)
    assert desk.asked == [("press", 1.0, *BUTTON), ("pressed twice", 1.3, *BUTTON)]


@pytest.mark.parametrize("second", [False, True])
def test_while_muted_a_press_is_answered_when_the_button_is_let_go_and_has_the_time_of_the_press(second: bool) -> None:
    desk = Desk(muted=True)
    button = presses(desk)
    (button.pressed_twice if second else button.pressed)(1.0)
    assert desk.asked == [], "it may still become the hold that unmutes"
    button.released(1.2)
    assert desk.asked == [("press", 1.0, *BUTTON)]


def test_while_muted_holding_unmutes_and_opens_no_conversation() -> None:
    desk = Desk(muted=True)
    button = presses(desk)
    button.pressed(1.0)
    button.held()
    button.released(3.0)
    assert desk.asked == [("hold",)]
    button.pressed(5.0)
    assert desk.asked == [("hold",), ("press", 5.0, *BUTTON)]


def test_a_press_that_becomes_a_hold_mutes_and_its_release_is_no_press() -> None:
    desk = Desk()
    button = presses(desk)
    button.pressed(1.0)
    button.held()
    button.released(3.0)
    assert desk.asked == [("press", 1.0, *BUTTON), ("hold",)]


def test_a_release_answers_one_press_only() -> None:
    desk = Desk(muted=True)
    button = presses(desk)
    button.pressed(1.0)
    button.released(1.1)
    button.released(1.2)
    assert len(desk.asked) == 1


def test_push_to_talk_tells_when_the_button_went_down_and_when_it_was_let_go() -> None:
    desk: Any = Desk()
    talk = PushToTalkActions(lambda: desk, *BUTTON)
    talk.pressed(1.0)
    assert desk.asked == [("talk begins", 1.0, *BUTTON)]
    talk.held()
    talk.released(3.5)
    assert desk.asked == [("talk begins", 1.0, *BUTTON), ("talk ends", 3.5)]


def test_a_desk_that_refuses_is_nobodys_exception() -> None:
    desk: Any = Desk(refuses=True)
    button, talk = presses(desk), PushToTalkActions(lambda: desk, *BUTTON)
    button.pressed(1.0)
    button.pressed_twice(1.2)
    button.held()
    talk.pressed(1.4)
    assert [asked[0] for asked in desk.asked] == ["press", "pressed twice", "hold", "talk begins"]
