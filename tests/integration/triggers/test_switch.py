from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import gpiozero
import pytest

from device_daemon.errors import PinUnusable
from device_daemon.triggers.switch import SETTLE_S, Switch

pytestmark = pytest.mark.usefixtures("gpio")

PATIENCE_S = 5.0


class Bench:
    """A mute switch on pin 5 and a queue of what it reports."""

    def __init__(self, gpio: Any) -> None:
        self.pin = gpio.pin(5)
        self.reported: asyncio.Queue[bool] = asyncio.Queue()
        self.switch: Switch | None = None

    def build(self, settle_s: float = SETTLE_S) -> Switch:
        self.switch = Switch(5, loop=asyncio.get_running_loop(), on_change=self.reported.put_nowait, settle_s=settle_s)
        return self.switch

    def wire_to_ground(self) -> None:
        """Close the switch before the program starts: the pull-up cannot lift the pin then."""
        self.pin._set_pull = lambda _pull: None
        self.pin._state = False

    async def hears(self) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reported.get()


@pytest.fixture
def bench(gpio: Any) -> Iterator[Bench]:
    bench = Bench(gpio)
    yield bench
    if bench.switch:
        bench.switch.close()


async def test_moving_the_switch_is_reported_both_ways(bench: Bench) -> None:
    switch = bench.build()
    assert not switch.on
    bench.pin.drive_low()
    assert await bench.hears() is True
    assert switch.on
    bench.pin.drive_high()
    assert await bench.hears() is False
    assert not switch.on


async def test_a_switch_that_is_on_from_the_start_is_on_without_being_moved(bench: Bench) -> None:
    bench.wire_to_ground()
    assert bench.build().on
    bench.pin.drive_high()
    assert await bench.hears() is False


async def test_bounces_count_as_one_change(bench: Bench) -> None:
    bench.build()
    for _ in range(5):
        bench.pin.drive_low()
        bench.pin.drive_high()
    bench.pin.drive_low()
    assert await bench.hears() is True
    assert bench.reported.empty()


async def test_the_position_counts_only_once_the_contact_is_quiet(bench: Bench) -> None:
    bench.build(settle_s=0.3)
    for _ in range(20):  # goes on for longer than that, with pauses much shorter
        bench.pin.drive_low()
        await asyncio.sleep(0.01)
        bench.pin.drive_high()
        await asyncio.sleep(0.01)
    bench.pin.drive_low()
    assert await bench.hears() is True
    assert bench.reported.empty()


async def test_a_bounce_back_to_where_it_was_is_no_change(bench: Bench) -> None:
    bench.build()
    bench.pin.drive_low()
    bench.pin.drive_high()
    bench.pin.drive_low()
    bench.pin.drive_high()
    await asyncio.sleep(0.1)  # nothing must come, so there is nothing to wait for
    assert bench.reported.empty()


async def test_a_switch_that_can_no_longer_be_read_counts_as_on(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    switch = bench.build()
    bench.pin.drive_low()
    bench.pin.drive_high()
    switch._contact._input.close()  # as if the pin had been taken away
    assert await bench.hears() is True
    assert "mute switch on pin 5 stopped working" in caplog.text


async def test_after_closing_nothing_is_reported_and_the_pin_is_free(bench: Bench) -> None:
    switch = bench.build()
    bench.pin.drive_low()
    switch.close()
    switch.close()
    gpiozero.Button(5).close()
    await asyncio.sleep(0.1)  # nothing must come, so there is nothing to wait for
    assert bench.reported.empty()


async def test_a_pin_in_use_names_the_switch_and_its_pin(bench: Bench) -> None:
    led = gpiozero.LED(5)
    with pytest.raises(PinUnusable, match=r"^mute switch on pin 5: already used in this program by a LED"):
        bench.build()
    led.close()
