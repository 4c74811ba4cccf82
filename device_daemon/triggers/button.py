"""Push buttons: the pins of all that the config names, opened early, and where their gestures go."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from device_daemon.config.settings import ButtonTrigger
from device_daemon.triggers.contact import Contact
from device_daemon.triggers.gesture import DOUBLE_PRESS_S, Gesture, GestureMachine
from device_daemon.triggers.pins import RETRY_S, Pins

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 32
"""Gestures that may wait while the program starts; then the oldest is dropped."""


class Button:
    """A push button, debounced. Raises PinUnusable if the pin cannot be opened.

    `on_gesture` is called in the loop's thread, for a press `debounce_ms` after its first edge.
    """

    def __init__(
        self,
        settings: ButtonTrigger,
        *,
        loop: asyncio.AbstractEventLoop,
        on_gesture: Callable[[Gesture], None],
        double_press_s: float = DOUBLE_PRESS_S,
    ) -> None:
        self._machine = GestureMachine(settings.debounce_ms / 1000, settings.hold_s, double_press_s)
        self._contact: Contact[Gesture] = Contact(
            "button",
            settings.pin,
            active_high=settings.active_high,
            loop=loop,
            machine=self._machine,
            on_event=on_gesture,
            on_unreadable=lambda error: logger.warning("%s", error),
        )

    @property
    def spurious(self) -> int:
        """How many edges were too short to be a press: many of them mean a bad wire or interference."""
        return self._machine.spurious

    def close(self) -> None:
        """Give the pin back; nothing is called from now on. Idempotent."""
        self._contact.close()


class Buttons:
    """All buttons of a config. A pin that cannot be opened is tried again (`pins`), and the others work.

    They are opened before most of the program is in memory: gestures wait until `serve` says who handles them, and
    again from `hold` on. So no press is lost at the start or while another config is put in force.
    """

    def __init__(
        self, triggers: list[ButtonTrigger], *, loop: asyncio.AbstractEventLoop, retry_s: float = RETRY_S
    ) -> None:
        self.pins = Pins(loop, retry_s)
        """The pins of all triggers; a button's has the name of its number."""
        self._loop = loop
        self._waiting: deque[tuple[int, Gesture]] = deque(maxlen=MOST_WAITING)
        self._handle: Callable[[ButtonTrigger, Gesture], None] | None = None
        self._triggers: dict[int, ButtonTrigger] = {}
        self.release(triggers)
        self.open()

    def release(self, triggers: list[ButtonTrigger]) -> None:
        """Take the triggers of another config, and give the pins back that it does not use in the same way."""
        before, self._triggers = self._triggers, {trigger.pin: trigger for trigger in triggers}
        for pin, trigger in before.items():
            if pin not in self._triggers or _wiring(trigger) != _wiring(self._triggers[pin]):
                self.pins.close(pin)

    def open(self) -> None:
        """Open the pins of the config; a button that is wired as before was open all the time."""
        for pin, trigger in self._triggers.items():
            self.pins.open(pin, partial(Button, trigger, loop=self._loop, on_gesture=partial(self._take, pin)))

    def serve(self, handle: Callable[[ButtonTrigger, Gesture], None]) -> None:
        """From now on gestures go to `handle`; those that waited go there first, in order."""
        self._handle = handle
        while self._waiting:
            self._take(*self._waiting.popleft())

    def hold(self) -> None:
        """From now on gestures wait for the next `serve`."""
        self._handle = None

    def close(self) -> None:
        """Give all pins back; nothing is called from now on. Idempotent."""
        self.pins.close_all()

    def _take(self, pin: int, gesture: Gesture) -> None:
        if self._handle is None:
            self._waiting.append((pin, gesture))
        elif (trigger := self._triggers.get(pin)) is not None:  # else it is no button any more
            self._handle(trigger, gesture)


def _wiring(trigger: ButtonTrigger) -> tuple[object, ...]:
    """Return what decides how a pin is opened and read."""
    return trigger.pin, trigger.active_high, trigger.debounce_ms, trigger.hold_s
