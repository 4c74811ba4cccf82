"""Pins that cannot be opened are tried again, and their failure is a state."""

from __future__ import annotations

import asyncio

import pytest

from device_daemon.errors import PinUnusable
from device_daemon.triggers.pins import Pins

PATIENCE_S = 5.0


class Pin:
    """One that another program may hold."""

    def __init__(self, name: str = "button on pin 17", *, held: bool = False) -> None:
        self.name = name
        self.held = held
        self.tries = 0
        self.is_open = False

    def open(self) -> Pin:
        self.tries += 1
        if self.held:
            raise PinUnusable(f"{self.name}: held by another program: stop that", self.name)
        self.is_open = True
        return self

    def close(self) -> None:
        self.is_open = False


class Watched:
    """Pins whose health is waited for."""

    def __init__(self) -> None:
        self.pins = Pins(asyncio.get_running_loop(), retry_s=0.0)
        self.changes = 0
        self._changed = asyncio.Event()
        self.pins.on_change = self._note

    def _note(self) -> None:
        self.changes += 1
        self._changed.set()

    async def changes_again(self) -> None:
        self._changed.clear()
        async with asyncio.timeout(PATIENCE_S):
            await self._changed.wait()


async def test_a_pin_that_is_held_is_opened_as_soon_as_it_is_free_and_the_health_knows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    watched, pin = Watched(), Pin(held=True)
    assert not watched.pins.open("button", pin.open)
    assert watched.pins.health.reason == "button on pin 17: held by another program: stop that"
    while pin.tries < 5:  # noqa: ASYNC110 - each turn of the loop tries it once
        await asyncio.sleep(0)
    pin.held = False
    await watched.changes_again()
    assert pin.is_open
    assert watched.pins.health.ok
    assert watched.changes == 2
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"], "the same failure is logged once"
    watched.pins.close_all()


async def test_the_others_work_and_the_health_fails_until_the_last_one_does() -> None:
    watched = Watched()
    first, second, third = Pin("first", held=True), Pin("second", held=True), Pin("third")
    watched.pins.open(1, first.open)
    watched.pins.open(2, second.open)
    assert watched.pins.open(3, third.open)
    assert third.is_open
    first.held = False
    while "second" not in str(watched.pins.health.reason):
        await watched.changes_again()
    assert first.is_open
    second.held = False
    await watched.changes_again()
    assert watched.pins.health.ok
    watched.pins.close_all()
    assert not any(pin.is_open for pin in (first, second, third))


async def test_what_is_closed_while_it_is_held_is_no_longer_tried_and_no_failure() -> None:
    watched, pin = Watched(), Pin(held=True)
    watched.pins.open("button", pin.open)
    watched.pins.close("button")
    assert watched.pins.health.ok
    tries = pin.tries
    pin.held = False
    for _ in range(5):
        await asyncio.sleep(0)
    assert pin.tries == tries
    assert not pin.is_open


async def test_the_end_of_the_program_is_no_recovery() -> None:
    watched, pin = Watched(), Pin(held=True)
    watched.pins.open("button", pin.open)
    watched.pins.close_all()
    assert watched.changes == 1


async def test_what_is_open_is_not_opened_twice() -> None:
    watched, pin = Watched(), Pin()
    assert watched.pins.open("button", pin.open)
    assert watched.pins.open("button", pin.open)
    assert pin.tries == 1
    watched.pins.close_all()
    watched.pins.close_all()
    assert watched.changes == 0
