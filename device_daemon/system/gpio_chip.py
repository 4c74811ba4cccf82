"""Finds the GPIO chip of a Raspberry Pi's header by its label, and checks that lgpio is the real library.

gpiozero opens /dev/gpiochip0, or 4 on a Pi 5. Kernels number the chips otherwise, too: 11 to 15 on some Pi 5.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import re
import struct
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

DEVICES: Final = Path("/dev")
HEADER_LABELS: Final = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835", "pinctrl-bcm")
"""The chip with the 40-pin header, best first: Pi 5; Pi 4; Pi Zero, 1, 2 and 3; any other of Broadcom's."""
DUMMY_LGPIO: Final = (
    "the installed lgpio is an empty package (0.0.0.2): `apt install python3-lgpio`, in a virtual environment that is"
    " made with --system-site-packages"
)
_GPIO_GET_CHIPINFO_IOCTL: Final = 0x8044B401
_CHIP_INFO: Final = struct.Struct("=32s32sI")
"""struct gpiochip_info of linux/gpio.h: name, label, lines."""


class Chip(Struct, frozen=True):
    """A /dev/gpiochipN."""

    number: int
    label: str


def label_of(chip_info: bytes) -> str:
    """Return the label out of a `struct gpiochip_info`."""
    _name, label, _lines = _CHIP_INFO.unpack(chip_info)
    return bytes(label).rstrip(b"\0").decode(errors="replace")


def chips(devices: Path = DEVICES) -> list[Chip]:
    """Return the GPIO chips that this user may open; a link to one (gpiochip4 on newer kernels) counts once."""
    found = {path.resolve() for path in devices.glob("gpiochip*")}
    return sorted(_read(found), key=lambda chip: chip.number)


def header_chip(found: list[Chip]) -> int | None:
    """Return the number of the chip with the header's pins, None where there is none."""
    for wanted in HEADER_LABELS:
        for chip in found:
            if chip.label.startswith(wanted):
                return chip.number
    return None


def is_dummy(lgpio: Any) -> bool:
    """Whether a module named lgpio is the placeholder that PyPI has for Python 3.13 and later."""
    return not hasattr(lgpio, "gpiochip_open")


def lgpio_is_installed() -> bool:
    """Whether there is any lgpio, without importing it."""
    return find_spec("lgpio") is not None


def lgpio_is_dummy() -> bool:
    """Whether the installed lgpio, which is imported, is that placeholder."""
    if not lgpio_is_installed():
        return False
    place_lgpio_files()
    return is_dummy(importlib.import_module("lgpio"))


def place_lgpio_files() -> None:
    """Give lgpio a folder for its notification files (.lgd-nfy*); must run before anything imports it.

    It makes them where it runs, which may well be a read-only folder, or one of the owner's.
    """
    runtime_dir = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or os.environ.get("XDG_RUNTIME_DIR")
    os.environ.setdefault("LG_WD", runtime_dir or tempfile.gettempdir())


def _read(paths: set[Path]) -> Iterator[Chip]:
    for path in paths:
        number = re.fullmatch(r"gpiochip(\d+)", path.name)
        if number is None:
            continue
        try:
            with path.open("rb") as device:
                info = fcntl.ioctl(device, _GPIO_GET_CHIPINFO_IOCTL, bytes(_CHIP_INFO.size))
        except OSError:
            continue
        yield Chip(int(number[1]), label_of(info))
