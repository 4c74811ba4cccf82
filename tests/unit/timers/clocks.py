"""A device's clocks, turned by hand: the time since boot, and the clock on the wall, which is set now and then."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from device_daemon.timers.countdown import Now


class Clocks:
    def __init__(self, wall: str = "2026-01-05T07:00", zone: tzinfo = UTC) -> None:
        """Begin at this local time; 2026-01-05 is a Monday."""
        self.boot_s = 1000.0
        self.boot = 1
        self.epoch_s = datetime.fromisoformat(wall).replace(tzinfo=zone).timestamp()
        self.zone = zone
        self.is_set = True

    def now(self) -> Now:
        return Now(self.boot_s, f"boot {self.boot}", self.epoch_s, self.zone, self.is_set)

    def pass_by(self, seconds: float) -> Now:
        """Time passes on all clocks."""
        self.boot_s += seconds
        self.epoch_s += seconds
        return self.now()

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
