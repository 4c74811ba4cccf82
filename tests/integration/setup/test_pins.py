"""Which pin is pressed."""

from __future__ import annotations

import asyncio

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from device_daemon.errors import PinUnusable
from device_daemon.setup.pins import FREE_PINS, pressed_pin


async def test_it_is_the_one_that_a_press_connects_to_ground(gpio: MockFactory) -> None:
    gpio.pin(5).drive_low()  # something that is closed all the time
    search = asyncio.create_task(pressed_pin(deadline_s=20))
    await until_open(gpio, 23)
    gpio.pin(23).drive_low()
    assert await search == 23


@pytest.mark.usefixtures("gpio")
async def test_without_a_press_it_is_none_and_every_pin_is_free_again() -> None:
    assert await pressed_pin(deadline_s=0.05) is None
    for pin in FREE_PINS:
        gpiozero.LED(pin).close()


@pytest.mark.usefixtures("gpio")
async def test_a_pin_that_something_else_holds_is_left_out() -> None:
    with gpiozero.LED(25):
        assert await pressed_pin([24, 25], deadline_s=0.05) is None
        with pytest.raises(PinUnusable):
            await pressed_pin([25], deadline_s=0.05)


async def until_open(gpio: MockFactory, pin: int) -> None:
    while gpio.pin(pin).pull != "up":  # noqa: ASYNC110 - a mock pin tells nobody
        await asyncio.sleep(0)
