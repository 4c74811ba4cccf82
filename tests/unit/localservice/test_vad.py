from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from device_daemon.localservice.vad import TurnDetector, TurnSettings, TurnStarted, TurnStopped

RATE_HZ = 16_000
PER_MS = RATE_HZ // 1000

Turn = TurnStarted | TurnStopped
# Stretches of sound: how long each is, and how loud (the peak of a sine).
stretches = st.lists(st.tuples(st.integers(20, 1200), st.sampled_from([0, 20, 60, 2_000, 12_000])), max_size=8)


def sound(parts: Sequence[tuple[int, int]]) -> NDArray[np.int16]:
    waves = [np.empty(0)]
    for duration_ms, peak in parts:
        waves.append(peak * np.sin(2 * np.pi * 250 * np.arange(duration_ms * PER_MS) / RATE_HZ))
    return np.concatenate(waves).astype(np.int16)


def turns(frames: NDArray[np.int16], turn_settings: TurnSettings | None = None, **options: float) -> list[Turn]:
    detector = TurnDetector(turn_settings or TurnSettings(), RATE_HZ)
    return detector.feed(frames, **options)  # type: ignore[arg-type]


def test_a_turn_begins_with_its_prefix_padding_and_ends_after_its_silence() -> None:
    found = turns(sound([(1000, 0), (800, 6_000), (1000, 0)]), TurnSettings(prefix_padding_ms=300))
    assert found == [TurnStarted(700), TurnStopped(700, 2300, 800)]


def test_prefix_padding_does_not_reach_into_the_turn_before() -> None:
    found = turns(sound([(400, 6_000), (600, 0), (400, 6_000), (600, 0)]), TurnSettings(prefix_padding_ms=900))
    assert found[2] == TurnStarted(900)


def test_a_pause_shorter_than_the_silence_does_not_end_a_turn() -> None:
    assert len(turns(sound([(400, 6_000), (460, 0), (400, 6_000), (600, 0)]))) == 2


def test_a_click_is_no_turn() -> None:
    assert turns(sound([(500, 0), (60, 20_000), (1000, 0)])) == []


def test_while_the_assistant_speaks_a_person_may_have_to_speak_longer() -> None:
    settled = TurnSettings(speech_duration_assistant_speaking_ms=800)
    short = sound([(500, 6_000), (1000, 0)])
    assert turns(short, settled, assistant_speaking=True) == []
    assert turns(short, settled) != []


@pytest.mark.parametrize("noise_rms", [1, 10, 60, 200, 400])
def test_noise_that_was_there_all_the_time_is_no_turn(noise_rms: int) -> None:
    noise = np.random.default_rng(1).normal(0, noise_rms, 10_000 * PER_MS).astype(np.int16)
    assert turns(noise) == []


@pytest.mark.parametrize("noise_rms", [1, 10, 60, 200])
def test_a_voice_is_heard_in_noise(noise_rms: int) -> None:
    noise = np.random.default_rng(1).normal(0, noise_rms, 4_000 * PER_MS)
    found = turns((sound([(1500, 0), (1000, 3_000), (1500, 0)]) + noise).astype(np.int16))
    assert found == [TurnStarted(1100), TurnStopped(1100, 3000, 1000)]


def test_noise_that_begins_is_got_used_to() -> None:
    fan = np.random.default_rng(1).normal(0, 400, 40_000 * PER_MS).astype(np.int16)
    found = turns(np.concatenate([sound([(2000, 0)]), fan]))
    assert [type(turn) for turn in found] == [TurnStarted, TurnStopped]


def test_an_offset_is_no_sound() -> None:
    assert turns(np.full(2000 * PER_MS, 20_000, np.int16)) == []


def test_what_is_no_louder_than_the_echo_is_not_heard() -> None:
    frames = sound([(1000, 2_000), (1000, 0)])
    assert turns(frames, mask_dbfs=-20.0) == []
    assert turns(frames, mask_dbfs=-30.0) != []


def test_ending_a_turn_from_outside_says_which_it_was() -> None:
    detector = TurnDetector(TurnSettings(), RATE_HZ)
    detector.feed(sound([(1000, 6_000)]))
    assert detector.end_turn() == TurnStopped(0, 1000, 1000)
    assert detector.end_turn() is None
    assert detector.feed(sound([(1000, 0)])) == []


@given(stretches, st.lists(st.integers(1, 40_000), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_turns_do_not_depend_on_how_the_audio_is_cut(parts: list[tuple[int, int]], cuts: list[int]) -> None:
    frames = sound(parts)
    detector = TurnDetector(TurnSettings(), RATE_HZ)
    found: list[Turn] = []
    for piece in np.split(frames, sorted(cut for cut in cuts if cut < len(frames))):
        found += detector.feed(piece)
    assert found == turns(frames)


@given(stretches, st.floats(0, 1), st.integers(0, 1000), st.integers(0, 800))
@settings(max_examples=60, deadline=None)
def test_turns_alternate_and_lie_in_the_audio_in_order(
    parts: list[tuple[int, int]], threshold: float, silence_ms: int, prefix_ms: int
) -> None:
    frames = sound(parts)
    found = turns(
        frames, TurnSettings(threshold=threshold, silence_duration_ms=silence_ms, prefix_padding_ms=prefix_ms)
    )
    assert all(isinstance(turn, TurnStarted) for turn in found[0::2])
    assert all(isinstance(turn, TurnStopped) for turn in found[1::2])
    positions = [turn.audio_start_ms if isinstance(turn, TurnStarted) else turn.audio_end_ms for turn in found]
    assert positions == sorted(positions)
    assert all(0 <= position <= len(frames) // PER_MS for position in positions)
    for turn in found[1::2]:
        assert isinstance(turn, TurnStopped)
        assert 0 < turn.spoken_ms <= turn.audio_end_ms - turn.audio_start_ms


@given(stretches)
@settings(max_examples=40, deadline=None)
def test_a_higher_threshold_never_hears_an_earlier_beginning(parts: list[tuple[int, int]]) -> None:
    frames = sound(parts)
    starts = [turns(frames, TurnSettings(threshold=threshold, prefix_padding_ms=0))[:1] for threshold in (0.2, 0.8)]
    if starts[1]:
        first, second = starts[0][0], starts[1][0]
        assert isinstance(first, TurnStarted)
        assert isinstance(second, TurnStarted)
        assert first.audio_start_ms <= second.audio_start_ms


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100])
def test_positions_are_milliseconds_at_every_rate(rate_hz: int) -> None:
    wave = 6_000 * np.sin(2 * np.pi * 250 * np.arange(rate_hz) / rate_hz)
    detector = TurnDetector(TurnSettings(prefix_padding_ms=0), rate_hz)
    found = detector.feed(np.concatenate([np.zeros(rate_hz), wave, np.zeros(rate_hz)]).astype(np.int16))
    assert found == [TurnStarted(1000), TurnStopped(1000, 2500, 1000)]
