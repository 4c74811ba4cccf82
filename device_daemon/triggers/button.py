"""The push button: a contact on a pin, and what its owner does with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from device_daemon.config.settings import ButtonTrigger
from device_daemon.triggers.contact import Contact
from device_daemon.triggers.gesture import DoublePress, Gesture, GestureMachine, Hold, Press, Release


class Button:
    """A push button, debounced.

    `on_press(at_s)` gets the time.monotonic() of the press's first edge and is called `debounce_ms` later; so does
    `on_double`, which takes its place for the second of two quick presses; `on_hold` is called once the button has been
    down for `hold_s`; `on_release(at_s)` once after each press, held or not, with the time of the first edge of letting
    go. All are called in the loop's thread. Raises PinUnusable if the pin cannot be had.
    """

    def __init__(
        self,
        settings: ButtonTrigger,
        *,
        loop: asyncio.AbstractEventLoop,
        on_press: Callable[[float], None],
        on_double: Callable[[float], None],
        on_release: Callable[[float], None],
        on_hold: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._on_press = on_press
        self._on_double = on_double
        self._on_release = on_release
        self._on_hold = on_hold
        self._timer: asyncio.TimerHandle | None = None
        self._machine = GestureMachine(settings.debounce_ms / 1000, settings.hold_s)
        self._contact = Contact(
            "button", settings.pin, active_high=settings.active_high, loop=loop, on_edge=self._take_edge
        )

    @property
    def phantoms(self) -> int:
        """How many edges were too short to be a press: many of them mean a bad wire or a noisy neighbour."""
        return self._machine.phantoms

    def close(self) -> None:
        """Give the pin back; nothing is called from now on. Idempotent."""
        self._contact.close()
        self._cancel_timer()

    def _take_edge(self, closed: bool, at_s: float) -> None:
        self._tell(self._machine.edge(closed, at_s))

    def _tick(self) -> None:
        self._tell(self._machine.tick(self._loop.time()))

    def _tell(self, gestures: Sequence[Gesture]) -> None:
        self._cancel_timer()
        # asyncio's clock is time.monotonic(), the clock of the edges.
        if (deadline_s := self._machine.deadline_s) is not None:
            self._timer = self._loop.call_at(deadline_s, self._tick)
        for gesture in gestures:
            match gesture:
                case Press(at_s):
                    self._on_press(at_s)
                case DoublePress(at_s):
                    self._on_double(at_s)
                case Hold():
                    self._on_hold()
                case Release(at_s):
                    self._on_release(at_s)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
