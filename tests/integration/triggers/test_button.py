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
from device_daemon.triggers.button import Button, Buttons
from device_daemon.triggers.gesture import DoublePress, Gesture, Hold, Press, Release

pytestmark = pytest.mark.usefixtures("gpio")

PATIENCE_S = 5.0
HOLD_S = 0.5
"""So long that a busy machine sets the pin before it is over."""


class Owner:
    """Keeps the button's gestures, and lets a test wait for them."""

    def __init__(self) -> None:
        self.gestures: asyncio.Queue[Gesture] = asyncio.Queue()
        self.threads: set[int] = set()

    def take(self, gesture: Gesture) -> None:
        self.threads.add(threading.get_ident())
        self.gestures.put_nowait(gesture)

    async def next(self) -> Gesture:
        async with asyncio.timeout(PATIENCE_S):
            return await self.gestures.get()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def buttons() -> Iterator[list[Button]]:
    made: list[Button] = []
    yield made
    for button in made:
        button.close()


def at_s(gesture: Gesture, kind: type[Press | Release]) -> float:
    """When a gesture of that kind happened."""
    assert isinstance(gesture, kind)
    return gesture.at_s


def build(owner: Owner, buttons: list[Button], **settings: Any) -> Button:
    double_press_s = settings.pop("double_press_s", 0.4)
    trigger = ButtonTrigger(**{"pin": 17, **settings})
    loop = asyncio.get_running_loop()
    button = Button(trigger, loop=loop, on_gesture=owner.take, double_press_s=double_press_s)
    buttons.append(button)
    return button


async def test_a_press_and_a_release_are_reported_in_the_thread_of_the_loop(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons)
    before_s = time.monotonic()
    gpio.pin(17).drive_low()
    after_s = time.monotonic()
    assert before_s <= at_s(await owner.next(), Press) <= after_s
    gpio.pin(17).drive_high()
    assert isinstance(await owner.next(), Release)
    assert owner.threads == {threading.get_ident()}


async def test_edges_from_a_thread_of_the_pin_library_are_reported_in_the_loop(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons)
    await asyncio.to_thread(gpio.pin(17).drive_low)
    assert isinstance(await owner.next(), Press)
    assert owner.threads == {threading.get_ident()}


async def test_holding_the_button_is_reported_after_the_press_and_before_the_release(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons, hold_s=0.05)
    gpio.pin(17).drive_low()
    assert isinstance(await owner.next(), Press)
    assert isinstance(await owner.next(), Hold)
    gpio.pin(17).drive_high()
    assert isinstance(await owner.next(), Release)


async def test_the_second_of_two_quick_presses_is_reported_as_a_double_press_with_its_own_times(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons, double_press_s=60.0)  # whatever else this machine has to do
    gestures = []
    for drive in (gpio.pin(17).drive_low, gpio.pin(17).drive_high) * 2:
        drive()
        gestures.append(await owner.next())
    match gestures:
        case [Press(first_s), Release(released_s), DoublePress(second_s), Release()]:
            assert first_s < released_s < second_s
        case _:
            pytest.fail(f"{gestures}")


async def test_a_release_is_reported_with_the_time_of_its_first_edge(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons, debounce_ms=100)
    gpio.pin(17).drive_low()
    assert isinstance(await owner.next(), Press)
    before_s = time.monotonic()
    gpio.pin(17).drive_high()
    after_s = time.monotonic()
    gpio.pin(17).drive_low()
    gpio.pin(17).drive_high()
    assert before_s <= at_s(await owner.next(), Release) <= after_s


async def test_bounces_count_as_one_press(gpio: Any, owner: Owner, buttons: list[Button]) -> None:
    build(owner, buttons, debounce_ms=50)
    for _ in range(5):
        gpio.pin(17).drive_low()
        gpio.pin(17).drive_high()
    gpio.pin(17).drive_low()
    assert isinstance(await owner.next(), Press)
    gpio.pin(17).drive_high()
    assert isinstance(await owner.next(), Release)
    assert owner.gestures.empty()


async def test_interference_is_counted_and_not_reported(gpio: Any, owner: Owner, buttons: list[Button]) -> None:
    button = build(owner, buttons, debounce_ms=10)
    gpio.pin(17).drive_low()
    gpio.pin(17).drive_high()
    async with asyncio.timeout(PATIENCE_S):
        while button.spurious == 0:  # noqa: ASYNC110 - nothing is called for it, by design
            await asyncio.sleep(0.001)
    gpio.pin(17).drive_low()
    assert isinstance(await owner.next(), Press)


async def test_a_button_to_3v3_presses_high(gpio: Any, owner: Owner, buttons: list[Button]) -> None:
    build(owner, buttons, active_high=True)
    gpio.pin(17).drive_high()
    assert isinstance(await owner.next(), Press)


async def test_a_button_that_is_stuck_from_the_start_is_no_press(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    gpio.pin(22)._set_pull = lambda _pull: None  # wired to ground: the pull-up cannot lift it
    gpio.pin(22)._state = False
    build(owner, buttons, pin=22)
    gpio.pin(22).drive_high()
    gpio.pin(22).drive_low()
    assert isinstance(await owner.next(), Press)
    assert owner.gestures.empty()


async def test_a_press_during_a_stall_of_the_loop_is_reported_afterwards_with_its_true_time(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons)
    gpio.pin(17).drive_low()
    pressed_s = time.monotonic()
    time.sleep(0.05)  # noqa: ASYNC251 - the stall
    gpio.pin(17).drive_high()
    assert at_s(await owner.next(), Press) <= pressed_s
    assert isinstance(await owner.next(), Release)


async def test_after_closing_nothing_is_reported_and_the_pin_is_free(
    gpio: Any, owner: Owner, buttons: list[Button], caplog: pytest.LogCaptureFixture
) -> None:
    button = build(owner, buttons, debounce_ms=0)
    gpio.pin(17).drive_low()  # its edge is on its way into the loop
    button.close()
    button.close()
    gpiozero.Button(17).close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert owner.gestures.empty()
    assert not caplog.messages


async def test_no_thread_is_kept_for_a_button(gpio: Any, owner: Owner, buttons: list[Button]) -> None:
    before = threading.active_count()
    build(owner, buttons)
    gpio.pin(17).drive_low()
    assert isinstance(await owner.next(), Press)
    assert threading.active_count() == before


async def test_an_edge_after_the_loop_was_closed_is_ignored(gpio: Any, owner: Owner) -> None:
    loop = asyncio.new_event_loop()
    button = Button(ButtonTrigger(pin=17), loop=loop, on_gesture=owner.take)
    loop.close()
    gpio.pin(17).drive_low()
    button.close()
    assert owner.gestures.empty()


async def test_a_pin_in_use_names_the_pin_and_its_user(owner: Owner, buttons: list[Button]) -> None:
    led = gpiozero.LED(17)
    with pytest.raises(PinUnusable, match=r"^button on pin 17: already used in this program by a LED"):
        build(owner, buttons)
    led.close()


async def test_a_short_press_whose_release_is_reported_late_is_no_hold(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons, hold_s=HOLD_S)
    pin = gpio.pin(17)
    pin.drive_low()
    assert isinstance(await owner.next(), Press)
    released_s = time.monotonic()
    pin._state = True  # the pin is up, and its library has not reported it yet
    await asyncio.sleep(HOLD_S + 0.1)  # nothing must come, so there is nothing to wait for
    assert owner.gestures.empty()
    pin.when_changed(released_s, True)
    assert at_s(await owner.next(), Release) == pytest.approx(released_s)


async def test_a_release_that_is_never_reported_is_seen_on_the_pin(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons, hold_s=HOLD_S, double_press_s=60.0)
    gpio.pin(17).drive_low()
    assert isinstance(await owner.next(), Press)
    gpio.pin(17)._state = True
    assert isinstance(await owner.next(), Release)
    gpio.pin(17).drive_low()
    assert isinstance(await owner.next(), DoublePress)


async def test_an_edge_has_the_pin_librarys_time_however_late_it_is_reported(
    gpio: Any, owner: Owner, buttons: list[Button]
) -> None:
    build(owner, buttons)
    pressed_s = time.monotonic() - 3.0
    gpio.pin(17)._state = False
    gpio.pin(17).when_changed(pressed_s, False)
    assert at_s(await owner.next(), Press) == pytest.approx(pressed_s)


# Before the program has started


async def test_gestures_wait_until_somebody_handles_them_and_then_come_in_order(gpio: Any) -> None:
    waiting, trigger = asyncio.Event(), ButtonTrigger(pin=17, debounce_ms=0)
    buttons = Buttons([trigger], loop=asyncio.get_running_loop())
    gpio.pin(17).drive_low()
    gpio.pin(17).drive_high()
    await asyncio.sleep(0.05)  # the release takes 20 ms
    handled: list[tuple[ButtonTrigger, Gesture]] = []

    def handle(trigger: ButtonTrigger, gesture: Gesture) -> None:
        handled.append((trigger, gesture))
        waiting.set()

    buttons.serve(handle)
    assert [(each, type(gesture)) for each, gesture in handled] == [(trigger, Press), (trigger, Release)]
    waiting.clear()
    gpio.pin(17).drive_low()
    async with asyncio.timeout(PATIENCE_S):
        await waiting.wait()
    buttons.close()


async def test_while_another_config_is_put_in_force_a_press_waits_and_a_button_that_is_no_more_is_free(
    gpio: Any,
) -> None:
    before, after = ButtonTrigger(pin=17, debounce_ms=0), ButtonTrigger(pin=17, debounce_ms=0, greeting="none")
    buttons = Buttons([before, ButtonTrigger(pin=22)], loop=asyncio.get_running_loop())
    handled: asyncio.Queue[tuple[ButtonTrigger, Gesture]] = asyncio.Queue()
    buttons.serve(lambda trigger, gesture: handled.put_nowait((trigger, gesture)))
    buttons.hold()
    gpio.pin(17).drive_low()
    buttons.release([after])
    gpiozero.LED(22).close()  # another part may use it now
    buttons.open()
    buttons.serve(lambda trigger, gesture: handled.put_nowait((trigger, gesture)))
    async with asyncio.timeout(PATIENCE_S):
        trigger, gesture = await handled.get()
    assert (trigger, type(gesture)) == (after, Press)
    buttons.close()


async def test_a_button_that_cannot_be_opened_is_logged_the_others_work_and_it_works_when_its_pin_is_free(
    gpio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    led = gpiozero.LED(17)
    handled: asyncio.Queue[ButtonTrigger] = asyncio.Queue()
    triggers = [ButtonTrigger(pin=17), ButtonTrigger(pin=22)]
    buttons = Buttons(triggers, loop=asyncio.get_running_loop(), retry_s=0.01)
    recovered = asyncio.Event()
    buttons.pins.on_change = recovered.set
    buttons.serve(lambda trigger, _gesture: handled.put_nowait(trigger))
    gpio.pin(22).drive_low()
    async with asyncio.timeout(PATIENCE_S):
        assert (await handled.get()).pin == 22
    assert "button on pin 17" in caplog.text
    assert "button on pin 17" in str(buttons.pins.health.reason)
    led.close()
    async with asyncio.timeout(PATIENCE_S):
        await recovered.wait()
        gpio.pin(17).drive_low()
        assert (await handled.get()).pin == 17
    assert buttons.pins.health.ok
    buttons.close()


async def test_a_button_whose_pin_somebody_took_meanwhile_fails_with_the_new_config_and_keeps_its_trigger(
    gpio: Any,
) -> None:
    before, after = ButtonTrigger(pin=17), ButtonTrigger(pin=17, debounce_ms=1)
    buttons = Buttons([before], loop=asyncio.get_running_loop(), retry_s=0.01)
    handled: asyncio.Queue[ButtonTrigger] = asyncio.Queue()
    buttons.release([after])
    led = gpiozero.LED(17)
    buttons.open()
    buttons.serve(lambda trigger, _gesture: handled.put_nowait(trigger))
    assert not buttons.pins.health.ok
    recovered = asyncio.Event()
    buttons.pins.on_change = recovered.set
    led.close()
    async with asyncio.timeout(PATIENCE_S):
        await recovered.wait()
        gpio.pin(17).drive_low()
        assert await handled.get() == after
    buttons.close()
