from __future__ import annotations

import re
from itertools import pairwise
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.triggers.gesture import (
    DOUBLE_PRESS_S,
    RELEASE_QUIET_S,
    DoublePress,
    Gesture,
    GestureMachine,
    Hold,
    Press,
    Release,
)

DEBOUNCE_S = 0.005
HOLD_S = 1.0

Edge = tuple[bool, float]


@st.composite
def edges(draw: st.DrawFn) -> list[Edge]:
    """Edges of one contact, from sparks of microseconds to long holds; the contact ends open."""
    gap_s = st.one_of(st.floats(1e-5, 0.004), st.floats(0.006, 0.015), st.floats(0.025, 0.9), st.floats(1.1, 3.0))
    gaps = draw(st.lists(gap_s, max_size=24))
    at_s = 100.0
    made = []
    for i, gap in enumerate(gaps[: len(gaps) // 2 * 2]):
        at_s += gap
        made.append((i % 2 == 0, at_s))
    return made


def play(made: list[Edge], debounce_s: float = DEBOUNCE_S) -> tuple[list[Gesture], GestureMachine]:
    """Feed edges with no tick in between, then let time pass."""
    machine = GestureMachine(debounce_s, HOLD_S)
    gestures = [gesture for closed, at_s in made for gesture in machine.edge(closed, at_s)]
    gestures += machine.tick(1e6)
    return gestures, machine


def test_a_press_is_told_after_the_debounce_with_the_time_of_its_first_edge() -> None:
    machine = GestureMachine(DEBOUNCE_S, HOLD_S)
    assert machine.edge(True, 10.0) == []
    assert machine.deadline_s == 10.0 + DEBOUNCE_S
    assert machine.tick(10.004) == []
    assert machine.tick(10.005) == [Press(10.0)]


def test_without_debounce_the_first_edge_is_a_press() -> None:
    assert GestureMachine(0.0, HOLD_S).edge(True, 10.0) == [Press(10.0)]


def test_a_contact_that_opens_before_the_debounce_is_over_was_no_press_but_is_counted() -> None:
    gestures, machine = play([(True, 10.0), (False, 10.004)])
    assert gestures == []
    assert machine.spurious == 1


def test_bounces_of_a_press_are_one_press() -> None:
    bounces = [(True, 10.0), (False, 10.001), (True, 10.0015), (False, 10.003), (True, 10.004)]
    gestures, machine = play([*bounces, (False, 10.3)])
    assert gestures == [Press(10.0), Release(10.3)]
    assert machine.spurious == 0


def test_bounces_that_outlast_the_debounce_are_one_press_too() -> None:
    bounces = [(True, 10.0), (False, 10.007), (True, 10.010), (False, 10.015), (True, 10.02)]
    assert play([*bounces, (False, 10.3)])[0] == [Press(10.0), Release(10.3)]


def test_bounces_of_a_release_are_one_release_at_the_first_edge_and_no_press() -> None:
    bounces = [(False, 10.2), (True, 10.203), (False, 10.21), (True, 10.215), (False, 10.22)]
    assert play([(True, 10.0), *bounces])[0] == [Press(10.0), Release(10.2)]


def test_a_contact_that_opens_for_a_moment_while_the_button_is_down_was_not_let_go() -> None:
    assert play([(True, 10.0), (False, 10.2), (True, 10.21), (False, 10.5)])[0] == [Press(10.0), Release(10.5)]


def test_a_release_is_told_when_the_contact_has_been_quiet() -> None:
    machine = GestureMachine(DEBOUNCE_S, HOLD_S)
    machine.edge(True, 10.0)
    machine.edge(False, 10.5)
    assert machine.deadline_s == 10.5 + RELEASE_QUIET_S
    assert machine.tick(10.5 + RELEASE_QUIET_S) == [Release(10.5)]
    assert machine.deadline_s is None


def test_a_hold_is_told_once_while_the_button_is_still_down() -> None:
    machine = GestureMachine(DEBOUNCE_S, HOLD_S)
    machine.edge(True, 10.0)
    assert machine.tick(10.5) == [Press(10.0)]
    assert machine.deadline_s == 10.0 + HOLD_S
    assert machine.tick(11.0) == [Hold()]
    assert machine.deadline_s is None
    assert machine.tick(60.0) == []
    assert machine.edge(False, 60.0) == []
    assert machine.tick(61.0) == [Release(60.0)]


def test_a_button_let_go_just_before_the_hold_is_no_hold() -> None:
    assert play([(True, 10.0), (False, 10.999)])[0] == [Press(10.0), Release(10.999)]


def test_a_bounce_at_the_moment_of_the_hold_does_not_lose_it() -> None:
    gestures = play([(True, 10.0), (False, 10.999), (True, 11.003), (False, 12.0)])[0]
    assert gestures == [Press(10.0), Hold(), Release(12.0)]


def test_the_second_of_two_quick_presses_makes_them_a_double_press_and_the_first_is_not_kept_waiting() -> None:
    machine = GestureMachine(DEBOUNCE_S, HOLD_S)
    machine.edge(True, 10.0)
    assert machine.tick(10.005) == [Press(10.0)]
    machine.edge(False, 10.1)
    assert machine.edge(True, 10.3) == [Release(10.1)]
    assert machine.tick(10.31) == [DoublePress(10.3)]


def test_two_presses_that_take_their_time_are_two_presses() -> None:
    taps = [(True, 10.0), (False, 10.1), (True, 10.0 + DOUBLE_PRESS_S + 0.01), (False, 10.5)]
    assert play(taps)[0] == [Press(10.0), Release(10.1), Press(10.0 + DOUBLE_PRESS_S + 0.01), Release(10.5)]


def test_the_third_of_three_quick_presses_is_a_press_again() -> None:
    taps = [(True, 10.0), (False, 10.1), (True, 10.2), (False, 10.3), (True, 10.39), (False, 10.45)]
    gestures = play(taps)[0]
    assert [type(gesture) for gesture in gestures] == [Press, Release, DoublePress, Release, Press, Release]


def test_a_press_after_a_hold_is_no_double_press_however_quick() -> None:
    machine = GestureMachine(DEBOUNCE_S, hold_s=0.3)
    taps = [(True, 10.0), (False, 10.31), (True, 10.35), (False, 10.39)]
    gestures = [gesture for closed, at_s in taps for gesture in machine.edge(closed, at_s)]
    assert [*gestures, *machine.tick(11.0)] == [Press(10.0), Hold(), Release(10.31), Press(10.35), Release(10.39)]


def test_a_double_press_that_is_held_is_a_hold_too() -> None:
    taps = [(True, 10.0), (False, 10.1), (True, 10.2), (False, 12.0)]
    assert play(taps)[0] == [Press(10.0), Release(10.1), DoublePress(10.2), Hold(), Release(12.0)]


def test_the_same_level_twice_is_no_edge() -> None:
    gestures = play([(False, 9.0), (True, 10.0), (True, 10.1), (False, 10.2), (False, 10.3)])[0]
    assert gestures == [Press(10.0), Release(10.2)]


@given(edges(), st.lists(st.floats(100.0, 140.0), max_size=40))
def test_ticks_change_nothing_but_when_it_is_told(made: list[Edge], ticks: list[float]) -> None:
    machine = GestureMachine(DEBOUNCE_S, HOLD_S)
    gestures: list[Gesture] = []
    pending = sorted(ticks)
    for closed, at_s in made:
        while pending and pending[0] <= at_s:
            gestures += machine.tick(pending.pop(0))
        gestures += machine.edge(closed, at_s)
    gestures += machine.tick(1e6)
    assert gestures == play(made)[0]


@given(edges(), st.sampled_from([0.0, DEBOUNCE_S, 0.05, 0.2]))
def test_every_press_ends_in_one_release_with_at_most_one_hold_between(made: list[Edge], debounce_s: float) -> None:
    gestures, machine = play(made, debounce_s)
    words = "".join(type(gesture).__name__[0] for gesture in gestures)
    assert re.fullmatch("(PHR|PR(DH?R)?)*", words), "and a double press follows a short press, never another double"
    assert machine.deadline_s is None


@given(edges())
def test_a_press_is_an_edge_after_which_the_contact_was_closed_at_the_debounce(made: list[Edge]) -> None:
    for gesture in play(made)[0]:
        if isinstance(gesture, Press | DoublePress):
            assert (True, gesture.at_s) in made
            looked_at_s = gesture.at_s + DEBOUNCE_S
            assert [closed for closed, at_s in made if at_s <= looked_at_s][-1]


@given(edges(), st.sampled_from([0.0, DEBOUNCE_S, 0.05]))
def test_a_release_is_the_end_of_the_last_time_that_the_contact_was_closed_for_longer_than_a_bounce(
    made: list[Edge], debounce_s: float
) -> None:
    gestures = play(made, debounce_s)[0]
    pressed = [gesture.at_s for gesture in gestures if isinstance(gesture, Press | DoublePress)]
    released = [gesture.at_s for gesture in gestures if isinstance(gesture, Release)]
    closed = [(began_s, ended_s) for (_, began_s), (_, ended_s) in zip(made[::2], made[1::2], strict=True)]
    for from_s, to_s, release_s in zip(pressed, [*pressed, inf][1:], released, strict=True):
        during = [(began_s, ended_s) for began_s, ended_s in closed if from_s <= began_s < to_s]
        long = [ended_s for began_s, ended_s in during if ended_s - began_s >= max(debounce_s, RELEASE_QUIET_S)]
        assert release_s == (long[-1] if long else during[0][1])


@given(edges())
def test_two_presses_are_never_closer_than_debounce_and_quiet(made: list[Edge]) -> None:
    presses = [gesture.at_s for gesture in play(made)[0] if isinstance(gesture, Press | DoublePress)]
    assert all(later - earlier >= DEBOUNCE_S + RELEASE_QUIET_S - 1e-9 for earlier, later in pairwise(presses))


@given(edges())
def test_a_deadline_that_was_ticked_is_not_due_again(made: list[Edge]) -> None:
    machine = GestureMachine(DEBOUNCE_S, HOLD_S)
    for closed, at_s in made:
        machine.edge(closed, at_s)
        while (deadline_s := machine.deadline_s) is not None and deadline_s < at_s + 0.01:
            machine.tick(deadline_s)
            assert machine.deadline_s is None or machine.deadline_s > deadline_s
