"""GPIO checks: lights, with or without a person, the mute switch, the pin library."""

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
from device_daemon.leds.lights import Lamp

BUTTON = ButtonTrigger(pin=17)
LIGHTS: list[Light] = [Led(pin=25), PwmLed(pin=12), RgbLed(red=5, green=6, blue=13)]


class Somebody:
    """A person who gives this answer, and does something when asked to."""

    present = True

    def __init__(self, answer: bool | None = None, does: Callable[[], None] = lambda: None) -> None:
        self._answer = answer
        self._does = does
        self.asked: list[str] = []
        self.scores: list[float] = []

    def instruct(self, line: str, /) -> None:
        self.asked.append(line)
        self._does()

    def meter(self, _level_dbfs: float, /) -> None: ...

    def score(self, score: float, /) -> None:
        self.scores.append(score)

    async def confirm(self, question: str, /) -> bool | None:
        self.asked.append(question)
        return self._answer

    def close(self) -> None: ...


BLINK_S = 0.001


async def found(check: Check) -> Finding:
    (finding,) = [finding async for finding in check]
    return finding


@pytest.mark.parametrize("light", LIGHTS)
async def test_each_light_is_switched_on_and_left_dark(light: Any, gpio: Any) -> None:
    finding = await found(gpio_checks.check_light(light, Nobody(), blink_s=BLINK_S))
    assert (finding.name, finding.status) == (gpio_checks.describe_light(light), Status.OK)
    pins = [gpio.pin(f"GPIO{getattr(light, name)}") for name in ("pin", "red", "green", "blue") if hasattr(light, name)]
    for pin in pins:
        assert max(state.state for state in pin.states) == 1
        assert not pin.state


@pytest.mark.parametrize(("answer", "status"), [(True, Status.OK), (False, Status.FAILED), (None, Status.OK)])
async def test_a_person_says_whether_the_light_blinks(answer: bool | None, status: Status, gpio: Any) -> None:
    assert gpio
    person = Somebody(answer)
    finding = await found(gpio_checks.check_light(LIGHTS[0], person, blink_s=BLINK_S))
    assert finding.status is status
    assert person.asked == ["look at the led on pin 25: it blinks now", "did you see the led on pin 25 blink?"]


async def test_a_mute_switch_that_is_on_is_reported(gpio: Any) -> None:
    assert (await found(gpio_checks.check_mute_switch(22))).status is Status.OK
    gpio.pin("GPIO22").drive_low()
    gpio.pin("GPIO22")._set_pull = lambda _: None
    assert (await found(gpio_checks.check_mute_switch(22))).status is Status.NOTE


async def test_without_pins_in_the_config_no_library_is_needed(tmp_path: Path) -> None:
    finding = await found(gpio_checks.check_gpio_library(Config(Service(local=True)), Board(tmp_path)))
    assert finding.status is Status.SKIPPED


async def test_mock_pins_are_reported(gpio: Any, tmp_path: Path) -> None:
    assert gpio
    config = Config(Service(local=True), triggers=[BUTTON])
    finding = await found(gpio_checks.check_gpio_library(config, Board(tmp_path)))
    assert (finding.status, finding.remedy) == (Status.NOTE, "unset GPIOZERO_PIN_FACTORY")


def test_every_pin_of_the_config_is_known_with_its_use() -> None:
    config = Config(Service(local=True), triggers=[BUTTON, MotionTrigger(pin=4)], lights=[*LIGHTS], mute=Mute(22))
    assert sorted(pin for _, pin in gpio_checks.pins_of(config)) == [4, 5, 6, 12, 13, 17, 22, 25]


def test_the_library_has_to_fit_the_board(tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi 5 Model B\0", encoding="utf-8")
    pi_5, pc = Board(tmp_path), Board(tmp_path / "pc")
    assert gpio_checks.judge_library("LGPIOFactory", pi_5).status is Status.OK
    assert gpio_checks.judge_library("RPiGPIOFactory", pc).status is Status.NOTE
    refused = gpio_checks.judge_library("RPiGPIOFactory", pi_5)
    assert (refused.status, refused.remedy) == (Status.FAILED, "sudo apt install python3-lgpio")


@pytest.mark.parametrize(
    ("driver", "remedy"),
    [(True, "sudo raspi-config nonint do_spi 0 && sudo reboot"), (False, "sudo apt install python3-spidev")],
)
async def test_an_led_strip_without_its_bus_is_reported_with_the_remedy(
    driver: bool, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(_: Light) -> Lamp:
        raise PinUnusable("apa102 on SPI 0.1: /dev/spidev0.1 does not exist", "apa102")

    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if driver else None)
    finding = await found(gpio_checks.check_light(Apa102(count=3, device=1), Nobody(), build))
    assert (finding.name, finding.remedy) == ("apa102 on SPI 0.1", remedy)
