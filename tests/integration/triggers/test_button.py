from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import gpiozero
import pytest

from device_daemon.config.settings import ButtonTrigger
from device_daemon.errors import PinUnusable
from device_daemon.triggers import gesture
from device_daemon.triggers.button import Button

pytestmark = pytest.mark.usefixtures("gpio")

PATIENCE_S = 5.0


class Owner:
    """Whoever owns the button: keeps what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.press_at_s = 0.0
        self.release_at_s = 0.0
        self.threads: set[int] = set()

    def on_press(self, at_s: float) -> None:
        self.press_at_s = at_s
        self._tell("press")

    def on_double(self, at_s: float) -> None:
        self.press_at_s = at_s
        self._tell("double press")

    def on_release(self, at_s: float) -> None:
        self.release_at_s = at_s
        self._tell("release")

    def on_hold(self) -> None:
        self._tell("hold")

    def _tell(self, word: str) -> None:
        self.threads.add(threading.get_ident())
        self.told.put_nowait(word)

    async def hears(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            return await self.told.get()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def buttons() -> Iterator[list[Button]]:
    made: list[Button] = []
    yield made
    for button in made:
        button.close()


def build(owner: Owner, buttons: list[Button], **settings: Any) -> Button:
    button = Button(
        ButtonTrigger(**{"pin": 17, **settings}),
        loop=asyncio.get_running_loop(),
        on_press=owner.on_press,
        on_double=owner.on_double,
        on_release=owner.on_release,
        on_hold=owner.on_hold,
    )
    buttons.append(button)
    return button


async def test_a_press_and_a_release_are_told_in_the_thread_of_the_loop(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons)
    before_s = time.monotonic()
    gpio.pin(17).drive_low()
    after_s = time.monotonic()
    assert await owner.hears() == "press"
    assert before_s <= owner.press_at_s <= after_s
    gpio.pin(17).drive_high()
    assert await owner.hears() == "release"
    assert owner.threads == {threading.get_ident()}


async def test_edges_from_a_thread_of_the_pin_library_are_told_in_the_loop(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons)
    await asyncio.to_thread(gpio.pin(17).drive_low)
    assert await owner.hears() == "press"
    assert owner.threads == {threading.get_ident()}


async def test_holding_the_button_is_told_after_the_press_and_before_the_release(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons, hold_s=0.05)
    gpio.pin(17).drive_low()
    assert await owner.hears() == "press"
    assert await owner.hears() == "hold"
    gpio.pin(17).drive_high()
    assert await owner.hears() == "release"


async def test_the_second_of_two_quick_presses_is_told_as_a_double_press_with_its_own_times(
    gpio: Any, owner: Owner, buttons: list[Button], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gesture, "DOUBLE_PRESS_S", 60.0)  # whatever else this machine has to do
    build(owner, buttons)
    gpio.pin(17).drive_low()
    assert await owner.hears() == "press"
    first_at_s = owner.press_at_s
    gpio.pin(17).drive_high()
    assert await owner.hears() == "release"
    gpio.pin(17).drive_low()
    assert await owner.hears() == "double press"
    assert owner.press_at_s > owner.release_at_s > first_at_s
    gpio.pin(17).drive_high()
    assert await owner.hears() == "release"


async def test_a_release_is_told_with_the_time_of_its_first_edge(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons, debounce_ms=100)
    gpio.pin(17).drive_low()
    assert await owner.hears() == "press"
    before_s = time.monotonic()
    gpio.pin(17).drive_high()
    after_s = time.monotonic()
    gpio.pin(17).drive_low()
    gpio.pin(17).drive_high()
    assert await owner.hears() == "release"
    assert before_s <= owner.release_at_s <= after_s


async def test_bounces_are_one_press(gpio: Any, owner: Owner, buttons: list[Button]) -> None:
    build(owner, buttons, debounce_ms=50)
    for _ in range(5):
        gpio.pin(17).drive_low()
        gpio.pin(17).drive_high()
    gpio.pin(17).drive_low()
    assert await owner.hears() == "press"
    gpio.pin(17).drive_high()
    assert await owner.hears() == "release"
    assert owner.told.empty()


async def test_a_spark_of_interference_is_counted_and_not_told(gpio: Any, owner: Owner, buttons: list[Button]) -> None:
    button = build(owner, buttons, debounce_ms=10)
    gpio.pin(17).drive_low()
    gpio.pin(17).drive_high()
    async with asyncio.timeout(PATIENCE_S):
        while button.phantoms == 0:  # noqa: ASYNC110 - nothing tells of a phantom, by design
            await asyncio.sleep(0.001)
    gpio.pin(17).drive_low()
    assert await owner.hears() == "press"


async def test_a_button_to_3v3_presses_high(gpio: Any, owner: Owner, buttons: list[Button]) -> None:
    build(owner, buttons, active_high=True)
    gpio.pin(17).drive_high()
    assert await owner.hears() == "press"


async def test_a_button_that_is_stuck_from_the_start_is_no_press(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    gpio.pin(22)._set_pull = lambda _pull: None  # wired to ground: the pull-up cannot lift it
    gpio.pin(22)._state = False
    build(owner, buttons, pin=22)
    gpio.pin(22).drive_high()
    gpio.pin(22).drive_low()
    assert await owner.hears() == "press"
    assert owner.told.empty()


async def test_a_press_during_a_stall_of_the_loop_is_told_afterwards_with_its_true_time(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons)
    gpio.pin(17).drive_low()
    pressed_s = time.monotonic()
    time.sleep(0.05)  # noqa: ASYNC251 - the stall
    gpio.pin(17).drive_high()
    assert await owner.hears() == "press"
    assert owner.press_at_s <= pressed_s
    assert await owner.hears() == "release"


async def test_after_closing_nothing_is_told_and_the_pin_is_free(
    gpio: Any, owner: Owner, buttons: list[Button], caplog: pytest.LogCaptureFixture
) -> None:
    button = build(owner, buttons, debounce_ms=0)
    gpio.pin(17).drive_low()  # its edge is on its way into the loop
    button.close()
    button.close()
    gpiozero.Button(17).close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert owner.told.empty()
    assert not caplog.messages


async def test_no_thread_is_kept_for_a_button(gpio: Any, owner: Owner, buttons: list[Button]) -> None:
    before = threading.active_count()
    build(owner, buttons)
    gpio.pin(17).drive_low()
    assert await owner.hears() == "press"
    assert threading.active_count() == before


async def test_an_edge_after_the_loop_was_closed_is_nobodys_business(gpio: Any, owner: Owner) -> None:
    loop = asyncio.new_event_loop()
    button = Button(
        ButtonTrigger(pin=17),
        loop=loop,
        on_press=owner.on_press,
        on_double=owner.on_double,
        on_release=owner.on_release,
        on_hold=owner.on_hold,
    )
    loop.close()
    gpio.pin(17).drive_low()
    button.close()
    assert owner.told.empty()


async def test_a_pin_in_use_names_the_pin_and_its_user(owner: Owner, buttons: list[Button]) -> None:
    led = gpiozero.LED(17)
    with pytest.raises(PinUnusable, match=r"^button on pin 17: already used in this program by a LED"):
        build(owner, buttons)
    led.close()
