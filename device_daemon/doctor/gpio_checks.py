"""GPIO checks: the pin library, each light in turn, the mute switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Final

from device_daemon.config.settings import Apa102, ButtonTrigger, Config, Led, Light, MotionTrigger, PwmLed, RgbLed
from device_daemon.doctor import remedies
from device_daemon.doctor.board import Board
from device_daemon.doctor.findings import Finding, failed, note, ok, skipped
from device_daemon.doctor.person import Person
from device_daemon.doctor.runner import Check, in_thread
from device_daemon.errors import PinUnusable
from device_daemon.leds.lights import DARK, Lamp, build
from device_daemon.leds.patterns import COLOURS, Colour
from device_daemon.system.gpio import describe, take
from device_daemon.triggers.contact import is_closed

BLINK_S: Final = 0.4
_LIBRARIES: Final = {
    "LGPIOFactory": "lgpio",
    "RPiGPIOFactory": "RPi.GPIO",
    "PiGPIOFactory": "pigpio",
    "NativeFactory": "gpiozero's own",
    "MockFactory": "mock",
}
MOCK_PINS: Final = "mock pins: no light is switched and no button is read"
_MOCK_REMEDY: Final = "unset GPIOZERO_PIN_FACTORY"


def describe_light(light: Light) -> str:
    """Return the name that the log uses, too: "led on pin 25"."""
    if isinstance(light, Apa102):
        return f"apa102 on SPI {light.bus}.{light.device}"
    return describe(str(light.__struct_config__.tag), _pins_of_light(light))


def pins_of(config: Config) -> Iterator[tuple[str, int]]:
    """Yield each pin of the config with its use."""
    for trigger in config.triggers:
        if isinstance(trigger, ButtonTrigger):
            yield "button", trigger.pin
        elif isinstance(trigger, MotionTrigger):
            yield "motion sensor", trigger.pin
    for light in config.lights:
        for pin in _pins_of_light(light):
            yield str(light.__struct_config__.tag), pin
    if config.mute.switch_pin is not None:
        yield "mute switch", config.mute.switch_pin


async def check_gpio_library(config: Config, board: Board) -> Check:
    """Whether a GPIO library works, and whether it fits this board. Raises PinUnusable."""
    owner, pin = next(pins_of(config), ("", -1))
    if pin < 0:
        yield skipped("gpio", "the config uses no pins")
        return
    yield judge_library(await in_thread(partial(take, owner, (pin,), _factory_name)), board)


def judge_library(factory: str, board: Board) -> Finding:
    """The finding about gpiozero's pin factory on a board."""
    library = _LIBRARIES.get(factory, factory)
    if "Mock" in factory:
        return note("gpio", MOCK_PINS, _MOCK_REMEDY)
    if library == "lgpio":
        return ok("gpio", f"pins by {library}")
    if board.needs_lgpio:
        return failed("gpio", f"{library} does not work on a {board.model}", remedies.GET_LGPIO)
    return note("gpio", f"pins by {library}; this speaker is tested with lgpio", remedies.GET_LGPIO)


async def check_light(
    light: Light, person: Person, build: Callable[[Light], Lamp] = build, blink_s: float = BLINK_S
) -> Check:
    """Blink a light in each of its colours and ask whether it was seen. Raises PinUnusable."""
    name = describe_light(light)
    try:
        lamp = build(light)
    except PinUnusable as error:
        if not isinstance(light, Apa102):
            raise
        yield failed(name, error.message, remedies.enable_spi(light.bus, light.device))
        return
    try:
        person.instruct(f"look at the {name}: it blinks now")
        for colour in _colours(light):
            lamp.write(colour)
            await asyncio.sleep(blink_s)
            lamp.write(DARK)
            await asyncio.sleep(blink_s / 2)
    finally:
        lamp.close()
    match await person.confirm(f"did you see the {name} blink?"):
        case True:
            yield ok(name, "seen")
        case False:
            yield failed(name, "switched on and off, but not seen", _not_seen_remedy(light))
        case _:
            yield ok(name, "switched on and off")


async def check_mute_switch(pin: int) -> Check:
    """Read the mute switch. Raises PinUnusable."""
    name = describe("mute switch", (pin,))
    if is_closed("mute switch", pin, active_high=False):
        yield note(name, "on: the microphone stays closed", "turn the switch")
    else:
        yield ok(name, "off")


def _factory_name(gpiozero: ModuleType) -> str:
    return type(gpiozero.Device.pin_factory).__name__


def _pins_of_light(light: Light) -> tuple[int, ...]:
    match light:
        case Led(pin=pin) | PwmLed(pin=pin):
            return (pin,)
        case RgbLed():
            return (light.red, light.green, light.blue)
        case Apa102():
            return ()


def _not_seen_remedy(light: Light) -> str:
    if isinstance(light, Apa102):
        return "check its plug, and count: and brightness: in the config"
    return f"check its wires and its resistor, or set active_high: {str(not light.active_high).lower()} in the config"


def _colours(light: Light) -> tuple[Colour, ...]:
    if isinstance(light, Led | PwmLed):
        return (COLOURS["white"], COLOURS["white"])
    return ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
