"""Opening cards: what is negotiated, what is said when it cannot be, and which devices there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import alsaaudio
import pytest

from device_daemon.audio.alsa import Direction, Negotiated, find_mixer, list_devices, open_stream
from device_daemon.audio.alsa import mixer as mixer_module
from device_daemon.audio.alsa.busy_owner import holder_of
from device_daemon.audio.alsa.devices import worth_naming
from device_daemon.audio.alsa.opening import _choose
from device_daemon.audio.pcm import OWN_FORMAT, CardFormat
from device_daemon.errors import DeviceBusy, DeviceGone, DeviceUnknown
from scripts.rig.card import SimulatedCard

BOTH: list[Direction] = ["capture", "playback"]


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SimulatedCard]]:
    """Give the machine a sound card, which stays until the end of the test."""
    cards: list[SimulatedCard] = []

    def plug_in(**properties: Any) -> SimulatedCard:
        card = SimulatedCard(tmp_path / "card", **properties)
        for name, value in card.environment().items():
            monkeypatch.setenv(name, value)
        cards.append(card)
        return card

    yield plug_in
    cards.clear()


@pytest.mark.parametrize("direction", BOTH)
def test_a_card_that_can_is_opened_as_asked(plug_in: Callable[..., SimulatedCard], direction: Direction) -> None:
    plug_in()
    stream = open_stream(direction, "simcard", 10, 4)
    assert stream.negotiated == Negotiated("simcard", OWN_FORMAT, 240, 960, -1)
    assert stream.negotiated.compare(10, 4) == "24000 Hz mono S16_LE, 10 ms x 4 (as asked)"
    stream.close()


@pytest.mark.parametrize("direction", BOTH)
def test_a_card_that_cannot_is_taken_as_it_is_with_periods_as_long_as_asked(
    plug_in: Callable[..., SimulatedCard], direction: Direction
) -> None:
    plug_in(rate_hz=44_100, channels=2)
    stream = open_stream(direction, "simcard", 20, 3)
    assert stream.negotiated == Negotiated("simcard", CardFormat(44_100, 2), 882, 2646, -1)
    assert (
        stream.negotiated.compare(20, 3)
        == "44100 Hz stereo S16_LE, 20 ms x 3 (asked for 24000 Hz mono S16_LE, so sound is converted)"
    )
    stream.close()


def test_periods_that_differ_from_what_was_asked_are_mentioned() -> None:
    got = Negotiated("hw:0", OWN_FORMAT, 512, 1024, 0)
    assert got.compare(10, 4) == "24000 Hz mono S16_LE, 21.33 ms x 2 (asked for 10 ms x 4)"


@pytest.mark.parametrize(("direction", "role"), [("capture", "microphone"), ("playback", "speaker")])
def test_an_unknown_device_names_the_ones_there_are(
    plug_in: Callable[..., SimulatedCard], direction: Direction, role: str
) -> None:
    plug_in()
    with pytest.raises(DeviceUnknown) as caught:
        open_stream(direction, "plughw:CARD=Nonesuch", 10, 4)
    assert str(caught.value) == (
        f'there is no {role} "plughw:CARD=Nonesuch": set audio.{role}.device to one of: default, simcard, simplug'
    )
    assert caught.value.device == "plughw:CARD=Nonesuch"


def test_a_busy_device_says_so(plug_in: Callable[..., SimulatedCard]) -> None:
    card = plug_in()
    card.busy = True
    with pytest.raises(DeviceBusy, match='the speaker "simcard" is in use by another program: stop that'):
        open_stream("playback", "simcard", 10, 4)


def test_a_card_that_is_unplugged_while_open_is_gone(plug_in: Callable[..., SimulatedCard]) -> None:
    card = plug_in()
    stream = open_stream("capture", "simcard", 10, 4)
    card.unplug()
    with pytest.raises(DeviceGone, match=r'the microphone "simcard" failed \(No such device\)'):
        stream.read()
    stream.close()


def test_alsa_lib_does_not_write_to_stderr(
    plug_in: Callable[..., SimulatedCard], capfd: pytest.CaptureFixture[str]
) -> None:
    plug_in()
    with pytest.raises(DeviceUnknown):
        open_stream("playback", "hw:CARD=Nonesuch,DEV=7", 10, 4)
    assert capfd.readouterr().err == ""


class FakePcm:
    """What a hardware PCM answers about itself."""

    def __init__(self, rates: object, formats: list[str], channels: int) -> None:
        self._rates = rates
        self._formats = formats
        self._channels = channels

    def info(self) -> dict[str, int]:
        numbers = {"S16_LE": alsaaudio.PCM_FORMAT_S16_LE, "S32_LE": alsaaudio.PCM_FORMAT_S32_LE}
        return {
            "rate": self._rates if isinstance(self._rates, int) else 44_100,
            "format": numbers.get("S16_LE" if "S16_LE" in self._formats else self._formats[0], -1),
            "channels": self._channels,
        }

    def getrates(self) -> object:
        return self._rates

    def getformats(self) -> list[str]:
        return self._formats


@pytest.mark.parametrize(
    ("rates", "chosen_hz"),
    [
        ([32_000, 44_100, 48_000, 96_000], 48_000),
        ([44_100, 88_200], 44_100),
        ((8_000, 48_000), 48_000),
        (16_000, 16_000),
    ],
)
def test_of_several_rates_the_one_that_converts_best_is_taken(rates: object, chosen_hz: int) -> None:
    assert _choose(FakePcm(rates, ["S16_LE"], 2), "playback", "hw:0").rate_hz == chosen_hz


def test_a_card_with_32_bits_only_is_taken_and_one_with_24_is_led_to_a_name_that_converts() -> None:
    assert _choose(FakePcm(48_000, ["S32_LE"], 2), "capture", "hw:0").sample_format == "S32_LE"
    with pytest.raises(
        DeviceUnknown,
        match='has only S24_3LE samples: set audio.capture.device to "plughw:0"'.replace("capture", "microphone"),
    ):
        _choose(FakePcm(48_000, ["S24_3LE"], 2), "capture", "hw:0")


def test_of_alsa_libs_many_names_only_stable_and_useful_ones_are_offered() -> None:
    on_a_raspberry_pi = [
        "null",
        "jack",
        "pulse",
        "default",
        "kitchen",
        "sysdefault",
        "hw:CARD=Headphones,DEV=0",
        "plughw:CARD=Headphones,DEV=0",
        "sysdefault:CARD=Headphones",
        "dmix:CARD=Headphones,DEV=0",
        "hdmi:CARD=vc4hdmi0,DEV=0",
        "plughw:CARD=seeed2micvoicec,DEV=0",
        "usbstream:CARD=Headphones",
    ]
    assert worth_naming(on_a_raspberry_pi) == [
        "default",
        "plughw:CARD=Headphones,DEV=0",
        "plughw:CARD=vc4hdmi0,DEV=0",
        "plughw:CARD=seeed2micvoicec,DEV=0",
        "kitchen",
    ]


def test_devices_are_listed_with_what_they_can_do(plug_in: Callable[..., SimulatedCard]) -> None:
    card = plug_in(rate_hz=48_000, channels=2)
    listed = {(info.direction, info.name): info for info in list_devices()}
    microphone = listed["capture", "simcard"]
    assert (microphone.rates_hz, microphone.channels, microphone.problem) == ((48_000,), (2,), "")
    assert listed["playback", "default"].rates_hz == ()  # it converts whatever is asked for
    card.busy = True
    assert {info.problem for info in list_devices() if info.name == "simcard"} == {"Device or resource busy"}


def kernel_folder(root: Path, *, owner: int | None) -> None:
    """A card with the number 1 and the id USB that `owner` plays to."""
    substream = root / "asound" / "card1" / "pcm0p" / "sub0"
    substream.mkdir(parents=True)
    status = f"state: RUNNING\nowner_pid   : {owner}\ntrigger_time: 1.2\n" if owner else "closed\n"
    (substream / "status").write_text(status)
    (root / "asound" / "USB").symlink_to("card1")


@pytest.mark.parametrize("device", ["hw:CARD=USB,DEV=0", "plughw:CARD=USB", "plughw:USB", "hw:1,0", "default"])
def test_the_program_that_holds_a_card_is_named(tmp_path: Path, device: str) -> None:
    kernel_folder(tmp_path, owner=4711)
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711" / "comm").write_text("aplay\n")
    assert holder_of(device, "playback", tmp_path) == "aplay (process 4711)"
    assert not holder_of(device, "capture", tmp_path)


def test_the_holder_of_another_card_is_not_named(tmp_path: Path) -> None:
    kernel_folder(tmp_path, owner=4711)
    assert not holder_of("hw:CARD=Headphones", "playback", tmp_path)
    assert not holder_of("hw:0", "playback", tmp_path)


def test_a_program_that_has_just_gone_or_is_this_one_is_described_as_such(tmp_path: Path) -> None:
    kernel_folder(tmp_path, owner=4711)
    assert holder_of("default", "playback", tmp_path) == "a program (process 4711)"
    (tmp_path / "asound" / "card1" / "pcm0p" / "sub0" / "status").write_text(f"owner_pid : {os.getpid()}\n")
    assert holder_of("default", "playback", tmp_path) == f"this program itself (process {os.getpid()})"


def test_nobody_holds_a_card_that_is_closed_or_not_the_kernels(tmp_path: Path) -> None:
    kernel_folder(tmp_path, owner=None)
    assert not holder_of("default", "playback", tmp_path)
    assert not holder_of("default", "playback", tmp_path / "nothing")


class FakeControl:
    """A mixer control as alsaaudio shows it, of a card that has Mic (capture), Beep (a switch) and Speaker."""

    set_to: int | None = None
    broken = False

    def __init__(self, control: str, device: str) -> None:
        if self.broken:
            raise alsaaudio.ALSAAudioError("No such device [hw:1]")
        assert device == "hw:1"
        self._control = control

    def volumecap(self) -> list[str]:
        return {"Mic": ["Capture Volume"], "Master": [], "Speaker": ["Playback Volume"]}[self._control]

    def setvolume(self, percent: int, pcmtype: int) -> None:
        assert pcmtype == alsaaudio.PCM_PLAYBACK
        type(self).set_to = percent

    def close(self) -> None:
        pass


@pytest.fixture
def fake_mixer(monkeypatch: pytest.MonkeyPatch) -> type[FakeControl]:
    fake = type("Control", (FakeControl,), {})
    names = SimpleNamespace(
        mixers=lambda device: ["Mic", "Master", "Speaker"] if device == "hw:1" else [],
        Mixer=fake,
        ALSAAudioError=alsaaudio.ALSAAudioError,
        PCM_PLAYBACK=alsaaudio.PCM_PLAYBACK,
    )
    monkeypatch.setattr(mixer_module, "alsaaudio", names)
    return fake


def test_the_playback_volume_of_the_card_behind_the_name_is_found_and_set(fake_mixer: type[FakeControl]) -> None:
    mixer = find_mixer(Negotiated("plughw:CARD=USB", OWN_FORMAT, 240, 960, card_number=1))
    assert mixer is not None
    assert mixer.control == "Speaker"
    assert mixer.set_volume(70)
    assert fake_mixer.set_to == 70


def test_a_mixer_that_fails_is_done_without(fake_mixer: type[FakeControl]) -> None:
    mixer = find_mixer(Negotiated("plughw:CARD=USB", OWN_FORMAT, 240, 960, card_number=1))
    assert mixer is not None
    fake_mixer.broken = True
    assert not mixer.set_volume(70)
    assert find_mixer(Negotiated("plughw:CARD=USB", OWN_FORMAT, 240, 960, card_number=1)) is None


def test_a_card_without_a_mixer_has_none(plug_in: Callable[..., SimulatedCard]) -> None:
    plug_in()
    assert find_mixer(Negotiated("default", OWN_FORMAT, 240, 960, -1)) is None
    assert find_mixer(Negotiated("simcard", OWN_FORMAT, 240, 960, -1)) is None
