"""Opens GPIO pins through gpiozero; an error says what was tried and what to do.

Lights and triggers open their pins here, so that gpiozero is imported once, late, and always prepared the same way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib
import logging
import os
import re
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, TypeVar

from device_daemon.errors import PinUnusable
from device_daemon.system import gpio_chip

logger = logging.getLogger(__name__)

Taken = TypeVar("Taken")

_REMEDY = (
    "on a Raspberry Pi `apt install python3-lgpio` and add this user to group gpio;"
    " on a machine without GPIO set GPIOZERO_PIN_FACTORY=mock"
)

# struct gpio_v2_line_info of linux/gpio.h: name, consumer, offset, number of attributes, flags, attributes, padding
_LINE_INFO = struct.Struct("=32s32sIIQ160s16x")
_GPIO_V2_GET_LINEINFO_IOCTL = 0xC100B405


def take(owner: str, pins: Sequence[int], build: Callable[[ModuleType], Taken]) -> Taken:
    """Return what `build(gpiozero)` makes out of `pins` (BCM numbers).

    `owner` is what the pins are for, as the config calls it ("button", "rgb-led"). Raises PinUnusable, which says
    what was tried and what to do, whatever the pin library underneath raised.
    """
    named = describe(owner, pins)
    with warnings.catch_warnings(record=True) as fallbacks:
        warnings.simplefilter("always")
        # lgpio's own, which are about its build; one of them would else appear at the end of the program.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return build(_gpiozero())
        # lgpio.error and pigpio.error derive from Exception itself, and their modules need not be there to be named.
        except Exception as error:
            reason = _reason(error, pins, [str(fallback.message) for fallback in fallbacks])
            raise PinUnusable(f"{named}: {reason}", named) from error


@contextlib.contextmanager
def in_use(owner: str, pins: Sequence[int]) -> Iterator[None]:
    """Turn what a pin library raises while a pin is read or written into PinUnusable."""
    try:
        yield
    except PinUnusable:
        raise
    except Exception as error:
        named = describe(owner, pins)
        raise PinUnusable(f"{named} stopped working ({error}): check its wiring; it is tried again", named) from error


def describe(owner: str, pins: Sequence[int]) -> str:
    """Return "led on pin 25" or "rgb-led on pins 5, 6, 13"."""
    return f"{owner} on {'pin' if len(pins) == 1 else 'pins'} {', '.join(map(str, pins))}"


def _gpiozero() -> ModuleType:
    """Import gpiozero, its pin factory loaded."""
    gpio_chip.place_lgpio_files()
    if os.environ.get("GPIOZERO_PIN_FACTORY", "").lower() == "mock":
        # The plain mock pin cannot be dimmed: every config with a pwm-led would fail on a machine without GPIO.
        os.environ.setdefault("GPIOZERO_MOCK_PIN_CLASS", "mockpwmpin")
    import gpiozero  # noqa: PLC0415 - 22 ms (PC), 0.1 s (Pi Zero) of the start, and only a config with pins needs it

    if gpiozero.Device.pin_factory is None:
        gpiozero.Device.pin_factory = _factory_on_header()
        gpiozero.Device.ensure_pin_factory()
        logger.info("gpio pins by %s", type(gpiozero.Device.pin_factory).__name__)
    return gpiozero  # type: ignore[no-any-return] # an untyped module


def _factory_on_header() -> Any:
    """Return lgpio on the chip that has the header's pins; None leaves the choice to gpiozero."""
    chosen = os.environ.get("GPIOZERO_PIN_FACTORY", "lgpio").lower()
    chip = gpio_chip.header_chip(gpio_chip.chips())
    if chosen != "lgpio" or chip is None or not gpio_chip.lgpio_is_installed():
        return None
    try:
        return importlib.import_module("gpiozero.pins.lgpio").LGPIOFactory(chip=chip)
    except Exception as error:  # noqa: BLE001 - lgpio.error derives from Exception itself
        logger.debug("no lgpio on chip %d: %s", chip, error)  # gpiozero tries it again, and says what is wrong
        return None


def _reason(error: Exception, pins: Sequence[int], fallbacks: Sequence[str]) -> str:
    """Return why the pins cannot be opened and what to do, in one sentence."""
    kind = type(error).__name__
    if kind == "GPIOPinInUse":
        user = re.search(r"by <gpiozero\.(\w+)", str(error))
        return f"already used in this program by a {user[1] if user else 'device'}: give one of the two another pin"
    if "busy" in str(error).lower() or getattr(error, "errno", None) == errno.EBUSY:
        consumers = [name for pin in pins if (name := _consumer(pin))]
        by = f"held by {' and '.join(consumers)}" if consumers else "held by another program (`gpioinfo` says which)"
        return f"{by}: stop that, or choose another pin"
    if kind == "PinInvalidPin":
        return "this board has no such GPIO pin: choose one between 0 and 27 (BCM numbers)"
    if kind == "PinFixedPull":
        return (
            "a resistor on the board pulls this pin up: wire to ground with active_high: false, or choose another pin"
        )
    if kind == "PinPWMUnsupported":
        return f"{_factory_name()} cannot dim a light: `apt install python3-lgpio`, or use type: led"
    factory = os.environ.get("GPIOZERO_PIN_FACTORY")
    if not _factory_name() and gpio_chip.lgpio_is_dummy():
        return f"no way to GPIO pins on this machine: {gpio_chip.DUMMY_LGPIO}"
    if _factory_name():
        return f"{_factory_name()} refused it ({error}): check the wiring and the pin number"
    if factory:
        return f"GPIOZERO_PIN_FACTORY={factory} does not work here ({error}): unset it; {_REMEDY}"
    tried = "; ".join(
        re.sub(r"^Falling back from (\w+): (.*)$", r"\1: \2", line, flags=re.DOTALL) for line in fallbacks
    )
    return f"no way to GPIO pins on this machine (tried {tried}): {_REMEDY}"


def _factory_name() -> str:
    """Return the loaded pin factory's class name, "" if none could be loaded."""
    factory = _factory()
    return type(factory).__name__ if factory else ""


def _factory() -> Any:
    import gpiozero  # noqa: PLC0415 - see _gpiozero

    return gpiozero.Device.pin_factory


def _consumer(pin: int) -> str:
    """Return the name under which the kernel lists the holder of `pin`, "" if it does not say."""
    chip = getattr(_factory(), "chip", 0)
    request = _LINE_INFO.pack(b"", b"", pin, 0, 0, b"")
    try:
        with open(f"/dev/gpiochip{chip}", "rb") as device:  # noqa: PTH123 - a device node, not a file to read
            answer = fcntl.ioctl(device, _GPIO_V2_GET_LINEINFO_IOCTL, request)
    except OSError:
        return ""
    return consumer_of(answer)


def consumer_of(line_info: bytes) -> str:
    """Return the consumer out of a `struct gpio_v2_line_info`; its flag bit 0 says that the line is taken."""
    _name, consumer, _offset, _attributes, flags, _ = _LINE_INFO.unpack(line_info)
    return consumer.rstrip(b"\0").decode(errors="replace") if flags & 1 else ""
