"""Where a wake word ended: in the pause behind it, if there is one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.triggers.word_end import RATE_HZ, word_end_s

USUAL_S = 0.2
QUIET, LOUD = 20, 4000


def heard(*parts: tuple[float, float]) -> bytes:
    """Noise, part by part: (level, seconds)."""
    rng = np.random.default_rng(1)
    waves: list[npt.NDArray[np.float64]] = [rng.normal(0, level, round(seconds * RATE_HZ)) for level, seconds in parts]
    return np.clip(np.rint(np.concatenate(waves)), -32768, 32767).astype("<i2").tobytes()


@given(st.integers(8, 29))
def test_the_pause_behind_the_word_says_where_it_ended(pause: int) -> None:
    ago_s = word_end_s(heard((QUIET, 1.2), (LOUD, 0.6), (QUIET, pause / 100)), USUAL_S)
    assert pause / 100 - 0.03 <= ago_s <= pause / 100


@given(st.integers(8, 15), st.integers(1, 10))
def test_a_question_that_began_before_the_word_was_heard_is_kept_whole(pause: int, question: int) -> None:
    pcm = heard((QUIET, 1.2), (LOUD, 0.6), (QUIET, pause / 100), (LOUD, question / 100))
    assert word_end_s(pcm, USUAL_S) >= question / 100


def test_without_a_pause_it_is_where_the_word_usually_ends() -> None:
    assert word_end_s(heard((QUIET, 1.2), (LOUD, 0.8)), USUAL_S) == USUAL_S


def test_the_closures_of_consonants_are_no_pause() -> None:
    word = heard((QUIET, 1.2), (LOUD, 0.6), (QUIET, 0.05), (LOUD, 0.05), (QUIET, 0.05), (LOUD, 0.1))
    assert word_end_s(word, USUAL_S) == USUAL_S


def test_a_pause_long_before_is_the_one_in_front_of_the_word() -> None:
    assert word_end_s(heard((LOUD, 1.0), (QUIET, 0.3), (LOUD, 0.5)), USUAL_S) == USUAL_S


def test_a_softer_room_and_a_softer_voice_have_their_pauses_too() -> None:
    ago_s = word_end_s(heard((3, 1.2), (120, 0.6), (3, 0.15)), USUAL_S)
    assert ago_s == pytest.approx(0.13, abs=0.011)


@pytest.mark.parametrize("level", [0, QUIET, LOUD])
def test_an_even_sound_has_no_pauses(level: int) -> None:
    assert word_end_s(heard((level, 2.0)), USUAL_S) == USUAL_S


def test_a_sound_that_only_ebbs_a_little_has_no_pauses() -> None:
    assert word_end_s(heard((LOUD, 1.7), (LOUD / 2, 0.12), (LOUD, 0.05)), USUAL_S) == USUAL_S


@given(st.binary(max_size=600).map(lambda data: data[: len(data) // 2 * 2] * 40), st.floats(0.0, 0.5))
def test_it_is_never_in_the_future_and_never_long_ago(pcm: bytes, usual_s: float) -> None:
    assert 0.0 <= word_end_s(pcm, usual_s) <= usual_s + 0.11
