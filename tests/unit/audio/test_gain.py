"""Making sound quieter, sample for sample, without numpy."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device_daemon.audio.gain import Gain, peak, scaled
from device_daemon.audio.pcm import BYTES_PER_FRAME

SAMPLES = st.lists(st.integers(-32_768, 32_767), max_size=50)
GAINS = st.floats(0.0, 1.0)


def of(*samples: int) -> bytes:
    return array("h", samples).tobytes()


def samples_of(pcm: bytes | memoryview) -> list[int]:
    return list(array("h", bytes(pcm)))


@given(SAMPLES, GAINS)
@example([-32_768, 32_767, -1, 0, 1], 0.0)
@example([-32_768, 32_767, -32_768, 32_767], 0.99999)
@example([32_767, -32_768, 32_767], 0.5)
def test_every_sample_is_scaled_by_itself_and_rounded_down(samples: list[int], gain: float) -> None:
    assert samples_of(scaled(of(*samples), gain)) == [math.floor(sample * gain) for sample in samples]


@given(SAMPLES)
def test_the_peak_is_the_sample_farthest_from_zero(samples: list[int]) -> None:
    assert peak(of(*samples), BYTES_PER_FRAME) == max(map(abs, samples), default=0)


def test_full_loudness_is_the_same_bytes() -> None:
    pcm = of(1, 2, 3)
    assert scaled(pcm, 1.0) is pcm
    assert Gain().convert(pcm, 1.0) is pcm


def test_a_part_of_a_piece_is_scaled_like_any_other() -> None:
    pcm = memoryview(of(1000, 2000, 3000, 4000))[2:6]
    assert samples_of(scaled(pcm, 0.5)) == [1000, 1500]


def test_a_stream_begins_at_its_own_gain_and_goes_evenly_to_the_next() -> None:
    gain = Gain()
    loud = of(*[10_000] * 480)
    assert set(samples_of(gain.convert(loud, 0.5))) == {5000}
    changed = samples_of(gain.convert(loud, 0.0))
    assert (changed[0], set(changed[119:])) == (5000, {0})
    assert all(0 <= before - after <= math.ceil(5000 / 119) for before, after in pairwise(changed))
    gain.reset()
    assert gain.convert(loud, 1.0) is loud


@pytest.mark.parametrize("frames", [0, 1, 2, 100])
def test_a_change_in_a_piece_shorter_than_the_ramp_is_made_within_it(frames: int) -> None:
    gain = Gain()
    gain.convert(of(1), 1.0)
    quieter = samples_of(gain.convert(of(*[1000] * frames), 0.5))
    assert len(quieter) == frames
    assert quieter == sorted(quieter, reverse=True)
    assert quieter[:1] == [1000] * min(1, frames)
    assert quieter[1:][-1:] == [500] * min(1, max(0, frames - 1))
