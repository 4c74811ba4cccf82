"""Board checks: model, pins, power, temperature."""

from pathlib import Path

import pytest

from device_daemon.doctor.board import Board, gpio_chip_finding, power, temperature
from device_daemon.doctor.findings import Finding, Status
from device_daemon.system.gpio_chip import Chip


def board(folder: Path, model: str, throttled: str = "0", temperature_mc: str = "48000") -> Board:
    """A board of which these files are known."""
    for name, text in {
        "proc/device-tree/model": f"{model}\0",
        "sys/devices/platform/soc/soc:firmware/get_throttled": f"{throttled}\n",
        "sys/class/thermal/thermal_zone0/temp": f"{temperature_mc}\n",
        "dev/gpiochip0": "",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Board(folder)


async def findings(board: Board) -> dict[str, Finding]:
    return {finding.name: finding async for finding in board.check()}


async def test_a_pi_reports_its_model_its_power_and_its_temperature(tmp_path: Path) -> None:
    found = await findings(board(tmp_path, "Raspberry Pi 4 Model B Rev 1.5", throttled="50005"))
    assert "Raspberry Pi 4 Model B Rev 1.5" in found["board"].what
    assert found["power"].status is Status.FAILED
    assert found["power"].measured == {"throttled": 0x50005}
    assert found["temperature"].what == "48 °C"
    assert "gpio access" not in found


async def test_any_other_machine_is_no_failure(tmp_path: Path) -> None:
    found = await findings(Board(tmp_path))
    assert list(found) == ["board"]
    assert "no Raspberry Pi" in found["board"].what


async def test_pins_that_this_user_may_not_use_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root, as whom tests may run, may use all
    found = await findings(board(tmp_path, "Raspberry Pi 4 Model B"))
    assert found["gpio access"].remedy.startswith("sudo usermod -aG gpio")


@pytest.mark.parametrize(
    ("labels", "status", "words"),
    [
        ({0: "pinctrl-bcm2711"}, Status.OK, "gpiochip0 has the header's pins"),
        ({10: "brcmvirt", 11: "pinctrl-rp1"}, Status.OK, "gpiochip11 has the header's pins"),
        ({0: "brcmvirt"}, Status.FAILED, "none has the header's pins: gpiochip0 is brcmvirt"),
        ({}, Status.FAILED, "none can be read"),
    ],
)
def test_the_chip_of_the_header_is_found_by_its_label_whatever_its_number(
    labels: dict[int, str], status: Status, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_daemon.system.gpio_chip.lgpio_is_installed", lambda: False)
    finding = gpio_chip_finding([Chip(number, label) for number, label in labels.items()])
    assert (finding.name, finding.status) == ("gpio chip", status)
    assert words in finding.what


def test_only_the_pi_5_needs_lgpio(tmp_path: Path) -> None:
    assert board(tmp_path, "Raspberry Pi 5 Model B Rev 1.0").needs_lgpio
    assert not board(tmp_path, "Raspberry Pi 4 Model B Rev 1.5").needs_lgpio
    assert not Board(tmp_path / "none").needs_lgpio


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (0x0, Status.OK, "enough"),
        (0x1, Status.FAILED, "under-voltage now"),
        (0x50005, Status.FAILED, "under-voltage now"),
        (0x4, Status.FAILED, "too hot"),
        (0x50000, Status.NOTE, "at some time"),
        (0x80000, Status.NOTE, "heat at some time"),
        (None, Status.SKIPPED, "no flags"),
    ],
)
def test_the_firmwares_flags_are_put_into_words(flags: int | None, status: Status, words: str) -> None:
    finding = power(flags)
    assert finding.status is status
    assert words in finding.what
    assert bool(finding.remedy) is (status is not Status.OK)


def test_heat_is_reported_before_it_slows_the_board_down() -> None:
    assert temperature(60.0).status is Status.OK
    assert temperature(81.0).status is Status.NOTE
    assert temperature(None).status is Status.SKIPPED
