"""The rules between periods and words: times, gaps, and quiet after a word."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.period import Period
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.triggers.wakeword_engine import ENGINE_RATE_HZ, Heard
from device_daemon.triggers.wakeword_listener import GAP_S, Listener

SLOW = WakeWordTrigger(word="alexa", refractory_s=2.0)
QUICK = WakeWordTrigger(word="okay_nabu", refractory_s=0.5)


class Scripted:
    """Recognises a word at each of the given places, in seconds of sound since the last reset."""

    def __init__(self, *words: tuple[float, int]) -> None:
        self._words = words
        self.frames = 0
        self.streams: list[int] = []

    def hear(self, pcm: bytes) -> list[Heard]:
        before_s = self.frames / ENGINE_RATE_HZ
        self.frames += len(pcm) // 2
        now_s = self.frames / ENGINE_RATE_HZ
        return [Heard(index, now_s - at_s) for at_s, index in self._words if before_s < at_s <= now_s]

    def scores(self) -> list[float]:
        return [0.0]

    def set_sensitivity(self, index: int, sensitivity: float) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        self.streams.append(self.frames)
        self.frames = 0

    def close(self) -> None:
        """Nothing to give back."""


def periods(seconds: float, begins_at_s: float, period_ms: int = 20) -> list[Period]:
    count = round(seconds * 1000 / period_ms)
    pcm = bytes(48 * period_ms)
    return [Period(pcm, begins_at_s + (n + 1) * period_ms / 1000) for n in range(count)]


@given(st.floats(0.05, 1.9), st.sampled_from([10, 20]), st.lists(st.integers(1, 30), min_size=1, max_size=30))
def test_the_end_of_a_word_is_told_in_the_time_of_the_microphone(
    at_s: float, period_ms: int, pieces: list[int]
) -> None:
    listener = Listener(Scripted((at_s, 0)), [SLOW])
    left = periods(2.0, 50.0, period_ms)
    told: list[tuple[WakeWordTrigger, float]] = []
    for count in itertools.cycle(pieces):
        told += listener.hear(left[:count])
        left = left[count:]
        if not left:
            break
    assert [trigger for trigger, _ in told] == [SLOW]
    assert told[0][1] == pytest.approx(50.0 + at_s, abs=0.002)


def test_the_engine_gets_the_same_sound_at_its_own_rate() -> None:
    heard: list[bytes] = []

    class Keeping(Scripted):
        def hear(self, pcm: bytes) -> list[Heard]:
            heard.append(pcm)
            return []

    at = np.arange(24_000) / 24_000
    tone = np.rint(8000 * np.sin(2 * np.pi * 1000 * at)).astype("<i2").tobytes()
    Listener(Keeping(), [SLOW]).hear([Period(tone[n : n + 960], (n + 960) / 48_000) for n in range(0, len(tone), 960)])
    samples = np.frombuffer(b"".join(heard), "<i2")
    expected = 8000 * np.sin(2 * np.pi * 1000 * np.arange(len(samples)) / ENGINE_RATE_HZ)
    assert len(samples) == pytest.approx(ENGINE_RATE_HZ, abs=40)
    assert np.abs(samples[100:] - expected[100:]).max() < 8


def test_a_hole_in_the_times_begins_another_sound() -> None:
    engine = Scripted()
    listener = Listener(engine, [SLOW])
    listener.hear(periods(0.5, 10.0) + periods(0.5, 10.5 + GAP_S + 0.01))
    assert len(engine.streams) == 1
    assert engine.streams[0] == pytest.approx(8000, abs=40)
    assert engine.frames == pytest.approx(8000, abs=40)


def test_times_that_jitter_are_no_hole() -> None:
    engine = Scripted()
    listener = Listener(engine, [SLOW])
    listener.hear(periods(0.5, 10.0) + periods(0.5, 10.5 + GAP_S - 0.01) + periods(0.5, 11.0))
    assert not engine.streams


def test_a_word_before_a_hole_in_the_same_block_has_the_time_it_was_said() -> None:
    listener = Listener(Scripted((0.3, 0)), [SLOW])
    told = listener.hear(periods(0.4, 10.0) + periods(0.1, 20.0))
    assert [ends_at_s for _, ends_at_s in told] == [pytest.approx(10.3, abs=0.002)]


def test_after_a_word_it_is_not_heard_for_as_long_as_it_says_and_no_other_while_that_may_be_the_same_call() -> None:
    engine = Scripted((0.2, 1), (0.3, 0), (0.6, 1), (0.8, 0), (1.5, 1), (1.9, 1), (2.5, 0), (2.9, 1))
    told = Listener(engine, [SLOW, QUICK]).hear(periods(3.0, 0.0))
    assert [(trigger.word, round(ends_at_s, 1)) for trigger, ends_at_s in told] == [
        ("okay_nabu", 0.2),
        ("alexa", 0.8),
        ("okay_nabu", 1.9),
        ("okay_nabu", 2.9),
    ]


def test_of_two_words_in_one_call_the_first_is_taken() -> None:
    told = Listener(Scripted((0.5, 1), (0.5, 0)), [SLOW, QUICK]).hear(periods(1.0, 0.0))
    assert [trigger for trigger, _ in told] == [QUICK]


def test_a_reset_does_not_shorten_the_quiet_after_a_word() -> None:
    listener = Listener(Scripted((0.3, 0)), [SLOW])
    assert listener.hear(periods(0.5, 0.0))
    listener.reset()
    assert not listener.hear(periods(0.5, 0.5))
    listener.reset()
    assert listener.hear(periods(0.5, 2.5))


def test_no_periods_are_no_sound() -> None:
    engine = Scripted()
    assert not Listener(engine, [SLOW]).hear([])
    assert not engine.frames
