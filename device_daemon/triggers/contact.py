"""A contact on a GPIO pin (button, switch, sensor): its edges, dated by the kernel, brought into the event loop.

A `ContactMachine` turns edges into events: `gesture` for buttons, `debounce` for switches and sensors. Here are its
threads, timers and the pin.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Final, Generic, Protocol, TypeVar

from device_daemon.errors import PinUnusable
from device_daemon.system.gpio import in_use, take
from device_daemon.system.loop_bridge import post_to_loop

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)

LOOK_AGAIN_S: Final = 0.005
EDGE_LOST_S: Final = 0.25
"""An edge that the pin shows, but that was not reported for so long, is lost: a busy machine reports it within 0.1 s."""
_OLDEST_EDGE_S: Final = 60.0


class ContactMachine(Protocol[Event_co]):
    """A pure machine that is fed with edges and with time."""

    @property
    def closed(self) -> bool:
        """The position, as far as edges were reported."""

    @property
    def deadline_s(self) -> float | None:
        """When `tick` is due; None while nothing can happen without another edge."""

    def edge(self, closed: bool, at_s: float) -> Sequence[Event_co]:
        """Take an edge; return the events known by then."""

    def tick(self, now_s: float) -> Sequence[Event_co]:
        """Return the events known at `now_s`."""


class Contact(Generic[Event]):
    """A pin and its machine.

    Args:
        owner: What the pin is for, as the config calls it.
        pin: BCM number.
        active_high: The contact connects the pin to 3.3 V, not to ground.
        loop: The running loop, whose clock is time.monotonic().
        machine: Makes events of edges.
        on_event: Called in the loop's thread, in order.
        on_unreadable: Called there if the pin cannot be read when its position matters.

    Raises:
        PinUnusable: The pin cannot be opened.
    """

    def __init__(
        self,
        owner: str,
        pin: int,
        *,
        active_high: bool,
        loop: asyncio.AbstractEventLoop,
        machine: ContactMachine[Event],
        on_event: Callable[[Event], None],
        on_unreadable: Callable[[PinUnusable], None] = lambda _error: None,
    ) -> None:
        self._owner = owner
        self._pin = pin
        self._active_high = active_high
        self._loop = loop
        self._machine = machine
        self._on_event = on_event
        self._on_unreadable = on_unreadable
        self._timer: asyncio.TimerHandle | None = None
        self._disagrees_since_s: float | None = None
        self._closing = False
        self._input = take(owner, (pin,), self._open)

    def is_closed(self) -> bool:
        """Read the pin. Raises PinUnusable if that fails."""
        with in_use(self._owner, (self._pin,)):
            return bool(self._input.is_active)

    def close(self) -> None:
        """Give the pin back; nothing is called from now on. Idempotent."""
        self._closing = True
        self._cancel_timer()
        with contextlib.suppress(PinUnusable), in_use(self._owner, (self._pin,)):
            self._input.close()

    def _open(self, gpiozero: ModuleType) -> Any:
        # Not gpiozero.Button: each of those keeps a thread for its hold timer. Not DigitalInputDevice either: it keeps
        # the time of an edge to itself. No bounce_time: it delays the first edge.
        contact = gpiozero.InputDevice(self._pin, pull_up=not self._active_high)
        try:
            contact.pin.edges = "both"
            contact.pin.when_changed = self._pin_changed
        except Exception:
            contact.close()
            raise
        return contact

    def _pin_changed(self, ticks: float, state: float) -> None:
        """Runs in a thread of the pin library."""
        at_s = edge_time_s(ticks, time.monotonic(), time.time())
        post_to_loop(self._loop, partial(self._take_edge, bool(state) is self._active_high, at_s))

    def _take_edge(self, closed: bool, at_s: float) -> None:
        if not self._closing:
            self._disagrees_since_s = None
            self._report(self._machine.edge(closed, at_s))

    def _tick(self) -> None:
        """Let time pass for the machine, unless the pin shows an edge that is still on its way.

        While a card opens or a module is imported, edges are reported late: without this look at the pin, a short
        press would be taken for a hold.
        """
        now_s = self._loop.time()
        try:
            closed = self.is_closed()
        except PinUnusable as error:
            self._cancel_timer()
            self._on_unreadable(error)
            return
        if closed is self._machine.closed:
            self._disagrees_since_s = None
            self._report(self._machine.tick(now_s))
            return
        since_s = self._disagrees_since_s = self._disagrees_since_s or now_s
        if now_s - since_s < EDGE_LOST_S:
            self._timer = self._loop.call_at(now_s + LOOK_AGAIN_S, self._tick)
            return
        self._disagrees_since_s = None
        # The edge came before the event that is due, so that event does not happen.
        due_s = self._machine.deadline_s
        self._report(self._machine.edge(closed, min(since_s, due_s - LOOK_AGAIN_S) if due_s else since_s))

    def _report(self, events: Sequence[Event]) -> None:
        self._cancel_timer()
        if (deadline_s := self._machine.deadline_s) is not None:
            self._timer = self._loop.call_at(deadline_s, self._tick)
        for event in events:
            if not self._closing:
                self._on_event(event)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def is_closed(owner: str, pin: int, *, active_high: bool) -> bool:
    """Return whether a contact that nothing else uses is closed just now. Raises PinUnusable."""
    with in_use(owner, (pin,)):
        contact = take(owner, (pin,), lambda gpiozero: gpiozero.InputDevice(pin, pull_up=not active_high))
        try:
            return bool(contact.is_active)
        finally:
            contact.close()


def edge_time_s(ticks: float, monotonic_s: float, epoch_s: float) -> float:
    """Return when an edge happened, in time.monotonic() seconds.

    Args:
        ticks: The pin library's time of the edge, in seconds. lgpio passes on the kernel's timestamp, which is
            CLOCK_MONOTONIC, or CLOCK_REALTIME before Linux 5.7; the other libraries take time.monotonic().
        monotonic_s: time.monotonic() now.
        epoch_s: time.time() now.
    """
    for now_s in (monotonic_s, epoch_s):
        if 0.0 <= now_s - ticks <= _OLDEST_EDGE_S:
            return monotonic_s - (now_s - ticks)
    return monotonic_s
