from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import gpiozero
import pytest

from device_daemon.config.settings import MotionTrigger
from device_daemon.errors import PinUnusable
from device_daemon.triggers.motion import Motion

pytestmark = pytest.mark.usefixtures("gpio")

PATIENCE_S = 5.0


class Passage:
    """Whoever waits for somebody to walk past."""

    def __init__(self) -> None:
        self.seen: asyncio.Queue[float] = asyncio.Queue()
        self.threads: set[int] = set()

    def on_motion(self, at_s: float) -> None:
        self.threads.add(threading.get_ident())
        self.seen.put_nowait(at_s)

    async def sees(self) -> float:
        async with asyncio.timeout(PATIENCE_S):
            return await self.seen.get()


@pytest.fixture
def passage() -> Passage:
    return Passage()


@pytest.fixture
def sensors() -> Iterator[list[Motion]]:
    made: list[Motion] = []
    yield made
    for sensor in made:
        sensor.close()


def build(passage: Passage, sensors: list[Motion], **settings: Any) -> Motion:
    trigger = MotionTrigger(**{"pin": 4, **settings})
    sensor = Motion(trigger, loop=asyncio.get_running_loop(), on_motion=passage.on_motion)
    sensors.append(sensor)
    return sensor


async def test_motion_is_reported_in_the_thread_of_the_loop_with_the_time_it_was_seen(
    gpio: Any, passage: Passage, sensors: list[Motion]
) -> None:
    build(passage, sensors)
    before_s = time.monotonic()
    await asyncio.to_thread(gpio.pin(4).drive_high)
    after_s = time.monotonic()
    assert before_s <= await passage.sees() <= after_s
    assert passage.threads == {threading.get_ident()}


async def test_one_passage_is_reported_once_and_the_next_again(
    gpio: Any, passage: Passage, sensors: list[Motion]
) -> None:
    build(passage, sensors)
    build(passage, sensors, pin=5)
    gpio.pin(4).drive_high()
    first_s = await passage.sees()
    gpio.pin(4).drive_low()
    gone_s = time.monotonic()
    gpio.pin(5).drive_high()
    assert first_s < gone_s <= await passage.sees()
    gpio.pin(4).drive_high()
    await passage.sees()
    assert passage.seen.empty()


async def test_interference_on_the_wire_is_no_motion(gpio: Any, passage: Passage, sensors: list[Motion]) -> None:
    build(passage, sensors)
    gpio.pin(4).drive_high()
    gpio.pin(4).drive_low()
    between_s = time.monotonic()
    gpio.pin(4).drive_high()
    assert await passage.sees() >= between_s
    assert passage.seen.empty()


async def test_a_sensor_that_pulls_low_is_seen_when_it_does(gpio: Any, passage: Passage, sensors: list[Motion]) -> None:
    build(passage, sensors, active_high=False)
    gpio.pin(4).drive_low()
    await passage.sees()


async def test_a_sensor_that_sees_somebody_from_the_start_reports_the_next(
    gpio: Any, passage: Passage, sensors: list[Motion]
) -> None:
    gpio.pin(4)._set_pull = lambda _pull: None  # the sensor's output is stronger than the pull-down
    gpio.pin(4)._state = True
    build(passage, sensors)
    gpio.pin(4).drive_low()
    between_s = time.monotonic()
    gpio.pin(4).drive_high()
    assert await passage.sees() >= between_s
    assert passage.seen.empty()


async def test_no_thread_is_kept_for_a_sensor(gpio: Any, passage: Passage, sensors: list[Motion]) -> None:
    before = threading.active_count()
    build(passage, sensors)
    gpio.pin(4).drive_high()
    await passage.sees()
    assert threading.active_count() == before


async def test_after_closing_nothing_is_reported_and_the_pin_is_free(
    gpio: Any, passage: Passage, sensors: list[Motion]
) -> None:
    sensor = build(passage, sensors)
    build(passage, sensors, pin=5)
    gpio.pin(4).drive_high()
    await asyncio.sleep(0)  # the edge is in, and waits to prove itself
    sensor.close()
    sensor.close()
    gpiozero.LED(4).close()
    closed_s = time.monotonic()
    gpio.pin(5).drive_high()
    assert await passage.sees() >= closed_s
    assert passage.seen.empty()


async def test_a_pin_in_use_names_the_pin_and_its_user(passage: Passage, sensors: list[Motion]) -> None:
    led = gpiozero.LED(4)
    with pytest.raises(PinUnusable, match=r"^motion sensor on pin 4: already used in this program by a LED"):
        build(passage, sensors)
    led.close()
