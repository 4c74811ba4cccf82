"""Which controls of a mixer keep a card from being heard."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import alsaaudio
import pytest

from device_daemon.audio.alsa import Direction, Negotiated
from device_daemon.audio.alsa import levels as levels_module
from device_daemon.audio.alsa.levels import MixerLevel, mixer_levels, silencing
from device_daemon.audio.pcm import OWN_FORMAT


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


class FakeControl:
    """A control of a card that has Master (with a switch), PCM (without), Capture, and Beep (a switch alone)."""

    def __init__(self, control: str, device: str) -> None:
        assert device == "hw:1"
        self._name = control

    def volumecap(self) -> list[str]:
        return {"Master": ["Playback Volume"], "PCM": ["Volume"], "Capture": ["Capture Volume"]}.get(self._name, [])

    def getvolume(self, pcmtype: int) -> list[int]:
        assert (pcmtype == alsaaudio.PCM_CAPTURE) is (self._name == "Capture")
        return [0, 30]

    def getmute(self) -> list[int]:
        if self._name != "Master":
            raise alsaaudio.ALSAAudioError("no switch")
        return [1, 1]

    def getrec(self) -> list[int]:
        return [1, 0]

    def close(self) -> None: ...


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    fake = SimpleNamespace(
        mixers=lambda device: ["Capture", "Beep", "PCM", "Master"] if device == "hw:1" else [],
        Mixer=FakeControl,
        ALSAAudioError=alsaaudio.ALSAAudioError,
    )
    monkeypatch.setattr(levels_module, "alsaaudio", fake)
    return fake


@pytest.mark.usefixtures("card")
def test_a_cards_levels_are_read_for_the_direction_that_is_asked() -> None:
    negotiated = Negotiated("plughw:CARD=USB", OWN_FORMAT, 240, 960, card_number=1)
    assert list(map(str, mixer_levels(negotiated, "playback"))) == ["Master 30% off", "PCM 30%"]
    assert list(map(str, mixer_levels(negotiated, "capture"))) == ["Capture 30%"]


def test_without_a_mixer_there_is_nothing_to_say(card: SimpleNamespace) -> None:
    assert mixer_levels(Negotiated("simcard", OWN_FORMAT, 240, 960, card_number=-1), "playback") == []
    assert mixer_levels(Negotiated("default", OWN_FORMAT, 240, 960, card_number=-1), "playback") == []

    def fail(**_: Any) -> None:
        raise alsaaudio.ALSAAudioError("broken")

    card.mixers = fail
    assert mixer_levels(Negotiated("hw:1", OWN_FORMAT, 240, 960, card_number=1), "playback") == []
