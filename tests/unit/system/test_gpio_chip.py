"""Which chip has the header's pins, whatever number the kernel gave it."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import gpiozero
import pytest

from device_daemon.errors import PinUnusable
from device_daemon.system import gpio_chip
from device_daemon.system.gpio import take
from device_daemon.system.gpio_chip import Chip, header_chip, is_dummy, label_of

PI_5 = ["pinctrl-rp1", "gpio-brcmstb@107d508500", "gpio-brcmstb@107d517c00", "gpio-brcmstb@107d508520"]


def test_on_a_pi_5_the_header_is_found_by_its_label_on_either_numbering() -> None:
    assert header_chip([Chip(number, label) for number, label in zip((0, 10, 11, 12), PI_5, strict=True)]) == 0
    assert header_chip([Chip(number, label) for number, label in zip((15, 11, 12, 13), PI_5, strict=True)]) == 15
    assert header_chip([Chip(number, label) for number, label in zip((4, 0, 1, 2), PI_5, strict=True)]) == 4


@pytest.mark.parametrize("label", ["pinctrl-bcm2711", "pinctrl-bcm2835"])
def test_on_older_boards_the_header_is_beside_the_expander(label: str) -> None:
    assert header_chip([Chip(0, label), Chip(1, "raspberrypi-exp-gpio")]) == 0
    assert header_chip([Chip(0, "raspberrypi-exp-gpio"), Chip(1, label)]) == 1


def test_a_machine_without_a_header_has_no_such_chip() -> None:
    assert header_chip([]) is None
    assert header_chip([Chip(0, "INT34C5:00")]) is None


def test_a_label_is_read_from_what_the_kernel_answers() -> None:
    assert label_of(struct.pack("=32s32sI", b"gpiochip0", b"pinctrl-rp1", 54)) == "pinctrl-rp1"


def test_the_placeholder_on_pypi_is_no_lgpio() -> None:
    assert is_dummy(ModuleType("lgpio"))
    assert not is_dummy(SimpleNamespace(gpiochip_open=lambda _chip: 0))


def test_lgpio_leaves_its_files_in_a_folder_for_them_whoever_imports_it_first(tmp_path: Path) -> None:
    (tmp_path / "lgpio.py").write_text("import os\nprint(os.environ['LG_WD'])\n")
    program = "from device_daemon.system.gpio_chip import lgpio_is_dummy\nprint(lgpio_is_dummy())"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
        "RUNTIME_DIRECTORY": "/run/x",
    }
    environment.pop("LG_WD", None)
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["/run/x", "True"]


def test_a_placeholder_for_lgpio_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    placeholder: Any = ModuleType("lgpio")
    placeholder.__spec__ = SimpleNamespace(name="lgpio")
    monkeypatch.setitem(sys.modules, "lgpio", placeholder)
    for library in ("RPi", "pigpio"):
        monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: (_ for _ in ()).throw(OSError("no Pi")))
    with pytest.raises(PinUnusable, match=r"0\.0\.0\.2.*apt install python3-lgpio"):
        take("led", (17,), lambda library: library.LED(17))
    assert gpio_chip.lgpio_is_installed()
