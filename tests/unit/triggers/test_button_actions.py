"""What a button's gestures ask for, and what they do not while the microphone is muted."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from device_daemon.config.settings import ButtonTrigger
from device_daemon.device.control_protocol import Refused
from device_daemon.device.conversation_requests import Origin
from device_daemon.triggers.button_actions import ButtonActions, PushToTalkActions, actions_for
from device_daemon.triggers.gesture import DoublePress, Gesture, Hold, Press, Release

BUTTON = Origin("button on pin 17", "welcome", "chef")


class Requests:
    """Notes what it is asked for; refuses all of it if it has to."""

    def __init__(self, *, muted: bool = False, refuses: bool = False) -> None:
        self.muted = muted
        self.ringing = False
        self.refuses = refuses
        self.asked: list[tuple[Any, ...]] = []

    def _note(self, *what: Any) -> str:
        self.asked.append(what)
        if self.refuses:
            raise Refused("not now")
        return "ok"

    def press(self, *what: Any) -> str:
        return self._note("press", *what)

    def double_press(self, *what: Any) -> None:
        self._note("double press", *what)

    def hold(self, trigger: str) -> str:
        self.muted = not self.muted
        return self._note("hold", trigger)

    def begin_talking(self, *what: Any) -> None:
        self._note("begin talking", *what)

    def end_talking(self, *what: Any) -> None:
        self._note("end talking", *what)


def asked_by(gestures: Sequence[Gesture], requests: Any) -> list[tuple[Any, ...]]:
    """What a button asks for by these gestures."""
    button = ButtonActions(requests, lambda: BUTTON)
    for gesture in gestures:
        button.handle(gesture)
    return list(requests.asked)


def test_a_press_acts_at_once_and_its_release_asks_for_nothing() -> None:
    requests = Requests()
    assert asked_by([Press(1.0)], requests) == [("press", 1.0, BUTTON)]
    assert asked_by([Press(1.0), Release(1.2)], Requests()) == [("press", 1.0, BUTTON)]


def test_a_press_begins_with_the_greeting_that_is_chosen_when_it_is_made() -> None:
    requests: Any = Requests()
    requests.adjustments = SimpleNamespace(greeting_of=lambda _trigger: requests.chosen)
    button = actions_for(ButtonTrigger(pin=17, greeting="welcome"), requests)
    for requests.chosen in ("welcome", "late"):
        button.handle(Press(1.0))
    assert [origin.greeting for _, _, origin in requests.asked] == ["welcome", "late"]


def test_the_second_of_two_quick_presses_is_a_double_press() -> None:
    gestures: list[Gesture] = [Press(1.0), Release(1.1), DoublePress(1.3), Release(1.4)]
    assert asked_by(gestures, Requests()) == [("press", 1.0, BUTTON), ("double press", 1.3, BUTTON)]


@pytest.mark.parametrize("press", [Press(1.0), DoublePress(1.0)])
def test_while_muted_a_press_is_answered_at_its_release_and_has_the_time_of_the_press(press: Gesture) -> None:
    assert asked_by([press], Requests(muted=True)) == [], "it may still become the hold that unmutes"
    assert asked_by([press, Release(1.2)], Requests(muted=True)) == [("press", 1.0, BUTTON)]


def test_while_muted_holding_unmutes_and_opens_no_conversation() -> None:
    held: list[Gesture] = [Press(1.0), Hold(), Release(3.0)]
    assert asked_by(held, Requests(muted=True)) == [("hold", BUTTON.trigger)]
    assert asked_by([*held, Press(5.0)], Requests(muted=True)) == [("hold", BUTTON.trigger), ("press", 5.0, BUTTON)]


def test_a_press_that_becomes_a_hold_mutes_and_its_release_is_no_press() -> None:
    assert asked_by([Press(1.0), Hold(), Release(3.0)], Requests()) == [
        ("press", 1.0, BUTTON),
        ("hold", BUTTON.trigger),
    ]


def test_a_release_answers_one_press_only() -> None:
    assert len(asked_by([Press(1.0), Release(1.1), Release(1.2)], Requests(muted=True))) == 1


def test_push_to_talk_reports_when_the_button_went_down_and_when_it_was_released() -> None:
    requests: Any = Requests()
    button = PushToTalkActions(requests, lambda: BUTTON)
    button.handle(Press(1.0))
    assert requests.asked == [("begin talking", 1.0, BUTTON)]
    button.handle(Hold())
    button.handle(Release(3.5))
    assert requests.asked == [("begin talking", 1.0, BUTTON), ("end talking", 3.5)]


def test_a_refusal_is_no_exception_for_the_button() -> None:
    requests: Any = Requests(refuses=True)
    assert len(asked_by([Press(1.0), DoublePress(1.2), Hold()], requests)) == 3
    PushToTalkActions(requests, lambda: BUTTON).handle(Press(1.4))
    assert len(requests.asked) == 4


@pytest.mark.parametrize("muted", [False, True])
def test_a_press_that_stops_the_ringing_means_nothing_else_however_long_it_lasts(muted: bool) -> None:
    requests = Requests(muted=muted)
    requests.ringing = True
    button = ButtonActions(cast("Any", requests), lambda: BUTTON)
    button.handle(Press(1.0))
    requests.ringing = False
    button.handle(Hold())
    button.handle(Release(2.5))
    assert requests.asked == [("press", 1.0, BUTTON)]
    for gesture in (Press(5.0), Hold(), Release(6.5)):
        button.handle(gesture)
    assert requests.asked[-1] == ("hold", BUTTON.trigger), "the next one does"


@pytest.mark.parametrize("muted", [False, True])
def test_a_second_press_after_one_that_stopped_the_ringing_is_a_double_press_muted_or_not(muted: bool) -> None:
    requests = Requests(muted=muted)
    requests.ringing = True
    button = ButtonActions(cast("Any", requests), lambda: BUTTON)
    button.handle(Press(1.0))
    requests.ringing = False
    for gesture in (Release(1.1), DoublePress(1.3), Release(1.4)):
        button.handle(gesture)
    assert requests.asked == [("press", 1.0, BUTTON), ("double press", 1.3, BUTTON)]
