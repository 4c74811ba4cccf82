from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import gpiozero
import pytest

from device_daemon.config.settings import Led, Light, PatternName, PwmLed, RgbLed
from device_daemon.leds.lights import RETRY_S, Lights
from device_daemon.leds.patterns import PATTERNS, TABLE
from device_daemon.leds.pwm_led import duty_cycle
from device_daemon.state import State

pytestmark = pytest.mark.usefixtures("gpio")


@dataclass(eq=False)
class Timer:
    when_s: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Turntable:
    """A loop whose time is turned by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.wake_ups = 0
        self._timers: list[Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        timer = Timer(when, callback)
        self._timers.append(timer)
        return timer

    def turn(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while due := [timer for timer in self._timers if timer.when_s <= end_s and not timer.cancelled]:
            first = min(due, key=lambda timer: timer.when_s)
            self._timers.remove(first)
            self.now_s = max(self.now_s, first.when_s)
            self.wake_ups += 1
            first.callback()
        self.now_s = end_s


def states(gpio: Any, pin: int) -> list[float]:
    """Return all a pin was set to."""
    return [change.state for change in gpio.pin(pin).states]


@pytest.fixture
def loop() -> Turntable:
    return Turntable()


LED = Led(pin=25)
RGB = RgbLed(red=5, green=6, blue=13)


def test_a_plain_led_shows_a_state_at_once(loop: Turntable, gpio: Any) -> None:
    lights = Lights([LED], loop=loop)
    lights.show(State.LISTENING)
    assert gpio.pin(25).state
    lights.show(State.IDLE)
    assert not gpio.pin(25).state


def test_a_plain_led_blinks_in_the_rhythm_of_its_pattern(loop: Turntable, gpio: Any) -> None:
    lights = Lights([LED], loop=loop)
    lights.show(State.ERROR)
    seen = []
    for _ in PATTERNS["double-blink"].levels * 2:
        loop.turn(0.02)  # look in the middle of each frame
        seen.append(float(gpio.pin(25).state))
        loop.turn(0.02)
    assert tuple(seen) == PATTERNS["double-blink"].levels * 2


def test_a_led_that_is_lit_by_a_low_pin_is_driven_low(loop: Turntable, gpio: Any) -> None:
    lights = Lights([Led(pin=25, active_high=False)], loop=loop)
    lights.show(State.LISTENING)
    assert not gpio.pin(25).state
    lights.show(State.IDLE)
    assert gpio.pin(25).state


def test_a_pwm_led_is_dimmed_for_the_eye(loop: Turntable, gpio: Any) -> None:
    lights = Lights([PwmLed(pin=12)], loop=loop)
    lights.show(State.OFFLINE)
    for level in PATTERNS["breathe"].levels:
        loop.turn(0.02)  # look in the middle of each frame
        assert gpio.pin(12).state == pytest.approx(level**2.2)
        loop.turn(0.02)


def test_a_pwm_led_is_as_bright_whatever_the_colour_of_the_state(loop: Turntable, gpio: Any) -> None:
    lights = Lights([PwmLed(pin=12)], loop=loop)
    for state in set(State) - {State.IDLE}:
        lights.show(state)
        assert gpio.pin(12).state == 1.0


def test_an_rgb_led_shows_the_colour_of_the_state(loop: Turntable, gpio: Any) -> None:
    lights = Lights([RGB], loop=loop)
    lights.show(State.OFFLINE)
    red, green, blue = (gpio.pin(pin).state for pin in (5, 6, 13))
    assert (red, green, blue) == (1.0, duty_cycle(0.7), 0.0)


@pytest.mark.parametrize("light", [LED, PwmLed(pin=25), RGB])
@pytest.mark.parametrize("state", [State.IDLE, State.LISTENING])
def test_a_pattern_that_stands_still_wakes_nobody(light: Light, state: State, loop: Turntable) -> None:
    lights = Lights([light], loop=loop)
    lights.show(state)
    loop.turn(3600)
    assert loop.wake_ups == 0


def test_many_lights_together_wake_at_most_25_times_a_second(loop: Turntable) -> None:
    mixed: list[Light] = [
        LED,
        PwmLed(pin=12),
        RGB,
        *(Led(pin=16 + i, patterns={State.THINKING: name}) for i, name in enumerate(get_args(PatternName))),
    ]
    lights = Lights(mixed, loop=loop)
    lights.show(State.THINKING)
    loop.turn(60)
    assert 0 < loop.wake_ups <= 60 * 25


def test_what_is_shown_for_most_of_a_conversation_wakes_at_most_12_times_a_second(loop: Turntable) -> None:
    lights = Lights([PwmLed(pin=12), RGB], loop=loop)
    lights.show(State.SPEAKING)
    loop.turn(60)
    assert 0 < loop.wake_ups <= 60 * 12.5


@pytest.mark.parametrize("state", [State.MUTED, State.OFFLINE])
def test_a_plain_led_is_woken_only_to_change(state: State, loop: Turntable) -> None:
    lights = Lights([LED], loop=loop)
    lights.show(state)
    loop.turn(300)
    assert loop.wake_ups == pytest.approx(2 * 300 / PATTERNS[TABLE[state].pattern].period_s, abs=1)


def test_a_light_that_stands_still_is_left_alone_while_others_move(
    loop: Turntable, gpio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lights = Lights([Led(pin=25, patterns={State.THINKING: "on"}), PwmLed(pin=12)], loop=loop)
    lights.show(State.THINKING)
    gpio.pin(25).function = "input"  # setting it now is an error
    loop.turn(10)
    assert not caplog.messages


def test_a_timer_that_fires_a_little_early_or_late_shows_the_right_frame(loop: Turntable) -> None:
    lights = Lights([LED], loop=loop)
    loop.now_s = 0.1 + 0.2  # sums of such times do not come out even
    lights.show(State.CONNECTING)
    loop.turn(60)
    assert loop.wake_ups == pytest.approx(60 / 0.2, abs=1)


def test_showing_the_same_state_again_does_not_start_its_pattern_anew(loop: Turntable, gpio: Any) -> None:
    lights = Lights([LED], loop=loop)
    lights.show(State.CONNECTING)
    loop.turn(0.3)
    lights.show(State.CONNECTING)
    assert not gpio.pin(25).state


def test_the_config_changes_what_a_state_looks_like_for_one_light_only(loop: Turntable, gpio: Any) -> None:
    lights = Lights([Led(pin=25, patterns={State.LISTENING: "off"}), Led(pin=24)], loop=loop)
    lights.show(State.LISTENING)
    assert not gpio.pin(25).state
    assert gpio.pin(24).state


async def test_closing_turns_all_lights_off_and_gives_the_pins_back(loop: Turntable, gpio: Any) -> None:
    lights = Lights([LED, RGB], loop=loop)
    lights.show(State.THINKING)
    await lights.close()
    assert states(gpio, 25)[-1] == 0
    assert [states(gpio, pin)[-1] for pin in (5, 6, 13)] == [0, 0, 0]
    gpiozero.LED(25).close()
    gpiozero.RGBLED(5, 6, 13).close()
    loop.turn(10)
    assert loop.wake_ups == 0


async def test_a_led_that_is_lit_by_a_low_pin_is_dark_before_its_pin_is_given_back(loop: Turntable, gpio: Any) -> None:
    lights = Lights([Led(pin=25, active_high=False)], loop=loop)
    lights.show(State.LISTENING)
    lit = states(gpio, 25)
    await lights.close()
    assert states(gpio, 25)[len(lit)] == 1


async def test_closing_twice_or_showing_after_closing_does_nothing(loop: Turntable, gpio: Any) -> None:
    lights = Lights([LED], loop=loop)
    lights.show(State.LISTENING)
    await lights.close()
    before = states(gpio, 25)
    await lights.close()
    lights.show(State.LISTENING)
    assert states(gpio, 25) == before


def test_a_pin_in_use_costs_one_warning_that_says_so_and_the_other_lights_go_on(
    loop: Turntable, gpio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    other = gpiozero.Button(25)
    lights = Lights([LED, Led(pin=24)], loop=loop)
    for state in (State.STARTING, State.IDLE, State.CONNECTING, State.LISTENING):
        lights.show(state)
        loop.turn(RETRY_S)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "led on pin 25: already used in this program by a Button: give one of the two another pin"
    ]
    assert gpio.pin(24).state
    other.close()


def test_a_light_is_not_tried_again_before_30_s_and_then_works(
    loop: Turntable, gpio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    other = gpiozero.Button(6)
    lights = Lights([RGB], loop=loop)
    lights.show(State.STARTING)
    other.close()
    loop.turn(RETRY_S - 1)
    lights.show(State.LISTENING)
    assert gpio.pin(13).state == 0
    loop.turn(1)
    lights.show(State.LISTENING)
    assert gpio.pin(13).state == 1.0
    assert "rgb-led on pins 5, 6, 13 works again" in caplog.messages


def test_a_light_that_fails_while_it_shines_is_left_out(
    loop: Turntable, gpio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lights = Lights([LED], loop=loop)
    lights.show(State.CONNECTING)
    gpio.pin(25).function = "input"  # as if another program had taken the pin: setting it now is an error
    loop.turn(10)
    lights.show(State.LISTENING)
    assert loop.wake_ups == 1
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "led on pin 25 stopped working (cannot set state of pin GPIO25): check its wiring; it is tried again"
    ]


def test_a_machine_without_gpio_costs_a_warning_per_light_and_nothing_else(
    loop: Turntable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "no-such-factory")
    lights = Lights([LED, RGB], loop=loop)
    lights.show(State.STARTING)
    lights.show(State.THINKING)
    loop.turn(60)
    assert loop.wake_ups == 0
    assert len(caplog.messages) == 2
    assert all("GPIOZERO_PIN_FACTORY=mock" in message for message in caplog.messages)


@pytest.mark.parametrize("state", State)
def test_every_light_shows_every_state_as_the_table_has_it(state: State, loop: Turntable, gpio: Any) -> None:
    lights = Lights([LED, PwmLed(pin=12), RGB], loop=loop)
    lights.show(state)
    lit = TABLE[state].pattern != "off"
    assert bool(gpio.pin(25).state) is lit
    assert bool(gpio.pin(12).state) is lit
    assert any(gpio.pin(pin).state for pin in (5, 6, 13)) is lit
