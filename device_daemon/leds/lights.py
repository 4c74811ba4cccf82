"""Shows the device's state on all lights: runs the patterns by timers, and reopens lights that failed."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime, time
from typing import Protocol

from device_daemon.config.settings import Apa102, Led, Light, PwmLed, RgbLed
from device_daemon.config.times import is_within, parse_hours
from device_daemon.errors import PinUnusable
from device_daemon.health import Health, Part
from device_daemon.leds.apa102 import Strip
from device_daemon.leds.led import PlainLed
from device_daemon.leds.level import LevelPattern
from device_daemon.leds.patterns import COLOURS, LEVEL, PATTERNS, TABLE, Colour
from device_daemon.leds.pwm_led import DimmableLed, level_of
from device_daemon.leds.rgb_led import ColourLed
from device_daemon.state import State

logger = logging.getLogger(__name__)

RETRY_S = 30.0
"""How long a light that failed is left alone: opening it blocks the loop for some milliseconds."""

HOURS_S = 60.0
"""How often the time of day is asked for a lit light that is dimmed at night, if its pattern stands still.

A minute, and not the time until the night begins or ends: the clock may be set and summer time may begin meanwhile.
"""

DARK: Colour = (0.0, 0.0, 0.0)


class Lamp(Protocol):
    """A kind of light; building it takes its pins. `write` and building raise PinUnusable."""

    def write(self, colour: Colour) -> None:
        """Show `colour`, as well as this light can."""

    def close(self) -> None:
        """Release the pins."""


class Animation(Protocol):
    """A pattern: brightness as a function of the seconds since the state began."""

    def level(self, t_s: float) -> float:
        """Return the brightness, 0..1."""

    def next_change_s(self, t_s: float) -> float:
        """Return when to ask again, later than `t_s`; infinity for a pattern that stands still."""


class LightTimer(Protocol):
    """A callback that is due at some time."""

    def cancel(self) -> None:
        """Do not call back."""


class Clock(Protocol):
    """What lights need of the event loop."""

    def time(self) -> float:
        """Return seconds on a clock that never goes back."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> LightTimer:
        """Call back when it is `when`."""


def local_time() -> time:
    """Return the time of day in the device's time zone."""
    return datetime.now().astimezone().time()


class Lights:
    """All lights of the device, showing its state.

    A light that fails is skipped, with one warning that says what to do, and tried again after 30 s; nothing here raises
    because of a light. Timers: none while patterns stand still (one a minute if the light is dimmed at night, one in 30 s
    if it fails), at most 25 a second.

    Args:
        lights: What is connected.
        loop: Time and timers.
        level_dbfs: Returns the level of the voice that the state is about, for the pattern `level`.
        local_time: Returns the local time of day, for lights that are dimmed at night.
    """

    def __init__(
        self,
        lights: Sequence[Light],
        *,
        loop: Clock,
        level_dbfs: Callable[[], float],
        local_time: Callable[[], time] = local_time,
    ) -> None:
        voice = LevelPattern(level_dbfs)
        self._lights = [_OpenLight(light, voice, local_time) for light in lights]
        self._loop = loop
        self._timer: LightTimer | None = None
        self._state: State | None = None
        self._since_s = 0.0
        self.health = Health(Part.LIGHTS)
        """Failed while any light is, with that one's reason."""

    def show(self, state: State) -> None:
        """Show `state` at once; its pattern runs until the next call."""
        now_s = self._loop.time()
        if state is not self._state:
            self._state = state
            self._since_s = now_s
        self._paint()

    async def close(self) -> None:
        """Turn all lights off and release their pins. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._state = None
        for light in self._lights:
            if light.failed_lit:
                light.open(math.inf)  # without waiting: it may work again, and must not stay lit
            light.write(DARK, self._loop.time())
            light.close()
        # A late show() must not light them again.
        self._lights = []

    def _paint(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._state is None:
            return
        now_s = self._loop.time()
        for light in self._lights:
            light.open(now_s)
        next_s = self._paint_all(self._state, now_s)
        failure = next((light.failure for light in self._lights if light.failure), None)
        if failure is None:
            self.health.recovered(now_s)
        else:
            self.health.failed(failure, now_s)
            next_s = min(next_s, now_s - self._since_s + RETRY_S)
        if next_s < math.inf:
            self._timer = self._loop.call_at(self._since_s + next_s, self._paint)

    def _paint_all(self, state: State, now_s: float) -> float:
        """Write what each light shows now; return when, in seconds since the state began, the first one changes."""
        t_s = now_s - self._since_s
        next_s = math.inf
        for light in self._lights:
            pattern, colour = light.look(state)
            level = pattern.level(t_s)
            dimmed = level * light.share()
            red, green, blue = colour
            if light.write((red * dimmed, green * dimmed, blue * dimmed), now_s):
                next_s = min(next_s, pattern.next_change_s(t_s))
                if light.night and level:
                    next_s = min(next_s, t_s + HOURS_S)
        return next_s


class _OpenLight:
    """One configured light, whether or not it works at the moment."""

    def __init__(self, settings: Light, voice: LevelPattern, local_time: Callable[[], time]) -> None:
        self._settings = settings
        self._looks = {state: _look(settings, state, voice) for state in State}
        self.night = None if isinstance(settings, Led) else settings.night
        self._hours = parse_hours(self.night.between) if self.night else None
        self._local_time = local_time
        self._lamp: Lamp | None = None
        self._shown: Colour | None = None
        self._retry_at_s = -math.inf
        self.failure: PinUnusable | None = None
        """Why it does not work, None while it does."""
        self.failed_lit = False
        """It failed while it was lit, and was not opened since."""

    def look(self, state: State) -> tuple[Animation, Colour]:
        """Return what this light shows in `state`."""
        return self._looks[state]

    def share(self) -> float:
        """Return how bright (0..1) the light may look at this time of day."""
        if self.night is None or self._hours is None or not is_within(self._local_time(), *self._hours):
            return 1.0
        return level_of(self.night.brightness / 100)

    def open(self, now_s: float) -> None:
        """Open the light unless it is open or failed a short while ago."""
        if self._lamp is not None or now_s < self._retry_at_s:
            return
        try:
            self._lamp = build(self._settings)
        except PinUnusable as error:
            self._fail(error, now_s)
            return
        self.failed_lit = False
        if self.failure is not None:
            logger.info("%s works again", self.failure.device)
            self.failure = None

    def write(self, colour: Colour, now_s: float) -> bool:
        """Show `colour` if it is not shown already; False if the light does not work."""
        if self._lamp is None:
            return False
        if colour != self._shown:
            try:
                self._lamp.write(colour)
            except PinUnusable as error:
                self._fail(error, now_s)
                return False
            self._shown = colour
        return True

    def close(self) -> None:
        """Release the pins."""
        lamp, self._lamp, self._shown = self._lamp, None, None
        if lamp is not None:
            # A light that cannot be closed failed before, and that was logged.
            with contextlib.suppress(PinUnusable):
                lamp.close()

    def _fail(self, error: PinUnusable, now_s: float) -> None:
        self._retry_at_s = now_s + RETRY_S
        self.failed_lit |= self._shown not in {None, DARK}
        if self.failure is None:
            logger.warning("%s", error)
            self.failure = error
        self.close()


def _look(settings: Light, state: State, voice: LevelPattern) -> tuple[Animation, Colour]:
    """Return the table's look for `state`, with the pattern the config gives it instead, if any."""
    look = TABLE[state]
    plain = isinstance(settings, Led)
    name = settings.patterns.get(state, look.pattern_of(dimmable=not plain))
    if name == LEVEL:
        return voice, COLOURS[look.colour]
    pattern = PATTERNS[name]
    return (pattern.plain() if plain else pattern), COLOURS[look.colour]


def build(settings: Light) -> Lamp:
    """Open a light of the kind that the config names. Raises PinUnusable."""
    match settings:
        case Led():
            return PlainLed(settings)
        case PwmLed():
            return DimmableLed(settings)
        case RgbLed():
            return ColourLed(settings)
        case Apa102():
            return Strip(settings)
