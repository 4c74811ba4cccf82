"""A strip of APA102 LEDs on SPI, all in one colour, as on the ReSpeaker HATs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from device_daemon.config.settings import Apa102
from device_daemon.errors import PinUnusable
from device_daemon.leds.patterns import Colour
from device_daemon.leds.pwm_led import duty_cycle

CLOCK_HZ = 1_000_000
"""Slow enough for long wires; 64 LEDs still take no more than 3 ms."""


def frame(colour: Colour, count: int, brightness: int) -> bytes:
    """Return what makes `count` LEDs show `colour`; `brightness` in per cent dims them all.

    32 zero bits begin it. Each LED takes 32 bits and passes the others on: 111, five bits of brightness, then blue,
    green, red. Each delays what it passes on by half a clock, so half a bit per LED is sent after them; and SK9822,
    which are sold as APA102, show nothing before another 32 zero bits.
    """
    red, green, blue = (round(255 * duty_cycle(level)) for level in colour)
    # Dimmed, and not dark: 1 % of 31 steps is none.
    steps = math.ceil(31 * brightness / 100)
    led = bytes((0b1110_0000 | steps, blue, green, red))
    return bytes(4) + led * count + bytes(4 + math.ceil(count / 16))


class Strip:
    """The strip. Raises PinUnusable if its SPI device cannot be opened."""

    def __init__(self, settings: Apa102) -> None:
        self._settings = settings
        self._name = f"apa102 on SPI {settings.bus}.{settings.device}"
        self._spi = self._opened()

    def write(self, colour: Colour) -> None:
        """Show the colour on all LEDs. Raises PinUnusable if the device fails."""
        with self._in_use():
            self._spi.writebytes2(frame(colour, self._settings.count, self._settings.brightness))

    def close(self) -> None:
        """Release the device. Raises PinUnusable if it fails."""
        with self._in_use():
            self._spi.close()

    def _opened(self) -> Any:
        try:
            import spidev  # noqa: PLC0415 - not a dependency: only a config with a strip needs it
        except ImportError as error:
            raise self._unusable("the library spidev is missing: `sudo apt install python3-spidev`") from error
        path = f"/dev/spidev{self._settings.bus}.{self._settings.device}"
        spi = spidev.SpiDev()
        try:
            spi.open(self._settings.bus, self._settings.device)
            spi.max_speed_hz = CLOCK_HZ
            spi.mode = 0
        except FileNotFoundError as error:
            remedy = "put dtparam=spi=on into /boot/firmware/config.txt and restart the Pi"
            raise self._unusable(f"{path} does not exist: {remedy}") from error
        except PermissionError as error:
            raise self._unusable(f"this user may not use {path}: add it to the group spi") from error
        except OSError as error:
            raise self._unusable(f"{path} cannot be opened ({error.strerror}): check the wiring") from error
        return spi

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unusable(f"stopped working ({error}): check its wiring; it is tried again") from error

    def _unusable(self, reason: str) -> PinUnusable:
        return PinUnusable(f"{self._name}: {reason}", self._name)
