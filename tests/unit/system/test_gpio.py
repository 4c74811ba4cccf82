from __future__ import annotations

import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import gpiozero
import pytest

from device_daemon.errors import DeviceUnknown, PinUnusable
from device_daemon.system.gpio import consumer_of, in_use, take

pytestmark = pytest.mark.usefixtures("gpio")


def led(pin: int) -> Any:
    return take("led", (pin,), lambda library: library.LED(pin))


def line_info(consumer: bytes, flags: int) -> bytes:
    """Return what the kernel answers about a line: struct gpio_v2_line_info."""
    return struct.pack("=32s32sIIQ160s16x", b"GPIO17", consumer, 17, 0, flags, b"")


def test_a_pin_is_taken_and_works(gpio: Any) -> None:
    taken = led(17)
    taken.on()
    assert gpio.pin(17).state
    taken.close()


def test_an_unknown_pin_names_the_ones_there_are() -> None:
    with pytest.raises(PinUnusable, match=r"^led on pin 40: .* between 0 and 27"):
        led(40)


def test_a_pin_with_a_resistor_of_its_own_says_how_to_wire_it() -> None:
    with pytest.raises(PinUnusable, match="active_high: false"):
        take("button", (2,), lambda library: library.DigitalInputDevice(2, pull_up=False))


def test_a_pin_that_cannot_be_dimmed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from gpiozero.pins.mock import MockFactory, MockPin

    monkeypatch.setattr(gpiozero.Device, "pin_factory", MockFactory(pin_class=MockPin))
    with pytest.raises(PinUnusable, match=r"MockFactory cannot dim a light: .*python3-lgpio.*, or use type: led"):
        take("pwm-led", (17,), lambda library: library.PWMLED(17))


def test_a_pin_held_by_another_program_says_how_to_find_it() -> None:
    def busy(_library: ModuleType) -> None:
        raise OSError(16, "Device or resource busy")

    with pytest.raises(PinUnusable, match=r"^led on pin 17: held by another program \(`gpioinfo` says which\)"):
        take("led", (17,), busy)


def test_the_kernel_names_the_holder_of_a_taken_line_only() -> None:
    assert consumer_of(line_info(b"pigpiod", flags=0b101)) == "pigpiod"
    assert consumer_of(line_info(b"left over", flags=0b100)) == ""


def test_an_error_of_the_pin_library_itself_is_told_as_it_is() -> None:
    class LibraryError(Exception):
        """Like lgpio.error, which derives from Exception itself."""

    def fail(_library: ModuleType) -> None:
        raise LibraryError("bad GPIO flags")

    with pytest.raises(PinUnusable, match=r"MockFactory refused it \(bad GPIO flags\)"):
        take("led", (17,), fail)


def test_what_a_pin_library_says_about_its_own_build_is_not_for_owners(recwarn: pytest.WarningsRecorder) -> None:
    def fail(_library: ModuleType) -> None:
        warnings.warn("builtin type SwigPyObject has no __module__ attribute", DeprecationWarning, stacklevel=2)
        raise OSError(16, "Device or resource busy")

    with pytest.raises(PinUnusable) as caught:
        take("led", (17,), fail)
    assert "Swig" not in caught.value.message
    assert list(recwarn) == []


def test_a_pin_that_fails_in_use_is_named() -> None:
    taken = led(17)
    taken.close()
    with pytest.raises(PinUnusable, match="led on pin 17 stopped working") as caught, in_use("led", (17,)):
        taken.value = 1
    assert caught.value.device == "led on pin 17"


def test_a_pin_that_cannot_be_had_is_an_unknown_device_that_may_come_back() -> None:
    with pytest.raises(DeviceUnknown) as caught:
        led(40)
    assert caught.value.retry


def test_without_any_pin_factory_all_that_were_tried_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    # Should a Pi run this test, its factories must fail there too.
    for library in ("lgpio", "RPi", "pigpio"):
        monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: (_ for _ in ()).throw(OSError("no Pi")))
    with pytest.raises(PinUnusable) as caught:
        led(17)
    for said in (
        "led on pin 17",
        "lgpio: ",
        "rpigpio: ",
        "pigpio: ",
        "native: ",
        "python3-lgpio",
        "group gpio",
        "=mock",
    ):
        assert said in caught.value.message


def test_a_pin_factory_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "lpgio")
    with pytest.raises(PinUnusable, match=r"GPIOZERO_PIN_FACTORY=lpgio does not work here .*: unset it"):
        led(17)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"RUNTIME_DIRECTORY": "/run/one:/run/two", "XDG_RUNTIME_DIR": "/run/user/1"}, "/run/one"),
        ({"XDG_RUNTIME_DIR": "/run/user/1"}, "/run/user/1"),
        ({"LG_WD": "/elsewhere", "RUNTIME_DIRECTORY": "/run/one"}, "/elsewhere"),
        ({}, "/tmp"),
    ],
)
def test_lgpio_is_told_to_leave_its_files_where_they_may_be(
    environment: dict[str, str], expected: str, tmp_path: Path
) -> None:
    program = (
        "import os\n"
        "from device_daemon.system.gpio import take\n"
        "take('rgb-led', (5, 6, 13), lambda gpiozero: gpiozero.RGBLED(5, 6, 13)).color = (1, 0.5, 0)\n"
        "print(os.environ['LG_WD'])\n"
    )
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "HOME"}}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=kept | environment | {"GPIOZERO_PIN_FACTORY": "mock"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.strip() == expected, done.stderr
