from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.leds.level import FRAMES, LevelPattern, brightness_of, follow
from device_daemon.leds.patterns import FRAMES_PER_S

LEVELS_DBFS = st.floats(min_value=-96, max_value=0)
BRIGHT = st.floats(min_value=brightness_of(-96), max_value=1.0)
ELAPSED_S = st.floats(min_value=0, max_value=10)
STEP_S = FRAMES / FRAMES_PER_S


def shown(levels_dbfs: list[float]) -> list[float]:
    """Return what the pattern shows from the beginning of a state on, one level per step."""
    ahead = iter(levels_dbfs)
    pattern = LevelPattern(lambda: next(ahead))
    return [pattern.level(step * STEP_S) for step in range(len(levels_dbfs) + 1)]


@given(LEVELS_DBFS, LEVELS_DBFS)
def test_a_louder_voice_is_never_shown_dimmer(one: float, other: float) -> None:
    quiet, loud = sorted([one, other])
    assert brightness_of(quiet) <= brightness_of(loud)


def test_silence_is_dim_but_lit_and_a_loud_voice_is_full_light() -> None:
    assert 0.1 < brightness_of(-96.0) == brightness_of(float("-inf")) < 0.4
    assert brightness_of(-10.0) == 1.0


@given(BRIGHT, LEVELS_DBFS, ELAPSED_S)
def test_brightness_moves_towards_the_level_and_never_beyond_it(
    before: float, level_dbfs: float, elapsed_s: float
) -> None:
    target = brightness_of(level_dbfs)
    after = follow(before, level_dbfs, elapsed_s)
    assert min(before, target) <= after <= max(before, target)


@given(BRIGHT, LEVELS_DBFS, ELAPSED_S, st.floats(min_value=0, max_value=1))
def test_it_does_not_matter_in_how_many_steps_the_time_passes(
    before: float, level_dbfs: float, elapsed_s: float, part: float
) -> None:
    half_way = follow(before, level_dbfs, elapsed_s * part)
    assert follow(half_way, level_dbfs, elapsed_s * (1 - part)) == pytest.approx(follow(before, level_dbfs, elapsed_s))


def test_the_onset_of_a_voice_is_seen_within_a_fifth_of_a_second_and_its_end_fades() -> None:
    quiet = brightness_of(-96.0)
    assert follow(quiet, 0.0, 0.2) == 1.0
    assert quiet < follow(1.0, -96.0, 0.5) < 0.5
    assert follow(1.0, -96.0, 1.0) == quiet


@pytest.mark.parametrize("quiet_steps", range(1, 11))
@pytest.mark.parametrize("loud_steps", range(1, 6))
def test_in_whatever_rhythm_is_spoken_the_light_flashes_at_most_three_times_a_second(
    quiet_steps: int, loud_steps: int
) -> None:
    levels_dbfs = [*[-96.0] * quiet_steps, *[0.0] * loud_steps] * 10
    dim, bright = 0.4, 0.8  # half of the range
    falls_at = []
    lit = True
    for step, brightness in enumerate(shown(levels_dbfs)):
        if lit and brightness <= dim:
            falls_at.append(step * STEP_S)
        lit = brightness >= bright or (lit and brightness > dim)
    assert all(fourth - first >= 1.0 for first, fourth in zip(falls_at, falls_at[3:], strict=False))


@given(st.lists(LEVELS_DBFS, max_size=50))
def test_it_begins_lit_and_is_never_dark(levels_dbfs: list[float]) -> None:
    brightness = shown(levels_dbfs)
    assert brightness[0] == 1.0
    assert min(brightness) >= brightness_of(-96.0)


def test_several_lights_share_one_question() -> None:
    levels_dbfs = iter(range(-90, 0, 10))
    pattern = LevelPattern(lambda: next(levels_dbfs))
    for step in range(10):
        assert pattern.level(step * STEP_S) == pattern.level(step * STEP_S)
    assert next(levels_dbfs, None) is None


def test_each_state_begins_lit_again() -> None:
    pattern = LevelPattern(lambda: -96.0)
    pattern.level(0.0)
    assert pattern.level(5.0) < 1.0
    assert pattern.level(0.0) == 1.0


def test_it_is_due_again_a_step_later() -> None:
    pattern = LevelPattern(lambda: -96.0)
    dues = [0.0]
    for _ in range(100):
        dues.append(pattern.next_change_s(dues[-1]))
    assert all(later - earlier == pytest.approx(STEP_S) for earlier, later in pairwise(dues))
