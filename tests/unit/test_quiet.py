"""A quiet room is in no hurry; a voice in it is, and so is the pause behind it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.quiet import SETTLED_MS, Quiet, outside

PERIOD_MS = 20
FRAMES = 24 * PERIOD_MS


def noise(peak: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).integers(-peak, peak + 1, FRAMES, np.int16).tobytes()


def settled(quiet: Quiet, peak: int = 0) -> Quiet:
    for number in range(10 * SETTLED_MS // PERIOD_MS):
        quiet.unhurried(noise(peak, number))
    assert quiet.unhurried(noise(peak))
    return quiet


@given(st.lists(st.integers(-32_768, 32_767)), st.integers(0, 15))
def test_a_sample_that_takes_more_bits_than_allowed_is_found(samples: list[int], bits: int) -> None:
    pcm = np.array(samples, "<i2").tobytes()
    number = int.from_bytes(pcm, "little")
    for few in {bits, max((sample if sample >= 0 else ~sample).bit_length() for sample in [0, *samples])}:
        found = (number ^ number >> 1) & outside(few, len(pcm))
        assert bool(found) is any(not -(2**few) <= sample < 2**few for sample in samples)


def test_silence_is_in_no_hurry_but_only_after_a_while() -> None:
    quiet = Quiet()
    periods = [quiet.unhurried(bytes(2 * FRAMES)) for _ in range(45)]
    assert periods == [False] * (SETTLED_MS // PERIOD_MS) + [True] * 10


def test_a_single_click_in_a_quiet_room_is_in_a_hurry_and_so_is_the_moment_after_it() -> None:
    quiet = settled(Quiet())
    click = bytearray(2 * FRAMES)
    click[100:102] = (-20_000).to_bytes(2, "little", signed=True)
    assert not quiet.unhurried(bytes(click))
    after = [quiet.unhurried(bytes(2 * FRAMES)) for _ in range(45)]
    assert after.index(True) == SETTLED_MS // PERIOD_MS


def test_the_noise_of_a_room_is_no_voice_and_a_voice_in_it_is() -> None:
    quiet = settled(Quiet(), peak=900)
    assert not quiet.unhurried(noise(9_000))


def test_a_room_that_becomes_noisy_is_quiet_again_after_a_while() -> None:
    quiet = settled(Quiet())
    assert not quiet.unhurried(noise(2_000))
    assert any(quiet.unhurried(noise(2_000, number)) for number in range(1_000))


@given(st.integers(0, 200), st.integers(100, 32_767), st.integers(0, SETTLED_MS // PERIOD_MS - 1))
def test_no_voice_is_kept_waiting_in_a_silent_room_nor_what_follows_it_at_once(
    silence: int, peak: int, pause: int
) -> None:
    quiet = Quiet()
    for _ in range(silence):
        quiet.unhurried(bytes(2 * FRAMES))
    assert not quiet.unhurried(np.full(FRAMES, -peak, np.int16).tobytes())
    assert not any(quiet.unhurried(bytes(2 * FRAMES)) for _ in range(pause))
    assert not quiet.unhurried(b""), "a period without sound is no trouble"
