"""The sections `triggers` and `mute`: what opens a conversation, and the switch that closes the microphone."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from device_daemon.config.sections.value_types import (
    IN_MS,
    IN_SECONDS,
    NO_GREETING,
    SERVICE_ASSISTANT,
    Pin,
    Seconds,
    Span,
    Text,
    TimeOfDay,
    Weekdays,
)

STOP_WORD = "stop"
"""The stop word that comes with this program."""
NO_STOP_WORD = "off"
STOP_REFRACTORY_S = 1.0


class ButtonTrigger(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="button"):
    """A push button between a pin and ground."""

    pin: Pin
    """The button's pin."""
    greeting: Text = NO_GREETING
    """The greeting a press begins with, or none."""
    assistant: Text = SERVICE_ASSISTANT
    """Who answers: one of `assistants`, or service."""
    active_high: bool = False
    """True for a button between the pin and 3.3 V."""
    debounce_ms: Annotated[int, Meta(ge=0, le=200, extra=IN_MS)] = 5
    """Debounce: a press counts if it lasts so many milliseconds."""
    hold_s: Annotated[float, Meta(ge=0.3, le=10, extra=IN_SECONDS)] = 1.0
    """Long press: holding the button for so many seconds mutes."""
    mode: Literal["press", "push-to-talk"] = "press"
    """press: a press opens a conversation; push-to-talk: a person is heard while the button is held."""


class WakeWordTrigger(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="wake-word"):
    """A wake word, detected on the device; no audio leaves the device before it."""

    word: Text
    """The word's name, such as okay_nabu; or the path of a model: .json of microWakeWord, .tflite of openWakeWord."""
    greeting: Text = NO_GREETING
    """The greeting it begins with, or none: then what is said right after the word is heard."""
    assistant: Text = SERVICE_ASSISTANT
    """Who answers: one of `assistants`, or service."""
    sensitivity: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """From 0 (only a clear word counts) to 1 (similar sounds count, too)."""
    refractory_s: Seconds = 2.0
    """How many seconds after a detection of this word it can be detected again."""


class MotionTrigger(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="motion"):
    """A motion sensor (PIR) on a pin: greets a person who walks past."""

    pin: Pin
    """The sensor's output."""
    greeting: Text = NO_GREETING
    """The greeting it begins with, or none."""
    assistant: Text = SERVICE_ASSISTANT
    """Who answers: one of `assistants`, or service."""
    cooldown_s: Annotated[float, Meta(ge=0, le=86_400, extra=IN_SECONDS)] = 600.0
    """How many seconds after a conversation it opened it can open the next."""
    between: Span | None = None
    """Only between these times, such as "07:00-22:00"; over midnight too."""
    active_high: bool = True
    """False for a sensor whose output is low when it detects motion."""


class ScheduleTrigger(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="schedule"):
    """A time of the day at which the speaker begins a conversation."""

    at: TimeOfDay
    """When, in the device's time zone, such as "07:30"."""
    days: Weekdays = "daily"
    """On which days: daily, a range such as mon-fri, or a list such as sat,sun."""
    greeting: Text = NO_GREETING
    """The greeting it begins with, or none."""
    assistant: Text = SERVICE_ASSISTANT
    """Who answers: one of `assistants`, or service."""


Trigger = ButtonTrigger | WakeWordTrigger | MotionTrigger | ScheduleTrigger
"""Further kinds are added with `|`; their tag is the value of `type` in the file."""


class Mute(Struct, frozen=True, forbid_unknown_fields=True):
    """A hardware switch that closes the microphone; it overrides everything."""

    switch_pin: Pin | None = None
    """The switch's pin."""
