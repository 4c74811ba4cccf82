from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.triggers.gesture import RELEASE_QUIET_S, Gesture, GestureMachine, Hold, Press, Release

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
    assert machine.phantoms == 1


def test_bounces_of_a_press_are_one_press() -> None:
    bounces = [(True, 10.0), (False, 10.001), (True, 10.0015), (False, 10.003), (True, 10.004)]
    gestures, machine = play([*bounces, (False, 10.3)])
    assert gestures == [Press(10.0), Release()]
    assert machine.phantoms == 0


def test_bounces_that_outlast_the_debounce_are_one_press_too() -> None:
    bounces = [(True, 10.0), (False, 10.007), (True, 10.010), (False, 10.015), (True, 10.02)]
    assert play([*bounces, (False, 10.3)])[0] == [Press(10.0), Release()]


def test_bounces_of_a_release_are_one_release_and_no_press() -> None:
    bounces = [(False, 10.2), (True, 10.203), (False, 10.21), (True, 10.215), (False, 10.22)]
    assert play([(True, 10.0), *bounces])[0] == [Press(10.0), Release()]


def test_a_release_is_told_when_the_contact_has_been_quiet() -> None:
    machine = GestureMachine(DEBOUNCE_S, HOLD_S)
    machine.edge(True, 10.0)
    machine.edge(False, 10.5)
    assert machine.deadline_s == 10.5 + RELEASE_QUIET_S
    assert machine.tick(10.5 + RELEASE_QUIET_S) == [Release()]
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
    assert machine.tick(61.0) == [Release()]


def test_a_button_let_go_just_before_the_hold_is_no_hold() -> None:
    assert play([(True, 10.0), (False, 10.999)])[0] == [Press(10.0), Release()]


def test_a_bounce_at_the_moment_of_the_hold_does_not_lose_it() -> None:
    assert play([(True, 10.0), (False, 10.999), (True, 11.003), (False, 12.0)])[0] == [Press(10.0), Hold(), Release()]


def test_two_quick_taps_are_two_presses() -> None:
    taps = [(True, 10.0), (False, 10.04), (True, 10.08), (False, 10.12)]
    assert play(taps)[0] == [Press(10.0), Release(), Press(10.08), Release()]


def test_the_same_level_twice_is_no_edge() -> None:
    assert play([(False, 9.0), (True, 10.0), (True, 10.1), (False, 10.2), (False, 10.3)])[0] == [Press(10.0), Release()]


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
    assert words.replace("PHR", "").replace("PR", "") == ""
    assert machine.deadline_s is None


@given(edges())
def test_a_press_is_an_edge_after_which_the_contact_was_closed_at_the_debounce(made: list[Edge]) -> None:
    for gesture in play(made)[0]:
        if isinstance(gesture, Press):
            assert (True, gesture.at_s) in made
            looked_at_s = gesture.at_s + DEBOUNCE_S
            assert [closed for closed, at_s in made if at_s <= looked_at_s][-1]


@given(edges())
def test_two_presses_are_never_closer_than_debounce_and_quiet(made: list[Edge]) -> None:
    presses = [gesture.at_s for gesture in play(made)[0] if isinstance(gesture, Press)]
    assert all(later - earlier >= DEBOUNCE_S + RELEASE_QUIET_S - 1e-9 for earlier, later in pairwise(presses))


@given(edges())
def test_a_deadline_that_was_ticked_is_not_due_again(made: list[Edge]) -> None:
    machine = GestureMachine(DEBOUNCE_S, HOLD_S)
    for closed, at_s in made:
        machine.edge(closed, at_s)
        while (deadline_s := machine.deadline_s) is not None and deadline_s < at_s + 0.01:
            machine.tick(deadline_s)
            assert machine.deadline_s is None or machine.deadline_s > deadline_s
