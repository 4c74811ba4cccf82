from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import gpiozero
import pytest

from device_daemon.config.settings import Led, Light, Night, PatternName, PwmLed, RgbLed
from device_daemon.leds.level import brightness_of
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


def lights_of(
    lights: Sequence[Light],
    loop: Turntable,
    *,
    level_dbfs: Callable[[], float] = lambda: -96.0,
    local_time: Callable[[], time] = lambda: time(12),
) -> Lights:
    return Lights(lights, loop=loop, level_dbfs=level_dbfs, local_time=local_time)


def never() -> float:
    raise AssertionError("asked for the level of a voice that is not shown")


LED = Led(pin=25)
RGB = RgbLed(red=5, green=6, blue=13)


def test_a_plain_led_shows_a_state_at_once(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([LED], loop)
    lights.show(State.LISTENING)
    assert gpio.pin(25).state
    lights.show(State.IDLE)
    assert not gpio.pin(25).state


def test_a_plain_led_blinks_in_the_rhythm_of_its_pattern(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([LED], loop)
    lights.show(State.ERROR)
    seen = []
    for _ in PATTERNS["double-blink"].levels * 2:
        loop.turn(0.02)  # look in the middle of each frame
        seen.append(float(gpio.pin(25).state))
        loop.turn(0.02)
    assert tuple(seen) == PATTERNS["double-blink"].levels * 2


def test_a_led_that_is_lit_by_a_low_pin_is_driven_low(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([Led(pin=25, active_high=False)], loop)
    lights.show(State.LISTENING)
    assert not gpio.pin(25).state
    lights.show(State.IDLE)
    assert gpio.pin(25).state


def test_a_pwm_led_is_dimmed_for_the_eye(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([PwmLed(pin=12)], loop)
    lights.show(State.OFFLINE)
    for level in PATTERNS["breathe"].levels:
        loop.turn(0.02)  # look in the middle of each frame
        assert gpio.pin(12).state == pytest.approx(level**2.2)
        loop.turn(0.02)


def test_a_pwm_led_is_as_bright_whatever_the_colour_of_the_state(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([PwmLed(pin=12)], loop)
    for state in set(State) - {State.IDLE}:
        lights.show(state)
        assert gpio.pin(12).state == 1.0


def test_an_rgb_led_shows_the_colour_of_the_state(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([RGB], loop)
    lights.show(State.OFFLINE)
    red, green, blue = (gpio.pin(pin).state for pin in (5, 6, 13))
    assert (red, green, blue) == (1.0, duty_cycle(0.7), 0.0)


@pytest.mark.parametrize("light", [LED, PwmLed(pin=25), RGB])
@pytest.mark.parametrize("state", [State.IDLE, State.LISTENING])
def test_a_pattern_that_stands_still_wakes_nobody(light: Light, state: State, loop: Turntable) -> None:
    lights = lights_of([light], loop)
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
    lights = lights_of(mixed, loop)
    lights.show(State.THINKING)
    loop.turn(60)
    assert 0 < loop.wake_ups <= 60 * 25


def test_what_is_shown_for_most_of_a_conversation_wakes_at_most_12_times_a_second(loop: Turntable) -> None:
    lights = lights_of([PwmLed(pin=12), RGB], loop)
    lights.show(State.SPEAKING)
    loop.turn(60)
    assert 0 < loop.wake_ups <= 60 * 12.5


@pytest.mark.parametrize("state", [State.MUTED, State.OFFLINE])
def test_a_plain_led_is_woken_only_to_change(state: State, loop: Turntable) -> None:
    lights = lights_of([LED], loop)
    lights.show(state)
    loop.turn(300)
    assert loop.wake_ups == pytest.approx(2 * 300 / PATTERNS[TABLE[state].pattern].period_s, abs=1)


def test_a_light_that_stands_still_is_left_alone_while_others_move(
    loop: Turntable, gpio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lights = lights_of([Led(pin=25, patterns={State.THINKING: "on"}), PwmLed(pin=12)], loop)
    lights.show(State.THINKING)
    gpio.pin(25).function = "input"  # setting it now is an error
    loop.turn(10)
    assert not caplog.messages


def test_a_timer_that_fires_a_little_early_or_late_shows_the_right_frame(loop: Turntable) -> None:
    lights = lights_of([LED], loop)
    loop.now_s = 0.1 + 0.2  # sums of such times do not come out even
    lights.show(State.CONNECTING)
    loop.turn(60)
    assert loop.wake_ups == pytest.approx(60 / 0.2, abs=1)


def test_showing_the_same_state_again_does_not_start_its_pattern_anew(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([LED], loop)
    lights.show(State.CONNECTING)
    loop.turn(0.3)
    lights.show(State.CONNECTING)
    assert not gpio.pin(25).state


def test_the_config_changes_what_a_state_looks_like_for_one_light_only(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([Led(pin=25, patterns={State.LISTENING: "off"}), Led(pin=24)], loop)
    lights.show(State.LISTENING)
    assert not gpio.pin(25).state
    assert gpio.pin(24).state


async def test_closing_turns_all_lights_off_and_gives_the_pins_back(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([LED, RGB], loop)
    lights.show(State.THINKING)
    await lights.close()
    assert states(gpio, 25)[-1] == 0
    assert [states(gpio, pin)[-1] for pin in (5, 6, 13)] == [0, 0, 0]
    gpiozero.LED(25).close()
    gpiozero.RGBLED(5, 6, 13).close()
    loop.turn(10)
    assert loop.wake_ups == 0


async def test_a_led_that_is_lit_by_a_low_pin_is_dark_before_its_pin_is_given_back(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([Led(pin=25, active_high=False)], loop)
    lights.show(State.LISTENING)
    lit = states(gpio, 25)
    await lights.close()
    assert states(gpio, 25)[len(lit)] == 1


async def test_closing_twice_or_showing_after_closing_does_nothing(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([LED], loop)
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
    lights = lights_of([LED, Led(pin=24)], loop)
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
    lights = lights_of([RGB], loop)
    lights.show(State.STARTING)
    other.close()
    assert "rgb-led on pins 5, 6, 13: already used" in str(lights.health.reason)
    loop.turn(RETRY_S - 1)
    lights.show(State.LISTENING)
    assert gpio.pin(13).state == 0
    assert not lights.health.ok
    loop.turn(1)
    lights.show(State.LISTENING)
    assert gpio.pin(13).state == 1.0
    assert "rgb-led on pins 5, 6, 13 works again" in caplog.messages
    assert lights.health.ok


def test_a_light_whose_pin_was_busy_shines_when_it_is_free_though_nothing_else_happens(
    loop: Turntable, gpio: Any
) -> None:
    other = gpiozero.Button(6)
    lights = lights_of([RGB], loop)
    lights.show(State.LISTENING)
    loop.turn(3 * RETRY_S)
    assert not lights.health.ok
    other.close()
    loop.turn(RETRY_S)
    assert gpio.pin(13).state == 1.0
    assert lights.health.ok


def test_a_light_that_fails_while_it_shines_is_left_out(
    loop: Turntable, gpio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lights = lights_of([LED], loop)
    lights.show(State.CONNECTING)
    gpio.pin(25).function = "input"  # as if another program had taken the pin: setting it now is an error
    loop.turn(10)
    lights.show(State.LISTENING)
    assert loop.wake_ups == 1
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "led on pin 25 stopped working (cannot set state of pin GPIO25): check its wiring; it is tried again"
    ]


async def test_a_light_that_failed_while_it_shone_is_dark_at_the_end_if_it_works_again_by_then(
    loop: Turntable, gpio: Any
) -> None:
    lights = lights_of([LED], loop)
    lights.show(State.CONNECTING)
    pin = gpio.pin(25)
    assert pin.state
    pin.function = "input"
    loop.turn(10)  # it blinks, and fails
    pin.close = lambda: None  # what another program left it in
    pin.function = "output"
    pin.state = 1
    await lights.close()
    assert not pin.state


def test_a_machine_without_gpio_costs_a_warning_per_light_and_a_look_in_30_s(
    loop: Turntable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "no-such-factory")
    lights = lights_of([LED, RGB], loop)
    lights.show(State.STARTING)
    lights.show(State.THINKING)
    loop.turn(60)
    assert loop.wake_ups == 60 // RETRY_S
    assert len(caplog.messages) == 2
    assert all("GPIOZERO_PIN_FACTORY=mock" in message for message in caplog.messages)


@pytest.mark.parametrize("state", State)
def test_every_light_shows_every_state_as_the_table_has_it(state: State, loop: Turntable, gpio: Any) -> None:
    lights = lights_of([LED, PwmLed(pin=12), RGB], loop)
    lights.show(state)
    lit = TABLE[state].pattern != "off"
    assert bool(gpio.pin(25).state) is lit
    assert bool(gpio.pin(12).state) is lit
    assert any(gpio.pin(pin).state for pin in (5, 6, 13)) is lit


# The level of a voice


@pytest.mark.parametrize("state", [State.GREETING, State.SPEAKING])
def test_lights_that_can_be_dimmed_are_as_bright_as_the_speaker_is_loud(
    state: State, loop: Turntable, gpio: Any
) -> None:
    level_dbfs = -96.0
    lights = lights_of([PwmLed(pin=12), RGB], loop, level_dbfs=lambda: level_dbfs)
    lights.show(state)
    for level_dbfs in (-96.0, -30.0, 0.0, -40.0):
        loop.turn(2)
        assert gpio.pin(12).state == gpio.pin(6).state == pytest.approx(duty_cycle(brightness_of(level_dbfs)))


def test_a_light_follows_the_person_where_the_config_says_so(loop: Turntable, gpio: Any) -> None:
    level_dbfs = -96.0
    light = PwmLed(pin=12, patterns={State.LISTENING: "level"})
    lights = lights_of([light], loop, level_dbfs=lambda: level_dbfs)
    lights.show(State.LISTENING)
    loop.turn(2)
    quiet = gpio.pin(12).state
    level_dbfs = -20.0
    loop.turn(0.3)
    assert 0.0 < quiet < gpio.pin(12).state == 1.0


@pytest.mark.parametrize("state", sorted(set(State) - {State.GREETING, State.SPEAKING}))
def test_nobody_asks_for_the_level_while_no_light_shows_it(state: State, loop: Turntable) -> None:
    lights = lights_of([LED, PwmLed(pin=12), RGB], loop, level_dbfs=never)
    lights.show(state)
    loop.turn(60)


def test_a_led_that_cannot_be_dimmed_never_asks_for_the_level(loop: Turntable) -> None:
    lights = lights_of([LED], loop, level_dbfs=never)
    lights.show(State.SPEAKING)
    loop.turn(60)


async def test_the_level_is_not_asked_for_after_the_voice_or_the_lights_are_gone(loop: Turntable) -> None:
    asked: list[float] = []

    def level_dbfs() -> float:
        asked.append(loop.now_s)
        return -30.0

    lights = lights_of([PwmLed(pin=12)], loop, level_dbfs=level_dbfs)
    lights.show(State.SPEAKING)
    loop.turn(1)
    lights.show(State.THINKING)
    before = len(asked)
    loop.turn(10)
    lights.show(State.SPEAKING)
    await lights.close()
    loop.turn(10)
    assert len(asked) == before


# Night


NIGHT = Night(between="22:00-07:00", brightness=10)


@pytest.mark.parametrize(
    ("now", "share"), [("21:59", 1.0), ("22:00", 0.1), ("00:00", 0.1), ("06:59", 0.1), ("07:00", 1.0), ("12:00", 1.0)]
)
def test_at_night_a_light_gives_so_many_per_cent_of_its_light(
    now: str, share: float, loop: Turntable, gpio: Any
) -> None:
    lights = lights_of([PwmLed(pin=12, night=NIGHT)], loop, local_time=lambda: time.fromisoformat(now))
    lights.show(State.LISTENING)
    assert gpio.pin(12).state == pytest.approx(share)


def test_at_night_colours_and_patterns_stay_as_they_are(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([RgbLed(red=5, green=6, blue=13, night=NIGHT)], loop, local_time=lambda: time(23))
    lights.show(State.OFFLINE)
    for level in PATTERNS["breathe"].levels:
        loop.turn(0.02)  # look in the middle of each frame
        red, green, blue = (gpio.pin(pin).state for pin in (5, 6, 13))
        assert (red, green, blue) == pytest.approx((duty_cycle(level) / 10, duty_cycle(0.7 * level) / 10, 0.0))
        loop.turn(0.02)


def test_each_light_has_a_night_of_its_own(loop: Turntable, gpio: Any) -> None:
    lights = lights_of([PwmLed(pin=12, night=NIGHT), PwmLed(pin=13), LED], loop, local_time=lambda: time(23))
    lights.show(State.LISTENING)
    assert gpio.pin(12).state < gpio.pin(13).state == gpio.pin(25).state == 1.0


@pytest.mark.parametrize(
    "begins",
    [
        pytest.param("2026-06-10T21:00:00", id="an evening"),
        pytest.param("2026-03-29T01:00:00", id="the clock goes forward in the night"),
        pytest.param("2026-10-25T01:00:00", id="the clock goes back in the night"),
    ],
)
def test_a_light_that_stands_still_is_dimmed_and_lit_within_a_minute_of_the_local_time(
    begins: str, loop: Turntable, gpio: Any
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime.fromisoformat(begins).replace(tzinfo=zone).astimezone(UTC)
    started_s = loop.now_s

    def local() -> datetime:
        return (start + timedelta(seconds=loop.now_s - started_s)).astimezone(zone)

    light = PwmLed(pin=12, night=NIGHT, patterns={State.IDLE: "on"})
    lights = lights_of([light], loop, local_time=lambda: local().time())
    lights.show(State.IDLE)
    seen = set()
    for _ in range(14 * 60):
        loop.turn(60)
        # What was right at some time of the last minute is right.
        allowed = {0.1 if not 7 <= (local() - timedelta(seconds=ago)).hour < 22 else 1.0 for ago in (0, 60)}
        state = round(gpio.pin(12).state, 6)
        assert state in allowed, local()
        seen.add(state)
    assert seen == {0.1, 1.0}
    assert loop.wake_ups <= 14 * 60


def test_a_dark_light_is_not_woken_for_the_night(loop: Turntable) -> None:
    lights = lights_of([PwmLed(pin=12, night=NIGHT)], loop)
    lights.show(State.IDLE)
    loop.turn(3600)
    assert loop.wake_ups == 0
