"""A device's clocks, turned by hand: the time since boot, and the clock on the wall, which is set now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from device_daemon.timers.countdown import Now


@dataclass(eq=False)
class LoopTimer:
    when_s: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Clocks:
    """With the event loop's time and timers, which go on with `pass_by`."""

    def __init__(self, wall: str = "2026-01-05T07:00", zone: tzinfo = UTC) -> None:
        """Begin at this local time; 2026-01-05 is a Monday."""
        self.boot_s = 1000.0
        self.boot = 1
        self.epoch_s = datetime.fromisoformat(wall).replace(tzinfo=zone).timestamp()
        self.zone = zone
        self.is_set = True
        self.wake_ups = 0
        self._timers: list[LoopTimer] = []

    def time(self) -> float:
        return self.boot_s

    def call_at(self, when: float, callback: Callable[[], None], /) -> LoopTimer:
        self._timers.append(LoopTimer(when, callback))
        return self._timers[-1]

    def now(self) -> Now:
        return Now(self.boot_s, f"boot {self.boot}", self.epoch_s, self.zone, self.is_set)

    def pass_by(self, seconds: float) -> Now:
        """Time passes on all clocks, and what the loop has to call is called."""
        end_s = self.boot_s + seconds
        while due := [timer for timer in self._timers if timer.when_s <= end_s and not timer.cancelled]:
            first = min(due, key=lambda timer: timer.when_s)
            self._timers.remove(first)
            self._turn_to(max(self.boot_s, first.when_s))
            self.wake_ups += 1
            first.callback()
        self._turn_to(end_s)
        return self.now()

    def _turn_to(self, boot_s: float) -> None:
        self.epoch_s += boot_s - self.boot_s
        self.boot_s = boot_s

    def step(self, seconds: float) -> Now:
        """The clock on the wall is set."""
        self.epoch_s += seconds
        return self.now()

    def power_cut(self, seconds: float) -> Now:
        """The device is off for a while, and has a clock that knows how long."""
        self.boot += 1
        self.boot_s = 20.0
        self.epoch_s += seconds
        return self.now()
