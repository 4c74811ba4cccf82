"""What a button's gestures ask for: a press acts at once, but while muted only a hold may end the mute."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

from device_daemon.config.settings import ButtonTrigger
from device_daemon.device.control_protocol import Refused
from device_daemon.device.conversation_requests import Origin
from device_daemon.device.requests import Requests
from device_daemon.triggers.gesture import DoublePress, Gesture, Hold, Press, Release


class GestureActions(Protocol):
    """What becomes of the gestures of one button."""

    def handle(self, gesture: Gesture) -> None:
        """Act on the next gesture."""


def actions_for(trigger: ButtonTrigger, requests: Requests) -> GestureActions:
    """Return the actions of the mode that the config gives a button."""

    def origin() -> Origin:
        greeting = requests.adjustments.greeting_of(trigger)
        return Origin(f"button on pin {trigger.pin}", greeting, trigger.assistant)

    kind = PushToTalkActions if trigger.mode == "push-to-talk" else ButtonActions
    return kind(requests, origin)


class ButtonActions:
    """A button that is pressed: press, press twice, or hold to mute."""

    def __init__(self, requests: Requests, origin: Callable[[], Origin]) -> None:
        self._requests = requests
        self._origin = origin
        self._undecided_since_s: float | None = None
        """A press while muted, which may still become the hold that unmutes."""
        self._silences = False
        """The press stopped the ringing of a timer: muted or not, and however long it lasts, it means nothing else."""

    def handle(self, gesture: Gesture) -> None:
        """Act on the next gesture. What is refused is answered with a spoken notice, or by the light."""
        origin = self._origin()
        with contextlib.suppress(Refused):
            match gesture:
                case Press(at_s) if self._requests.ringing:
                    self._silences = True
                    self._requests.press(at_s, origin)
                case DoublePress(at_s) if self._silences:
                    self._requests.double_press(at_s, origin)
                case Hold() if self._silences:
                    pass
                case Press(at_s) | DoublePress(at_s) if self._requests.muted:
                    self._silences = False
                    self._undecided_since_s = at_s
                case Press(at_s):
                    self._silences = False
                    self._requests.press(at_s, origin)
                case DoublePress(at_s):
                    self._requests.double_press(at_s, origin)
                case Hold():
                    self._undecided_since_s = None
                    self._requests.hold(origin.trigger)
                case Release():
                    # A short press while muted: it is answered with the reason why nothing happens.
                    since_s, self._undecided_since_s = self._undecided_since_s, None
                    if since_s is not None:
                        self._requests.press(since_s, origin)


class PushToTalkActions:
    """A button that is held while somebody talks; how long it is held means nothing else."""

    def __init__(self, requests: Requests, origin: Callable[[], Origin]) -> None:
        self._requests = requests
        self._origin = origin

    def handle(self, gesture: Gesture) -> None:
        """Act on the next gesture. What is refused is answered with a spoken notice."""
        origin = self._origin()
        match gesture:
            case Press(at_s) | DoublePress(at_s):
                with contextlib.suppress(Refused):
                    self._requests.begin_talking(at_s, origin)
            case Release(at_s):
                self._requests.end_talking(at_s)
