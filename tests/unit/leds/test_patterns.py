from __future__ import annotations

import itertools
import math
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.settings import PATTERN_NAMES, DimmablePatternName
from device_daemon.leds.patterns import (
    COLOURS,
    FRAMES_PER_S,
    LEVEL,
    PATTERNS,
    TABLE,
    Pattern,
    as_markdown,
    foremost,
)
from device_daemon.state import MICROPHONE_OPEN, State

TIMES_S = st.floats(min_value=0, max_value=1e7)
NAMES = st.sampled_from(sorted(PATTERNS))
ANIMATED = sorted(set(PATTERNS) - {"on", "off"})
SAME_TO_A_PERSON = [{State.STARTING, State.CONNECTING}, {State.GREETING, State.SPEAKING}]


def flashes_starting(levels: tuple[float, ...]) -> list[int]:
    """Return the frames at which a plain light goes on."""
    return [i for i in range(len(levels)) if levels[i] and not levels[i - 1]]


def runs(pattern: Pattern, level: float) -> list[int]:
    """Return how many frames a plain light stays at `level`, each time, in one turn of the pattern."""
    levels = pattern.plain().levels
    start = next(i for i in range(len(levels)) if levels[i] != levels[i - 1])
    turned = levels[start:] + levels[:start]
    return [len(list(run)) for value, run in itertools.groupby(turned) if value == level]


@given(NAMES, TIMES_S)
def test_a_level_is_between_dark_and_full(name: str, t_s: float) -> None:
    assert 0.0 <= PATTERNS[name].level(t_s) <= 1.0


@given(NAMES, TIMES_S)
def test_a_plain_level_is_on_or_off(name: str, t_s: float) -> None:
    assert PATTERNS[name].plain().level(t_s) in {0.0, 1.0}


@given(NAMES, st.integers(0, 10_000), st.integers(1, 1000), st.booleans())
def test_a_pattern_repeats_after_its_period(name: str, frame: int, turns: int, plain: bool) -> None:
    pattern = PATTERNS[name].plain() if plain else PATTERNS[name]
    t_s = frame / FRAMES_PER_S
    assert pattern.level(t_s) == pattern.level(t_s + turns * pattern.period_s)


@given(NAMES, TIMES_S, st.booleans())
def test_the_next_change_is_later_and_is_one_and_nothing_changes_before_it(name: str, t_s: float, plain: bool) -> None:
    pattern = PATTERNS[name].plain() if plain else PATTERNS[name]
    next_s = pattern.next_change_s(t_s)
    if name in {"on", "off"}:
        assert next_s == math.inf
        return
    assert next_s > t_s
    assert pattern.level(next_s) != pattern.level(t_s)
    frames = range(math.ceil(t_s * FRAMES_PER_S), round(next_s * FRAMES_PER_S))
    assert all(pattern.level(frame / FRAMES_PER_S) == pattern.level(t_s) for frame in frames)


@given(NAMES, TIMES_S)
def test_changes_are_never_closer_than_a_frame(name: str, t_s: float) -> None:
    pattern = PATTERNS[name]
    first_s = pattern.next_change_s(t_s)
    if first_s < math.inf:
        assert pattern.next_change_s(first_s) - first_s > 1 / FRAMES_PER_S - 1e-6


@pytest.mark.parametrize("name", sorted(set(PATTERNS) - {"off"}))
def test_every_pattern_but_off_begins_lit(name: str) -> None:
    assert PATTERNS[name].level(0.0) == 1.0


@pytest.mark.parametrize("name", ANIMATED)
def test_an_animated_pattern_is_animated_on_a_plain_light_too(name: str) -> None:
    assert set(PATTERNS[name].plain().levels) == {0.0, 1.0}


@pytest.mark.parametrize("name", ANIMATED)
def test_no_pattern_flashes_more_than_three_times_a_second(name: str) -> None:
    levels = PATTERNS[name].plain().levels
    starts = flashes_starting(levels * (2 + 4 * FRAMES_PER_S // len(levels)))
    assert all(fourth - first >= FRAMES_PER_S for first, fourth in zip(starts, starts[3:], strict=False))


@pytest.mark.parametrize("name", ANIMATED)
def test_a_plain_light_stays_on_or_off_long_enough_to_be_seen(name: str) -> None:
    assert min(runs(PATTERNS[name], 1.0) + runs(PATTERNS[name], 0.0)) >= 3


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(ANIMATED, 2)))
def test_any_two_rhythms_differ_by_half_in_something_an_eye_counts(one: str, other: str) -> None:
    def seen(pattern: Pattern) -> list[float]:
        lit, dark = runs(pattern, 1.0), runs(pattern, 0.0)
        return [len(lit) / pattern.period_s, sum(lit) / len(pattern.levels), max(lit), max(dark), max(lit) / min(lit)]

    ratios = [max(a, b) / min(a, b) for a, b in zip(seen(PATTERNS[one]), seen(PATTERNS[other]), strict=True)]
    assert max(ratios) >= 1.5


def test_the_config_offers_the_patterns_there_are() -> None:
    assert tuple(PATTERNS) == PATTERN_NAMES
    assert (*PATTERNS, LEVEL) == get_args(DimmablePatternName)


def test_every_state_has_a_look_made_of_known_things() -> None:
    assert set(TABLE) == set(State)
    assert {look.pattern_of(dimmable=False) for look in TABLE.values()} <= set(PATTERNS)
    assert {look.pattern_of(dimmable=True) for look in TABLE.values()} <= {*PATTERNS, LEVEL}
    assert {look.colour for look in TABLE.values()} <= set(COLOURS)


def test_every_colour_is_as_bright_as_a_single_led() -> None:
    assert all(max(colour) == 1.0 and min(colour) >= 0.0 for colour in COLOURS.values())


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(State, 2)))
def test_a_single_led_tells_states_apart_that_differ_to_a_person(one: State, other: State) -> None:
    alike = {one, other} in SAME_TO_A_PERSON
    for dimmable in (False, True):
        same = TABLE[one].pattern_of(dimmable=dimmable) == TABLE[other].pattern_of(dimmable=dimmable)
        assert same is alike


@pytest.mark.parametrize("state", sorted(MICROPHONE_OPEN))
def test_a_plain_light_is_lit_at_least_every_second_while_the_microphone_is_open(state: State) -> None:
    levels = PATTERNS[TABLE[state].pattern].plain().levels
    lit = [i for i in range(3 * len(levels)) if levels[i % len(levels)]]
    assert all(after - before <= FRAMES_PER_S for before, after in pairwise(lit))


def test_idle_is_dark_and_nothing_else_is() -> None:
    assert [state for state in State if TABLE[state].pattern == "off"] == [State.IDLE]


def test_red_belongs_to_the_muted_microphone() -> None:
    assert [state for state in State if TABLE[state].colour == "red"] == [State.MUTED]


@given(st.sets(st.sampled_from(State)))
def test_ringing_hides_muted_hides_error_hides_offline_hides_the_conversation(states: set[State]) -> None:
    shown = foremost(states)
    chain = [State.RINGING, State.MUTED, State.ERROR, State.OFFLINE]
    expected = next((state for state in chain if state in states), None)
    if expected:
        assert shown is expected
    elif states - {State.IDLE}:
        assert shown in states - {State.IDLE}
    else:
        assert shown is State.IDLE


def test_the_markdown_has_a_row_for_every_state_and_every_pattern() -> None:
    first_cells = [line.split("|")[1].strip() for line in as_markdown().splitlines() if line.startswith("|")]
    assert first_cells == ["State", "---", *TABLE, "Pattern", "---", *PATTERNS, LEVEL]
