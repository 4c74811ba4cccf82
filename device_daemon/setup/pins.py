"""Which pin a button is on: the one that changes when a person presses it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import ModuleType
from typing import Any, Final

from device_daemon.errors import PinUnusable
from device_daemon.system.gpio import in_use, take

FREE_PINS: Final = (4, 5, 6, 12, 13, 16, 17, 22, 23, 24, 25, 26, 27)
"""GPIO numbers that neither sound (I2S), I2C, SPI nor the serial console uses: those would stop working if they were read."""
PRESS_DEADLINE_S: Final = 20.0
_LOOK_S: Final = 0.01


async def pressed_pin(pins: Collection[int] = FREE_PINS, deadline_s: float = PRESS_DEADLINE_S) -> int | None:
    """Return the first pin that is connected to ground by a press; None if none is in time.

    Pins that something else holds are left out.

    Raises:
        PinUnusable: None of the pins can be opened.
    """
    loop = asyncio.get_running_loop()
    with _inputs(pins) as inputs:
        closed_before = {pin for pin, contact in inputs.items() if contact.is_active}
        until_s = loop.time() + deadline_s
        while loop.time() < until_s:
            with in_use("button", tuple(inputs)):
                closed = {pin for pin, contact in inputs.items() if contact.is_active}
            if new := closed - closed_before:
                return min(new)
            closed_before &= closed
            await asyncio.sleep(_LOOK_S)
    return None


def _input(pin: int, gpiozero: ModuleType) -> Any:
    return gpiozero.InputDevice(pin, pull_up=True)


@contextmanager
def _inputs(pins: Collection[int]) -> Iterator[dict[int, Any]]:
    with ExitStack() as opened:
        inputs: dict[int, Any] = {}
        refused: PinUnusable | None = None
        for pin in pins:
            try:
                contact = take("button", (pin,), partial(_input, pin))
            except PinUnusable as error:
                refused = error
                continue
            opened.callback(contact.close)
            inputs[pin] = contact
        if refused is not None and not inputs:
            raise refused
        yield inputs
