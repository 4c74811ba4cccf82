"""Which controls of a mixer keep a card from being heard."""

from __future__ import annotations

import pytest

from device_daemon.audio.alsa import Direction
from device_daemon.audio.alsa.levels import MixerLevel, silencing


def level(control: str, percent: int = 80, direction: Direction = "playback", *, off: bool = False) -> MixerLevel:
    return MixerLevel("hw:1", control, direction, percent, off)


@pytest.mark.parametrize(
    ("levels", "shut"),
    [
        ([], []),
        ([level("Master"), level("PCM")], []),
        ([level("Master"), level("PCM", 0)], ["PCM"]),
        ([level("Master", off=True)], ["Master"]),
        ([level("Master"), level("Speaker"), level("Headphone", 0)], []),
        ([level("Speaker", 0), level("Headphone", off=True)], ["Speaker", "Headphone"]),
        ([level("Capture", 0, "capture"), level("Mic", 50, "capture")], ["Capture"]),
        ([level("Capture", 50, "capture"), level("Mic", 50, "capture", off=True)], ["Mic"]),
    ],
)
def test_what_all_sound_passes_must_be_open_and_of_several_ways_one(levels: list[MixerLevel], shut: list[str]) -> None:
    assert [level.control for level in silencing(levels)] == shut
