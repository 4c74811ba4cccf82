"""What buttons ask of the desk: a press acts at once, but while muted only a hold may end the mute.

The desk is asked for at each press: buttons are armed before there is one (see daemon.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from device_daemon.device.control_socket import Refused

if TYPE_CHECKING:
    from device_daemon.device.requests import Requests


class ButtonActions:
    """One button's presses, releases and holds, in that order for each time it is pushed."""

    def __init__(self, desk: Callable[[], Requests], greeting: str, trigger: str) -> None:
        self._desk = desk
        self._greeting = greeting
        self._trigger = trigger
        self._waiting_since_s: float | None = None

    def pressed(self, at_s: float) -> None:
        """Act at once; but while muted it may become the hold that unmutes, so wait for what follows."""
        if self._desk().muted:
            self._waiting_since_s = at_s
        else:
            self._press(at_s)

    def pressed_twice(self, at_s: float) -> None:
        """Say the last answer again; while muted it is a press like any other."""
        if self._desk().muted:
            self._waiting_since_s = at_s
            return
        with contextlib.suppress(Refused):
            self._desk().pressed_twice(at_s, self._greeting, self._trigger)

    def released(self, _at_s: float) -> None:
        """A short press while muted is answered with the reason why nothing happens."""
        if self._waiting_since_s is not None:
            self._press(self._waiting_since_s)
        self._waiting_since_s = None

    def held(self) -> None:
        """Mute, or unmute."""
        self._waiting_since_s = None
        with contextlib.suppress(Refused):  # the hardware switch wins; its light says so already
            self._desk().hold()

    def _press(self, at_s: float) -> None:
        with contextlib.suppress(Refused):  # the person hears the reason as a notice
            self._desk().press(at_s, self._greeting, self._trigger)


class PushToTalkActions:
    """A button that is held while somebody talks."""

    def __init__(self, desk: Callable[[], Requests], greeting: str, trigger: str) -> None:
        self._desk = desk
        self._greeting = greeting
        self._trigger = trigger

    def pressed(self, at_s: float) -> None:
        """Listen from now on, and say at once if that cannot be."""
        with contextlib.suppress(Refused):
            self._desk().talk_begins(at_s, self._greeting, self._trigger)

    def released(self, at_s: float) -> None:
        """The turn is over."""
        self._desk().talk_ends(at_s)

    def held(self) -> None:
        """Holding is what this button is for."""
