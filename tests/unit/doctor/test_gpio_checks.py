"""Lights that are looked at, by a person who may be there, and what else is on pins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_daemon.config.settings import (
    Apa102,
    ButtonTrigger,
    Config,
    Led,
    Light,
    MotionTrigger,
    Mute,
    PwmLed,
    RgbLed,
    Service,
)
from device_daemon.doctor import gpio_checks
from device_daemon.doctor.board import Board
from device_daemon.doctor.findings import Finding, Status
from device_daemon.doctor.person import Nobody
from device_daemon.doctor.runner import Check
from device_daemon.errors import PinUnusable

BUTTON = ButtonTrigger(pin=17)
LIGHTS: list[Light] = [Led(pin=25), PwmLed(pin=12), RgbLed(red=5, green=6, blue=13)]


class Somebody:
    """A person who answers so, and does something when asked to."""

    present = True

    def __init__(self, answer: bool | None = None, does: Callable[[], None] = lambda: None) -> None:
        self._answer = answer
        self._does = does
        self.asked: list[str] = []

    def tell(self, line: str, /) -> None:
        self.asked.append(line)
        self._does()

    def meter(self, _level_dbfs: float, /) -> None: ...

    async def confirms(self, question: str, /) -> bool | None:
        self.asked.append(question)
        return self._answer


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_checks, "BLINK_S", 0.001)


async def found(check: Check) -> Finding:
    (finding,) = [finding async for finding in check]
    return finding


@pytest.mark.parametrize("light", LIGHTS)
async def test_each_light_is_switched_on_and_left_dark(light: Any, gpio: Any) -> None:
    finding = await found(gpio_checks.look_at_light(light, Nobody()))
    assert (finding.name, finding.status) == (gpio_checks.describe_light(light), Status.OK)
    pins = [gpio.pin(f"GPIO{getattr(light, name)}") for name in ("pin", "red", "green", "blue") if hasattr(light, name)]
    for pin in pins:
        assert max(state.state for state in pin.states) == 1
        assert not pin.state


@pytest.mark.parametrize(("answer", "status"), [(True, Status.OK), (False, Status.FAILED), (None, Status.OK)])
async def test_whether_it_shines_a_person_says(answer: bool | None, status: Status, gpio: Any) -> None:
    assert gpio
    person = Somebody(answer)
    finding = await found(gpio_checks.look_at_light(LIGHTS[0], person))
    assert finding.status is status
    assert person.asked == ["look at the led on pin 25: it blinks now", "did you see the led on pin 25 blink?"]


async def test_a_mute_switch_that_is_on_is_told(gpio: Any) -> None:
    assert (await found(gpio_checks.look_at_switch(22))).status is Status.OK
    gpio.pin("GPIO22").drive_low()
    gpio.pin("GPIO22")._set_pull = lambda _: None
    assert (await found(gpio_checks.look_at_switch(22))).status is Status.NOTE


async def test_the_library_is_judged_by_the_board(gpio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpio
    config = Config(Service(local=True), triggers=[BUTTON, MotionTrigger(pin=4)], lights=[*LIGHTS], mute=Mute(22))
    assert (
        await found(gpio_checks.look_at_library(Config(Service(local=True)), Board(tmp_path)))
    ).status is Status.SKIPPED
    assert (await found(gpio_checks.look_at_library(config, Board(tmp_path)))).status is Status.NOTE
    monkeypatch.setattr(gpio_checks, "take", lambda *_: "RPiGPIOFactory")
    assert (await found(gpio_checks.look_at_library(config, Board(tmp_path)))).status is Status.NOTE
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi 5 Model B\0", encoding="utf-8")
    on_a_5 = await found(gpio_checks.look_at_library(config, Board(tmp_path)))
    assert on_a_5.status is Status.FAILED
    assert on_a_5.mend == "sudo apt install python3-lgpio"
    monkeypatch.setattr(gpio_checks, "take", lambda *_: "LGPIOFactory")
    assert (await found(gpio_checks.look_at_library(config, Board(tmp_path)))).status is Status.OK
    assert len(list(gpio_checks.pins_of(config))) == 8


async def test_a_strip_whose_bus_is_not_there_is_told_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(_: object) -> None:
        raise PinUnusable("apa102 on SPI 0.1: /dev/spidev0.1 does not exist", "apa102")

    monkeypatch.setattr(gpio_checks, "build", build)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    finding = await found(gpio_checks.look_at_light(Apa102(count=3, device=1), Nobody()))
    assert finding.name == "apa102 on SPI 0.1"
    assert finding.mend == "sudo raspi-config nonint do_spi 0 && sudo reboot"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    finding = await found(gpio_checks.look_at_light(Apa102(count=3), Nobody()))
    assert finding.mend == "sudo apt install python3-spidev"
