"""Push buttons: the pins of all that the config names, opened early, and where their gestures go."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from device_daemon.config.settings import ButtonTrigger
from device_daemon.errors import PinUnusable
from device_daemon.triggers.contact import Contact
from device_daemon.triggers.gesture import DOUBLE_PRESS_S, Gesture, GestureMachine

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
    """All buttons of a config. A pin that cannot be opened is logged, and the others work.

    They are opened before most of the program is in memory: gestures wait until `serve` says who handles them.
    """

    def __init__(self, triggers: list[ButtonTrigger], *, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting: deque[tuple[ButtonTrigger, Gesture]] = deque(maxlen=MOST_WAITING)
        self._handle: Callable[[ButtonTrigger, Gesture], None] | None = None
        self._buttons: list[Button] = []
        for trigger in triggers:
            try:
                self._buttons.append(Button(trigger, loop=loop, on_gesture=partial(self._take, trigger)))
            except PinUnusable as error:
                logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback helps no owner

    def serve(self, handle: Callable[[ButtonTrigger, Gesture], None]) -> None:
        """From now on gestures go to `handle`; those that waited go there first, in order."""
        self._handle = handle
        while self._waiting:
            handle(*self._waiting.popleft())

    def close(self) -> None:
        """Give all pins back; nothing is called from now on. Idempotent."""
        for button in self._buttons:
            button.close()

    def _take(self, trigger: ButtonTrigger, gesture: Gesture) -> None:
        if self._handle is None:
            self._waiting.append((trigger, gesture))
        else:
            self._handle(trigger, gesture)
