"""The resampler: what it keeps, what it keeps out, and that pieces make no difference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.convert import Resampler

RATES = [
    (24_000, 48_000),
    (48_000, 24_000),
    (24_000, 44_100),
    (44_100, 24_000),
    (16_000, 24_000),
    (24_000, 16_000),
    (22_050, 24_000),
    (96_000, 24_000),
    (192_000, 24_000),
]


def sine(frequency_hz: float, rate_hz: int, seconds: float = 0.5) -> bytes:
    t = np.arange(round(rate_hz * seconds)) / rate_hz
    return bytes(np.rint(16_000 * np.sin(2 * np.pi * frequency_hz * t)).astype("<i2").tobytes())


def convert(pcm: bytes, from_hz: int, to_hz: int, piece_bytes: int = 480) -> npt.NDArray[np.float64]:
    resampler = Resampler(from_hz, to_hz)
    out = b"".join(resampler.process(pcm[i : i + piece_bytes]) for i in range(0, len(pcm), piece_bytes))
    return np.frombuffer(out + resampler.flush(), "<i2").astype(np.float64)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("frequency_hz", [200, 1000, 5000])
def test_a_tone_comes_out_as_itself_in_place_and_clean(from_hz: int, to_hz: int, frequency_hz: int) -> None:
    out = convert(sine(frequency_hz, from_hz), from_hz, to_hz)
    kept = slice(to_hz // 50, -to_hz // 50)
    phase = 2 * np.pi * frequency_hz * np.arange(len(out))[kept] / to_hz
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    (in_phase, out_of_phase), *_ = np.linalg.lstsq(basis, out[kept], rcond=None)
    tone = basis @ [in_phase, out_of_phase]
    sinad_db = 10 * np.log10(np.mean(tone**2) / np.mean((out[kept] - tone) ** 2))
    assert sinad_db > 80
    assert in_phase == pytest.approx(16_000, rel=0.002)
    assert out_of_phase == pytest.approx(0, abs=16)  # neither early nor late


@pytest.mark.parametrize(("from_hz", "frequency_hz"), [(48_000, 14_000), (48_000, 20_000), (44_100, 15_000)])
def test_what_the_lower_rate_cannot_carry_is_kept_out(from_hz: int, frequency_hz: int) -> None:
    out = convert(sine(frequency_hz, from_hz), from_hz, 24_000)[480:-480]
    assert 20 * np.log10(np.sqrt(np.mean(out**2)) / 11_314 + 1e-9) < -75


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_constant_stays_a_constant(from_hz: int, to_hz: int) -> None:
    constant = np.full(from_hz // 10, 12_345, "<i2").tobytes()
    out = convert(constant, from_hz, to_hz)
    assert set(out[to_hz // 100 : -to_hz // 100]) == {12_345.0}


@given(
    rates=st.sampled_from(RATES),
    sizes=st.lists(st.integers(0, 600), min_size=1, max_size=12),
    seed=st.integers(0, 1000),
)
def test_pieces_of_any_size_make_the_same_sound_of_the_right_length(
    rates: tuple[int, int], sizes: list[int], seed: int
) -> None:
    from_hz, to_hz = rates
    samples = np.random.default_rng(seed).integers(-20_000, 20_000, sum(sizes)).astype("<i2")
    whole = Resampler(from_hz, to_hz)
    expected = whole.process(samples.tobytes()) + whole.flush()
    assert len(expected) // 2 == -(-len(samples) * to_hz // from_hz)
    resampler = Resampler(from_hz, to_hz)
    out = b""
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        out += resampler.process(samples[end - size : end].tobytes())
    out += resampler.flush()
    assert len(out) == len(expected)
    # Sums of floats may differ in their last bit with the size of the matrix, and so in the rounding.
    assert (
        np.abs(np.frombuffer(out, "<i2").astype(int) - np.frombuffer(expected, "<i2").astype(int)).max(initial=0) <= 1
    )


@given(rates=st.sampled_from(RATES))
def test_no_more_than_a_millisecond_or_so_is_held_back(rates: tuple[int, int]) -> None:
    from_hz, to_hz = rates
    out = Resampler(from_hz, to_hz).process(bytes(2 * from_hz // 10))
    assert to_hz // 10 - len(out) // 2 <= 0.0016 * to_hz


def test_after_a_flush_a_new_stream_begins() -> None:
    resampler = Resampler(48_000, 24_000)
    first = resampler.process(sine(1000, 48_000)) + resampler.flush()
    assert resampler.process(sine(1000, 48_000)) + resampler.flush() == first
