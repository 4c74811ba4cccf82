"""Board checks: model, power supply, temperature."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from device_daemon.doctor import remedies
from device_daemon.doctor.findings import Finding, failed, note, ok, skipped
from device_daemon.doctor.programs import run
from device_daemon.doctor.runner import Check, in_thread
from device_daemon.system import gpio_chip

_FLAGS: Final = "sys/devices/platform/soc/soc:firmware/get_throttled"
_HOT_C: Final = 80.0

_UNDER_VOLTAGE: Final = 0x1
_TOO_HOT: Final = 0x2 | 0x4 | 0x8  # frequency capped, throttled, soft temperature limit
_SINCE_BOOT: Final = 16
"""The same flags shifted by so many bits: it happened at some time since boot."""
_POWER_REMEDY: Final = "a power supply made for this board, on a short thick cable, with less on its USB sockets"
_HEAT_REMEDY: Final = "a heat sink or a fan, and a case with holes"


class Board(Struct, frozen=True):
    """The board whose files are under `root`."""

    root: Path = Path("/")

    @property
    def model(self) -> str:
        """The model from the device tree, "" where there is none (a PC)."""
        try:
            return (self.root / "proc/device-tree/model").read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return ""

    @property
    def is_pi(self) -> bool:
        """Whether it is a Raspberry Pi."""
        return "Raspberry Pi" in self.model

    @property
    def needs_lgpio(self) -> bool:
        """Whether its pins are on a chip (RP1) that the older GPIO libraries do not know."""
        return "Raspberry Pi 5" in self.model or "Raspberry Pi Compute Module 5" in self.model

    async def check(self) -> Check:
        """Model, access to pins, power and temperature."""
        machine = platform.machine()
        yield ok("board", f"{self.model or 'no Raspberry Pi'}, {machine}, Linux {platform.release()}")
        if self.is_pi and machine not in {"aarch64", "arm64"}:
            yield note("system", f"{machine} is a 32-bit system, which is not tested", "install 64-bit Raspberry Pi OS")
        chips = sorted((self.root / "dev").glob("gpiochip*"))
        shut = [chip for chip in chips if not os.access(chip, os.R_OK | os.W_OK)]
        if chips and len(shut) == len(chips):
            yield failed("gpio access", f"this user may not use {shut[0]}", remedies.join("gpio"))
        if self.is_pi and len(shut) < len(chips):
            yield gpio_chip_finding(await in_thread(partial(gpio_chip.chips, self.root / "dev")))
        if self.is_pi:
            yield power(await in_thread(self._flags))
        celsius = self._celsius()
        if self.is_pi or celsius is not None:
            yield temperature(celsius)

    def _flags(self) -> int | None:
        try:
            return int((self.root / _FLAGS).read_text(encoding="ascii"), 16)
        except (OSError, ValueError):
            pass
        try:
            return int(run("vcgencmd", "get_throttled").stdout.partition("=")[2], 16)
        except (OSError, ValueError):
            return None

    def _celsius(self) -> float | None:
        try:
            return int((self.root / "sys/class/thermal/thermal_zone0/temp").read_text(encoding="ascii")) / 1000
        except (OSError, ValueError):
            return None


def gpio_chip_finding(chips: Sequence[gpio_chip.Chip]) -> Finding:
    """Whether one of the GPIO chips has the header's pins, and lgpio is more than the placeholder of that name."""
    number = gpio_chip.header_chip(list(chips))
    labels = ", ".join(f"gpiochip{chip.number} is {chip.label}" for chip in chips)
    if number is None:
        return failed("gpio chip", f"none has the header's pins: {labels or 'none can be read'}", "gpiodetect")
    if gpio_chip.lgpio_is_dummy():
        return failed("gpio chip", gpio_chip.DUMMY_LGPIO, remedies.GET_LGPIO)
    return ok("gpio chip", f"gpiochip{number} has the header's pins ({labels})")


def power(flags: int | None) -> Finding:
    """The meaning of the firmware's get_throttled flags."""
    if flags is None:
        return skipped("power", "the firmware reports no flags", "sudo vcgencmd get_throttled")
    before = flags >> _SINCE_BOOT
    measured = {"throttled": float(flags)}
    if flags & _UNDER_VOLTAGE:
        return failed("power", "under-voltage now: sound crackles and the SD card fails", _POWER_REMEDY, **measured)
    if flags & _TOO_HOT:
        return failed("power", "throttled now: it is too hot", _HEAT_REMEDY, **measured)
    if before & _UNDER_VOLTAGE:
        return note("power", "under-voltage at some time since boot", _POWER_REMEDY, **measured)
    if before & _TOO_HOT:
        return note("power", "throttled by heat at some time since boot", _HEAT_REMEDY, **measured)
    return ok("power", "enough, ever since boot", **measured)


def temperature(celsius: float | None) -> Finding:
    """The meaning of the processor's temperature."""
    if celsius is None:
        return skipped("temperature", "this machine has no sensor")
    if celsius >= _HOT_C:
        return note("temperature", f"{celsius:.0f} °C: it slows down soon", _HEAT_REMEDY, celsius=celsius)
    return ok("temperature", f"{celsius:.0f} °C", celsius=celsius)
