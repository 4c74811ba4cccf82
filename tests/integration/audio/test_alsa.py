"""Opening cards: what is negotiated, what is said when it cannot be, and which devices there are."""

from __future__ import annotations

import errno
import math
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from device_daemon.audio.alsa import Direction, Negotiated, device_names, find_mixer, list_devices, open_stream
from device_daemon.audio.alsa.busy_owner import holder_of
from device_daemon.audio.alsa.devices import working_name, worth_naming
from device_daemon.audio.alsa.error_handler import forget_messages
from device_daemon.audio.alsa.levels import mixer_levels
from device_daemon.audio.alsa.libasound import STATE_SETUP, AlsaError
from device_daemon.audio.alsa.opening import choose, refusal
from device_daemon.audio.alsa.pcm_handle import PcmHandle
from device_daemon.audio.list_devices import report as list_devices_report
from device_daemon.audio.pcm import OWN_FORMAT, CardFormat, volume_gain
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


def test_a_card_that_refuses_the_rate_it_offers_says_so_and_is_taken_when_it_agrees(
    plug_in: Callable[..., SimulatedCard],
) -> None:
    card = plug_in()
    card.refuse()
    with pytest.raises(
        DeviceUnknown, match=r'the microphone "default" offers 24000 Hz and refuses it \(Invalid argument\)'
    ):
        open_stream("capture", "default", 10, 4)
    card.accept()
    open_stream("capture", "default", 10, 4).close()


def test_a_card_that_is_back_under_another_number_is_found_by_its_name_and_by_none_if_that_changed(
    plug_in: Callable[..., SimulatedCard],
) -> None:
    card = plug_in()
    open_stream("capture", "default", 10, 4).close()
    card.renumber()
    open_stream("capture", "default", 10, 4).close()
    card.rename("2")
    with pytest.raises(DeviceUnknown, match=r'no microphone "default": set .* to one of: simcard2, simplug2'):
        open_stream("capture", "default", 10, 4)


def test_a_card_that_is_unplugged_while_open_is_gone(plug_in: Callable[..., SimulatedCard]) -> None:
    card = plug_in()
    stream = open_stream("capture", "simcard", 10, 4)
    card.unplug()
    with pytest.raises(DeviceGone, match=r'the microphone "simcard" failed \(No such device\)'):
        stream.read()
    stream.close()


def test_a_stopped_card_is_made_ready_before_it_is_asked_for_room() -> None:
    # The kernel's drivers answer EBADFD otherwise, which looks like a card that failed. alsa-lib's own are more patient.
    card = PcmHandle("playback", "null")
    card.configure("S16_LE", 24_000, 1, 20, 4)
    card.write(bytes(960))
    card.drop()
    card.avail()
    assert card.state() != STATE_SETUP
    card.close()


def test_a_card_that_was_stopped_since_it_was_polled_has_not_failed(plug_in: Callable[..., SimulatedCard]) -> None:
    plug_in()
    stream = open_stream("playback", "simcard", 10, 4)
    stream.write(bytes(960))
    poll = select.poll()
    stream.register(poll)
    polled = poll.poll(5_000)
    assert polled
    stream.drop()  # somebody interrupts
    stream.ready(polled)
    stream.close()


def test_alsa_lib_does_not_write_to_stderr(
    plug_in: Callable[..., SimulatedCard], capfd: pytest.CaptureFixture[str]
) -> None:
    plug_in()
    with pytest.raises(DeviceUnknown):
        open_stream("playback", "hw:CARD=Nonesuch,DEV=7", 10, 4)
    assert capfd.readouterr().err == ""


class FakePcm(Struct):
    """What a hardware PCM answers about itself."""

    rates_hz: tuple[int, ...]
    sample_formats: tuple[str, ...]

    def has_rate(self, rate_hz: int) -> bool:
        return rate_hz in self.rates_hz

    def formats(self) -> list[str]:
        return list(self.sample_formats)


@pytest.mark.parametrize(
    ("rates_hz", "chosen_hz"),
    [
        ((24_000, 48_000), 24_000),
        ((32_000, 44_100, 48_000, 96_000), 48_000),
        ((44_100, 88_200), 44_100),
        ((16_000,), 16_000),
    ],
)
def test_of_several_rates_the_one_that_converts_best_is_taken(rates_hz: tuple[int, ...], chosen_hz: int) -> None:
    assert choose(FakePcm(rates_hz, ("S16_LE",)), "playback", "hw:0") == ("S16_LE", chosen_hz)


def test_a_card_with_32_bits_only_is_taken_and_one_with_24_is_led_to_a_name_that_converts() -> None:
    assert choose(FakePcm((48_000,), ("S32_LE",)), "capture", "hw:0") == ("S32_LE", 48_000)
    with pytest.raises(DeviceUnknown, match=r'has only S24_3LE samples: set audio\.microphone\.device to "plughw:0"'):
        choose(FakePcm((48_000,), ("S24_3LE",)), "capture", "hw:0")


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


def test_of_a_microphone_array_the_list_says_which_channel_is_heard(
    plug_in: Callable[..., SimulatedCard], tmp_path: Path
) -> None:
    plug_in(channels=6)
    listed = list_devices_report(tmp_path / "none.yaml")
    assert listed.count("channel 0 is heard") == 1, "of the microphone, once"
    assert "audio.microphone.channel: 0..5" in listed


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


OF_THE_CARD = Negotiated("default", OWN_FORMAT, 240, 960, -1)


@pytest.mark.parametrize(("percent", "decibels"), [(100, 0.0), (80, -5.8), (50, -18.1), (20, -41.9), (5, -78.1)])
def test_a_volume_is_as_loud_by_the_cards_mixer_as_by_scaled_samples(
    plug_in: Callable[..., SimulatedCard], percent: int, decibels: float
) -> None:
    card = plug_in(mixer=True)
    mixer = find_mixer(OF_THE_CARD)
    assert mixer is not None
    left = mixer.set_volume(percent)
    assert left is not None
    assert card.mixer_db + 20 * math.log10(left) == pytest.approx(decibels, abs=0.5)
    assert decibels == pytest.approx(20 * math.log10(volume_gain(percent)), abs=0.1)


def test_volume_0_is_silence(plug_in: Callable[..., SimulatedCard]) -> None:
    card = plug_in(mixer=True)
    mixer = find_mixer(OF_THE_CARD)
    assert mixer is not None
    assert mixer.set_volume(0) == 0.0
    assert card.mixer_db == -103.5


def test_a_card_that_is_switched_off_is_switched_on_with_its_volume(
    plug_in: Callable[..., SimulatedCard], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    card = plug_in(mixer=True)
    card.mixer_off = True
    mixer = find_mixer(OF_THE_CARD)
    assert mixer is not None
    mixer.set_volume(90)
    assert not card.mixer_off
    assert "mixer control Digital of default was switched off: it is on now" in caplog.messages


def test_a_mixer_that_fails_is_done_without(plug_in: Callable[..., SimulatedCard]) -> None:
    card = plug_in(mixer=True)
    mixer = find_mixer(OF_THE_CARD)
    assert mixer is not None
    card.lose_mixer()
    assert mixer.set_volume(70) is None
    assert find_mixer(OF_THE_CARD) is None


def test_a_card_without_a_mixer_has_none(plug_in: Callable[..., SimulatedCard]) -> None:
    plug_in()
    assert find_mixer(OF_THE_CARD) is None
    assert find_mixer(Negotiated("simcard", OWN_FORMAT, 240, 960, -1)) is None


def test_the_levels_of_a_card_are_those_of_its_mixer_in_the_direction_that_is_asked(
    plug_in: Callable[..., SimulatedCard],
) -> None:
    card = plug_in(mixer=True)
    assert list(map(str, mixer_levels(OF_THE_CARD, "playback"))) == ["Digital 33%"]
    assert mixer_levels(OF_THE_CARD, "capture") == []
    card.mixer_off = True
    assert list(map(str, mixer_levels(OF_THE_CARD, "playback"))) == ["Digital 33% off"]
    card.lose_mixer()
    assert mixer_levels(OF_THE_CARD, "playback") == []


def test_a_mixer_that_does_not_answer_at_once_is_left_alone(
    plug_in: Callable[..., SimulatedCard], caplog: pytest.LogCaptureFixture
) -> None:
    plug_in(mixer=True).be_slow(open_ms=300)
    assert find_mixer(OF_THE_CARD) is None
    assert "the mixer of default took 0.3 s to answer: it is left alone" in caplog.messages


def asound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes) -> Path:
    """Give the machine this configuration of alsa-lib."""
    path = tmp_path / "asound.conf"
    path.write_bytes(b"</usr/share/alsa/alsa.conf>\n" + text)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(path))
    return path


def test_names_that_are_not_utf_8_are_left_out_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = 'type null hint {{ show on description "{}" }}'
    text = f"""pcm.Küche {{ {described.format("Lautsprecher Küche")} }}
pcm.study {{ {described.format("für alle")} }}
""".encode("latin-1")
    asound(tmp_path, monkeypatch, text)
    assert "study" in device_names("playback")
    assert [name for name in device_names("playback") if "che" in name] == []
    with pytest.raises(DeviceUnknown, match=r"set audio\.speaker\.device to one of: default, study"):
        open_stream("playback", "plughw:CARD=Nonesuch", 10, 4)


@pytest.mark.parametrize("direction", BOTH)
def test_of_a_broken_configuration_alsa_libs_own_sentence_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: Direction
) -> None:
    path = asound(tmp_path, monkeypatch, b"pcm.!default {\n  type hw\n  card \n}\n")
    with pytest.raises(DeviceUnknown) as caught:
        open_stream(direction, "default", 10, 4)
    assert "alsa-lib cannot read its configuration (Invalid argument; _toplevel_:6:0:Unexpected char" in str(
        caught.value
    )
    assert f"; {path} may be old or corrupted" in str(caught.value)
    assert str(caught.value).endswith("correct the file that it names, or remove it")


def test_of_a_card_that_takes_iec958_only_a_name_is_advised_that_works() -> None:
    """As HDMI on a Raspberry Pi, whose plughw cannot be opened."""
    hdmi = "plughw:CARD=vc4hdmi0,DEV=0"
    assert working_name(hdmi, lambda name: name.startswith(("hdmi:", "sysdefault:"))) == "hdmi:CARD=vc4hdmi0,DEV=0"
    assert working_name(hdmi, lambda name: name.startswith("sysdefault:")) == "sysdefault:CARD=vc4hdmi0"
    assert working_name(hdmi, lambda _: True) == hdmi
    assert working_name(hdmi, lambda _: False) == hdmi
    assert working_name("kitchen", lambda _: False) == "kitchen"


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.EHOSTDOWN])
def test_a_default_that_is_a_sound_server_out_of_reach_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    asound(tmp_path, monkeypatch, b"pcm.study { type null hint { show on } }\n")
    forget_messages()
    refused = str(refusal("playback", "default", AlsaError(number, os.strerror(number))))
    assert refused.startswith('the speaker "default" is a sound server (PipeWire, PulseAudio) that does not answer')
    assert refused.endswith(
        "set audio.speaker.device to the card itself, one of: study; or share the card without it, as "
        "/usr/share/voicelive-speaker/boards/asound-shared.conf says"
    )


def test_the_ready_fragment_defines_a_shared_card_that_alsa_lib_understands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fragment = Path(__file__).parents[3] / "config" / "boards" / "asound-shared.conf"
    asound(tmp_path, monkeypatch, fragment.read_bytes())
    forget_messages()
    assert "shared" in device_names("playback")
    for direction in BOTH:
        with pytest.raises(DeviceUnknown) as refused:  # for want of the card only
            open_stream(direction, "shared", 10, 4)
        assert "No such device" in refused.value.message or "there is no" in refused.value.message
        assert "read its configuration" not in refused.value.message


def test_while_a_card_takes_its_time_other_threads_go_on(plug_in: Callable[..., SimulatedCard]) -> None:
    plug_in().be_slow(open_ms=300, params_ms=300)
    longest_s = 0.0
    opened = threading.Event()

    def watch() -> None:
        nonlocal longest_s
        last_s = time.monotonic()
        while not opened.is_set():
            time.sleep(0.001)
            last_s, longest_s = time.monotonic(), max(longest_s, time.monotonic() - last_s)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began_s = time.monotonic()
    open_stream("capture", "simcard", 10, 4).close()
    took_s = time.monotonic() - began_s
    opened.set()
    watcher.join()
    assert took_s >= 0.6
    assert longest_s < took_s / 3, "the interpreter was held"
