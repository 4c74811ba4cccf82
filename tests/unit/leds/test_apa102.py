from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from device_daemon.config.settings import Apa102
from device_daemon.errors import PinUnusable
from device_daemon.leds.apa102 import Strip, frame
from device_daemon.leds.lights import DARK, build

RED = (1.0, 0.0, 0.0)
SETTINGS = Apa102(count=3)


class Spi:
    """An SPI device that keeps what it is told, or fails as it is told to."""

    def __init__(self) -> None:
        self.opened: tuple[int, int] | None = None
        self.sent: list[bytes] = []
        self.refuses: OSError | None = None

    def open(self, bus: int, device: int) -> None:
        self.refuse()
        self.opened = (bus, device)

    def writebytes2(self, data: bytes) -> None:
        self.refuse()
        self.sent.append(data)

    def close(self) -> None:
        self.opened = None

    def refuse(self) -> None:
        if self.refuses is not None:
            raise self.refuses


@pytest.fixture
def spi(monkeypatch: pytest.MonkeyPatch) -> Spi:
    """The machine's SPI device."""
    device = Spi()
    monkeypatch.setitem(sys.modules, "spidev", SimpleNamespace(SpiDev=lambda: device))
    return device


def leds(data: bytes, count: int) -> list[tuple[int, ...]]:
    """Return brightness, blue, green and red of each LED."""
    return [(data[at] & 31, *data[at + 1 : at + 4]) for at in range(4, 4 + 4 * count, 4)]


def test_all_leds_get_the_colour_between_a_start_and_an_end() -> None:
    data = frame(RED, count=3, brightness=100)
    assert data[:4] == bytes(4)
    assert leds(data, 3) == [(31, 0, 0, 255)] * 3
    assert data[16:] == bytes(5)


@pytest.mark.parametrize("count", [1, 3, 16, 17, 64])
def test_the_last_led_gets_its_clock(count: int) -> None:
    clocks_after_the_leds = 8 * len(frame(RED, count, 100)[4 + 4 * count :])
    assert clocks_after_the_leds >= 32 + count / 2


@pytest.mark.parametrize(("brightness", "steps"), [(0, 0), (1, 1), (30, 10), (100, 31)])
def test_brightness_dims_and_only_none_is_dark(brightness: int, steps: int) -> None:
    assert leds(frame(RED, 1, brightness), 1) == [(steps, 0, 0, 255)]


def test_half_as_bright_to_the_eye_is_less_than_half_the_light() -> None:
    ((_, _, _, red),) = leds(frame((0.5, 0.0, 0.0), 1, 100), 1)
    assert 40 < red < 70


def test_a_strip_shows_a_colour_and_lets_go_of_its_device(spi: Spi) -> None:
    strip = build(Apa102(count=2, bus=1, device=1, brightness=100))
    assert spi.opened == (1, 1)
    strip.write(RED)
    strip.write(DARK)
    assert [leds(data, 2) for data in spi.sent] == [[(31, 0, 0, 255)] * 2, [(31, 0, 0, 0)] * 2]
    strip.close()
    assert spi.opened is None


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (FileNotFoundError(2, "No such file"), "/dev/spidev0.0 does not exist: put dtparam=spi=on"),
        (PermissionError(13, "Permission denied"), "add it to the group spi"),
        (OSError(22, "Invalid argument"), r"cannot be opened \(Invalid argument\)"),
    ],
)
def test_a_device_that_cannot_be_had_says_what_to_do(spi: Spi, error: OSError, mend: str) -> None:
    spi.refuses = error
    with pytest.raises(PinUnusable, match=f"^apa102 on SPI 0.0: .*{mend}"):
        Strip(SETTINGS)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "spidev", missing)
    with pytest.raises(PinUnusable, match="sudo apt install python3-spidev"):
        Strip(SETTINGS)


def test_a_strip_that_fails_in_use_is_named(spi: Spi) -> None:
    strip = Strip(SETTINGS)
    spi.refuses = OSError(5, "Input/output error")
    with pytest.raises(PinUnusable, match=r"apa102 on SPI 0.0: stopped working .*Input/output error.*") as caught:
        strip.write(RED)
    assert caught.value.device == "apa102 on SPI 0.0"
