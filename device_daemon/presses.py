"""What a button asks of the host: a press acts at once, but while muted only a hold may end the mute."""

from __future__ import annotations

import contextlib

from device_daemon.control import Refused
from device_daemon.host import Host


class Presses:
    """One button's presses, releases and holds, in that order for each time it is pushed."""

    def __init__(self, host: Host, greeting: str, trigger: str) -> None:
        self._host = host
        self._greeting = greeting
        self._trigger = trigger
        self._waiting_since_s: float | None = None

    def pressed(self, at_s: float) -> None:
        """Act at once; but while muted it may become the hold that unmutes, so wait for what follows."""
        if self._host.muted:
            self._waiting_since_s = at_s
        else:
            self._press(at_s)

    def released(self) -> None:
        """A short press while muted is answered with the reason why nothing happens."""
        if self._waiting_since_s is not None:
            self._press(self._waiting_since_s)
        self._waiting_since_s = None

    def held(self) -> None:
        """Mute, or unmute."""
        self._waiting_since_s = None
        with contextlib.suppress(Refused):  # the hardware switch wins; its light says so already
            self._host.hold()

    def _press(self, at_s: float) -> None:
        with contextlib.suppress(Refused):  # the person hears the reason as a notice
            self._host.press(at_s, self._greeting, self._trigger)
