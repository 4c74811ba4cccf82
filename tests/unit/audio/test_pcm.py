"""Sound as bytes: levels, fades, and the way to and from a card's format."""

from __future__ import annotations

import math
import subprocess
import sys
from array import array
from itertools import pairwise

import numpy as np
import pytest

from device_daemon.audio.converters import ToCard, from_card
from device_daemon.audio.pcm import (
    BYTES_PER_MS,
    OWN_FORMAT,
    SILENCE_DBFS,
    CardFormat,
    fade_out,
    level_dbfs,
    volume_gain,
)


def sine(amplitude: float, frequency_hz: float = 1000.0, ms: int = 50) -> bytes:
    t = np.arange(24 * ms) / 24_000
    return np.rint(amplitude * 32_767 * np.sin(2 * np.pi * frequency_hz * t)).astype("<i2").tobytes()


def test_neither_the_speaker_nor_the_microphone_imports_numpy_before_it_has_to() -> None:
    code = (
        "import sys; from device_daemon.audio import converters, microphone, speaker, pcm;"
        "to_card = converters.ToCard(pcm.OWN_FORMAT); to_card.convert(b'..', 1.0); to_card.convert(b'..', 0.5);"
        "converters.from_card(pcm.OWN_FORMAT, 0.0)(b'..');"
        "pcm.fade_out(b'....', pcm.OWN_FORMAT); pcm.level_dbfs(b'..'); sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0


def test_a_level_is_relative_to_full_scale() -> None:
    assert level_dbfs(b"\x00\x80" * 240) == pytest.approx(0.0, abs=0.01)
    assert level_dbfs(sine(1.0)) == pytest.approx(-3.01, abs=0.05)
    assert level_dbfs(sine(0.1)) == pytest.approx(-23.01, abs=0.05)


def test_the_level_of_silence_or_of_nothing_is_the_floor() -> None:
    assert level_dbfs(bytes(480)) == SILENCE_DBFS
    assert level_dbfs(b"") == SILENCE_DBFS


def test_a_level_is_that_of_the_last_10_ms() -> None:
    assert level_dbfs(sine(1.0) + bytes(10 * BYTES_PER_MS)) == SILENCE_DBFS


def test_volume_goes_from_nothing_to_unchanged_in_steps_that_grow() -> None:
    assert volume_gain(0) == 0.0
    assert volume_gain(100) == 1.0
    assert 20 * math.log10(volume_gain(50)) == pytest.approx(-18.06, abs=0.01)


@pytest.mark.parametrize("card", [OWN_FORMAT, CardFormat(48_000, 2), CardFormat(24_000, 1, "S32_LE")])
def test_a_fade_falls_from_where_it_is_to_nothing_on_every_channel_alike(card: CardFormat) -> None:
    typecode = "i" if card.sample_format == "S32_LE" else "h"
    faded = array(typecode)
    faded.frombytes(fade_out(array(typecode, [20_000] * 72 * card.channels).tobytes(), card))
    by_channel = [list(faded[channel :: card.channels]) for channel in range(card.channels)]
    assert all(samples == by_channel[0] for samples in by_channel)
    samples = by_channel[0]
    assert samples == sorted(samples, reverse=True)
    assert samples[0] > 19_900
    assert samples[-1] < 100
    assert max(a - b for a, b in pairwise(samples)) < 500


def test_a_fade_of_nothing_is_nothing() -> None:
    assert fade_out(b"", OWN_FORMAT) == b""


def test_sound_in_the_cards_own_format_is_handed_on_untouched() -> None:
    pcm = sine(0.5)
    assert ToCard(OWN_FORMAT).convert(pcm, 1.0) is pcm
    assert from_card(OWN_FORMAT, 0.0)(pcm) is pcm


def test_a_gain_scales_and_its_change_does_not_click() -> None:
    to_card = ToCard(OWN_FORMAT)
    loud = array("h", [10_000] * 480).tobytes()
    assert set(array("h", bytes(to_card.convert(loud, 0.5)))) == {5000}
    changed = array("h", bytes(to_card.convert(loud, 1.0)))
    assert changed[0] == 5000
    assert changed[-1] == 10_000
    assert max(abs(a - b) for a, b in pairwise(changed)) < 50


def test_sound_becomes_every_channel_of_a_card() -> None:
    out = array("h", bytes(ToCard(CardFormat(24_000, 3)).convert(array("h", [1, -2, 3]).tobytes(), 1.0)))
    assert list(out) == [1, 1, 1, -2, -2, -2, 3, 3, 3]


def test_sound_keeps_its_level_on_a_card_of_32_bits_there_and_back() -> None:
    card = CardFormat(24_000, 1, "S32_LE")
    pcm = array("h", [0, 1, -1, 32_767, -32_768]).tobytes()
    there = bytes(ToCard(card).convert(pcm, 1.0))
    assert list(array("i", there)) == [0, 65_536, -65_536, 32_767 * 65_536, -(2**31)]
    assert from_card(card, 0.0)(there) == pcm


def test_the_two_channels_of_a_stereo_microphone_are_averaged() -> None:
    assert list(array("h", from_card(CardFormat(24_000, 2), 0.0)(array("h", [100, 300, -50, 50]).tobytes()))) == [
        200,
        0,
    ]


def test_of_more_than_two_channels_the_first_is_taken() -> None:
    frames = array("h", [7, 1, 2, 3, 8, 1, 2, 3]).tobytes()
    assert list(array("h", from_card(CardFormat(24_000, 4), 0.0)(frames))) == [7, 8]


def test_a_microphones_gain_is_in_db_and_too_much_of_it_is_clipped() -> None:
    louder = from_card(OWN_FORMAT, 20.0)
    assert list(array("h", louder(array("h", [100, -100, 20_000, -20_000]).tobytes()))) == [
        1000,
        -1000,
        32_767,
        -32_768,
    ]


def test_a_card_format_reads_like_a_person_would_say_it() -> None:
    assert str(OWN_FORMAT) == "24000 Hz mono S16_LE"
    assert str(CardFormat(48_000, 2)) == "48000 Hz stereo S16_LE"
    assert str(CardFormat(16_000, 6, "S32_LE")) == "16000 Hz 6 channels S32_LE"
    assert CardFormat(16_000, 6, "S32_LE").frame_bytes == 24
