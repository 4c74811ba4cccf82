"""What is on GPIO pins and opens nothing: the library that drives them, each light in turn, the mute switch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Final

from device_daemon.config.settings import Apa102, ButtonTrigger, Config, Led, Light, MotionTrigger, PwmLed, RgbLed
from device_daemon.doctor import remedies
from device_daemon.doctor.board import Board
from device_daemon.doctor.findings import failed, note, ok, skipped
from device_daemon.doctor.person import Person
from device_daemon.doctor.runner import Check, in_thread
from device_daemon.errors import PinUnusable
from device_daemon.leds.lights import DARK, build
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
_MOCK_MEND: Final = "unset GPIOZERO_PIN_FACTORY"


def describe_light(light: Light) -> str:
    """Return what the log calls it, too: "led on pin 25"."""
    if isinstance(light, Apa102):
        return f"apa102 on SPI {light.bus}.{light.device}"
    return describe(str(light.__struct_config__.tag), _pins_of_light(light))


def pins_of(config: Config) -> Iterator[tuple[str, int]]:
    """Each pin that the config uses, with what for."""
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


async def look_at_library(config: Config, board: Board) -> Check:
    """Whether there is a way to the pins, and whether it is the right one for this board."""
    owner, pin = next(pins_of(config), ("", -1))
    if pin < 0:
        yield skipped("gpio", "the config uses no pins")
        return
    factory = await in_thread(partial(take, owner, (pin,), lambda gpiozero: type(gpiozero.Device.pin_factory).__name__))
    library = _LIBRARIES.get(factory, factory)
    if "Mock" in factory:
        yield note("gpio", "pins are make-believe here: nothing lights and nothing is pressed", _MOCK_MEND)
    elif board.needs_lgpio and library != "lgpio":
        yield failed("gpio", f"{library} does not work on a {board.model}", remedies.GET_LGPIO)
    elif library != "lgpio":
        yield note(
            "gpio", f"pins by {library}; lgpio does more, and is what this speaker is tested with", remedies.GET_LGPIO
        )
    else:
        yield ok("gpio", f"pins by {library}")


async def look_at_light(light: Light, person: Person) -> Check:
    """Light it, in its colours one after the other, and have somebody look. Raises PinUnusable."""
    name = describe_light(light)
    try:
        lamp = build(light)
    except PinUnusable as error:
        if not isinstance(light, Apa102):
            raise
        yield failed(name, error.message, remedies.enable_spi(light.bus, light.device))
        return
    try:
        person.tell(f"look at the {name}: it blinks now")
        for colour in _colours(light):
            lamp.write(colour)
            await asyncio.sleep(BLINK_S)
            lamp.write(DARK)
            await asyncio.sleep(BLINK_S / 2)
    finally:
        lamp.close()
    match await person.confirms(f"did you see the {name} blink?"):
        case True:
            yield ok(name, "seen")
        case False:
            yield failed(name, "switched on and off, and not seen", _not_seen_mend(light))
        case _:
            yield ok(name, "switched on and off")


async def look_at_switch(pin: int) -> Check:
    """Read the mute switch. Raises PinUnusable."""
    name = describe("mute switch", (pin,))
    if is_closed("mute switch", pin, active_high=False):
        yield note(name, "is on: the microphone stays closed", "turn the switch")
    else:
        yield ok(name, "is off")


def _pins_of_light(light: Light) -> tuple[int, ...]:
    match light:
        case Led(pin=pin) | PwmLed(pin=pin):
            return (pin,)
        case RgbLed():
            return (light.red, light.green, light.blue)
        case Apa102():
            return ()


def _not_seen_mend(light: Light) -> str:
    if isinstance(light, Apa102):
        return "its plug; count: and brightness: in the config"
    return f"its wires and its resistor, or active_high: {str(not light.active_high).lower()} in the config"


def _colours(light: Light) -> tuple[Colour, ...]:
    if isinstance(light, Led | PwmLed):
        return (COLOURS["white"], COLOURS["white"])
    return ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
