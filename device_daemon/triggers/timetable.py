"""When schedules are due: a pure rule over wall-clock times and time zones, without a clock.

A schedule is due once on each of its days, at the first instant at which the clocks show its time or a later one. So
where clocks are put forward over it, it is due as they jump; where they are put back and show it twice, the first time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta, tzinfo
from itertools import takewhile
from typing import Final

from device_daemon.config.settings import ScheduleTrigger
from device_daemon.config.times import parse_days, parse_time
from device_daemon.system.time_zone import instant, shown

LATE_S: Final = 60.0
"""A schedule that is later than this is skipped: an alarm an hour late is of no use."""
MOST_REMEMBERED: Final = 1000
"""How many of a schedule's days are remembered, so that it is not due again where the clock is put back: almost three years."""
_DAYS_AHEAD: Final = 8
_DAY: Final = timedelta(days=1)


class Timetable:
    """All schedules of a device whose clock may be put forward and back, and which may travel.

    `zone` is asked each time. What was due in the minute before `since_epoch_s` is skipped, since another process ran then: a speaker
    that reads its config again does not greet again. All times are seconds since 1970 (`time.time()`).
    """

    def __init__(
        self, triggers: Sequence[ScheduleTrigger], *, zone: Callable[[], tzinfo], since_epoch_s: float
    ) -> None:
        self._zone = zone
        self._lines = [_Line(trigger) for trigger in triggers]
        self.due(since_epoch_s)

    def due(self, now_epoch_s: float) -> list[ScheduleTrigger]:
        """Return what is due and was not returned before, unless it is late by more than `LATE_S`; in their order."""
        zone = self._zone()
        return [line.trigger for line in self._lines if line.strike(now_epoch_s, zone)]

    def next_s(self, now_epoch_s: float) -> float:
        """Return in how many seconds something is due next, 0 if it is already; infinity if nothing is for a week."""
        zone = self._zone()
        return min((max(0.0, line.next(now_epoch_s, zone) - now_epoch_s) for line in self._lines), default=math.inf)


class _Line:
    """One schedule, and on which days it has been due already."""

    def __init__(self, trigger: ScheduleTrigger) -> None:
        self.trigger = trigger
        self._at = parse_time(trigger.at)
        self._days = parse_days(trigger.days)
        # By day, for clocks and zones that go back over it; by instant too, for a journey across the date line.
        self._done: deque[tuple[date, int]] = deque(maxlen=MOST_REMEMBERED)

    def strike(self, now_epoch_s: float, zone: tzinfo) -> bool:
        """Whether it is due, which it is only once."""
        due = list(takewhile(lambda due: due[1] <= now_epoch_s, self._open(now_epoch_s, zone)))
        self._done.extend(due)
        return bool(due)

    def next(self, now_epoch_s: float, zone: tzinfo) -> float:
        """Return when it is due next, or already is."""
        return next((at for _, at in self._open(now_epoch_s, zone)), math.inf)

    def _open(self, now_epoch_s: float, zone: tzinfo) -> Iterator[tuple[date, int]]:
        """Yield days and instants that have not been due yet and are not too late, the earliest first."""
        today = shown(now_epoch_s, zone).date()
        # What was due yesterday, or on a day that the calendar skipped, may have been so a moment ago.
        for day in (today + _DAY * ahead for ahead in range(-2, _DAYS_AHEAD + 1)):
            if day.weekday() not in self._days:
                continue
            at = instant(day, self._at, zone)
            if at >= now_epoch_s - LATE_S and not any(day == done or at == when for done, when in self._done):
                yield day, at
