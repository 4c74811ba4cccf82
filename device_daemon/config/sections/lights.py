"""The section `lights`: LEDs, and the patterns that they show."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field

from device_daemon.config.sections.value_types import Percent, Pin, Span
from device_daemon.state import State

PatternName = Literal[
    "off",
    "on",
    "blink",
    "slow-blink",
    "double-blink",
    "triple-blink",
    "pulse",
    "breathe",
    "tick",
    "flicker",
    "wink",
    "ring",
]
PATTERN_NAMES: tuple[str, ...] = get_args(PatternName)
DimmablePatternName = Literal[PatternName, "level"]


class Night(Struct, frozen=True, forbid_unknown_fields=True):
    """The hours in which a light is dimmed."""

    between: Span
    """From when to when, in the device's time zone, such as "22:00-07:00"; over midnight too."""
    brightness: Annotated[int, Meta(ge=1, le=100)] = 10
    """How bright it is then, in per cent of its usual light; not 0, because it says that the microphone is open."""


class Led(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="led"):
    """One LED, on or off."""

    pin: Pin
    """The LED's pin."""
    active_high: bool = True
    """False for an LED that lights when its pin is low."""
    patterns: dict[State, PatternName] = field(default_factory=dict)
    """Patterns for states that should not have their usual one."""


class PwmLed(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="pwm-led"):
    """One LED that can be dimmed."""

    pin: Pin
    """The LED's pin."""
    active_high: bool = True
    """False for an LED that lights when its pin is low."""
    patterns: dict[State, DimmablePatternName] = field(default_factory=dict)
    """Patterns for states that should not have their usual one."""
    night: Night | None = None
    """Hours in which it is dimmed."""


class RgbLed(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="rgb-led"):
    """An RGB LED on three pins."""

    red: Pin
    """The red LED's pin."""
    green: Pin
    """The green LED's pin."""
    blue: Pin
    """The blue LED's pin."""
    active_high: bool = True
    """False for LEDs that light when their pin is low."""
    patterns: dict[State, DimmablePatternName] = field(default_factory=dict)
    """Patterns for states that should not have their usual one."""
    night: Night | None = None
    """Hours in which it is dimmed."""


class Apa102(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="apa102"):
    """A strip of APA102 LEDs on SPI, all in one colour."""

    count: Annotated[int, Meta(ge=1, le=64)]
    """How many LEDs the strip has."""
    bus: Annotated[int, Meta(ge=0, le=10)] = 0
    """The SPI bus: the first number of /dev/spidev0.0."""
    device: Annotated[int, Meta(ge=0, le=3)] = 0
    """The device on that bus: the second number of /dev/spidev0.0."""
    brightness: Percent = 30
    """Highest brightness, in per cent."""
    patterns: dict[State, DimmablePatternName] = field(default_factory=dict)
    """Patterns for states that should not have their usual one."""
    night: Night | None = None
    """Hours in which it is dimmed."""


Light = Led | PwmLed | RgbLed | Apa102
