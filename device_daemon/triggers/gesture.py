"""Debounce of a push button, and its gestures: press, double press, hold (long press) and release, as a pure machine.

Edges and time in, gestures out.

A press counts from its first edge, but only once the contact is still closed `debounce_s` later: interference is too
short for that, and a real press loses a few milliseconds. A release is less urgent and waits until the contact has been
open for `RELEASE_QUIET_S`: otherwise the late bounces of a worn button would be a second press.

A press acts at once. The second of two quick presses is reported as a double press: its receiver corrects what the
first one did, so that a single press never has to wait for a second one that does not come.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf

from msgspec import Struct

RELEASE_QUIET_S = 0.02
DOUBLE_PRESS_S = 0.4
"""From one press to the next, for them to be a double press."""


class Press(Struct, frozen=True):
    """The button went down at `at_s`, the time of the first edge."""

    at_s: float


class DoublePress(Struct, frozen=True):
    """The button went down again, at `at_s`, soon after a `Press`. The next one is a Press in any case."""

    at_s: float


class Hold(Struct, frozen=True):
    """The button has been down for `hold_s`; it may stay down for longer."""


class Release(Struct, frozen=True):
    """The button was let go at `at_s`, the time of the first edge. Every Press and DoublePress is followed by one."""

    at_s: float


Gesture = Press | DoublePress | Hold | Release


class _Phase(Enum):
    UP = auto()
    UNCONFIRMED = auto()
    DOWN = auto()
    HELD = auto()


class GestureMachine:
    """One button; a `contact.ContactMachine`.

    Args:
        debounce_s: How long after the first edge the contact is looked at again; 0 trusts the first edge.
        hold_s: How long a press must last to be a hold.
        double_press_s: From one press to the next, for them to be a double press.

    All times are seconds on one clock that never goes back.
    """

    def __init__(self, debounce_s: float, hold_s: float, double_press_s: float = DOUBLE_PRESS_S) -> None:
        self._debounce_s = debounce_s
        self._release_quiet_s = max(debounce_s, RELEASE_QUIET_S)
        self._hold_s = hold_s
        self._double_press_s = double_press_s
        self._phase = _Phase.UP
        self.closed = False
        self._edge_at_s = 0.0
        self._pressed_at_s = 0.0
        self._opened_at_s = -inf  # the release, as far as known; bounces that follow do not make it later
        self._first_at_s = -inf  # the press that a second one would make a double press
        self.spurious = 0
        """Edges that were too short to be a press."""

    @property
    def deadline_s(self) -> float | None:
        """When `tick` is due; None while nothing can happen without another edge."""
        match self._phase, self.closed:
            case _Phase.UNCONFIRMED, _:
                return self._pressed_at_s + self._debounce_s
            case ((_Phase.DOWN | _Phase.HELD), False):
                return self._edge_at_s + self._release_quiet_s
            case _Phase.DOWN, True:
                return self._pressed_at_s + self._hold_s
        return None

    def edge(self, closed: bool, at_s: float) -> list[Gesture]:
        """Note that the contact closed or opened at `at_s`; return what is known by then."""
        gestures = self.tick(at_s)
        if closed is not self.closed:
            bounces = self._opened_at_s >= self._pressed_at_s and at_s - self._edge_at_s < self._release_quiet_s
            if not closed and not bounces:
                self._opened_at_s = at_s
            self.closed = closed
            self._edge_at_s = at_s
            if closed and self._phase is _Phase.UP:
                self._phase = _Phase.UNCONFIRMED
                self._pressed_at_s = at_s
            gestures += self.tick(at_s)
        return gestures

    def tick(self, now_s: float) -> list[Gesture]:
        """Return what became known up to `now_s`. Calling it late or too often changes nothing."""
        gestures: list[Gesture] = []
        while (deadline_s := self.deadline_s) is not None and deadline_s <= now_s:
            gestures += self._pass_deadline()
        return gestures

    def _pass_deadline(self) -> list[Gesture]:
        match self._phase, self.closed:
            case _Phase.UNCONFIRMED, True:
                self._phase = _Phase.DOWN
                if self._pressed_at_s - self._first_at_s <= self._double_press_s:
                    self._first_at_s = -inf
                    return [DoublePress(self._pressed_at_s)]
                self._first_at_s = self._pressed_at_s
                return [Press(self._pressed_at_s)]
            case _Phase.UNCONFIRMED, False:
                self._phase = _Phase.UP
                self.spurious += 1
                return []
            case _Phase.DOWN, True:
                self._phase = _Phase.HELD
                self._first_at_s = -inf  # a hold is not the first half of a double press
                return [Hold()]
            case _:
                self._phase = _Phase.UP
                return [Release(self._opened_at_s)]
