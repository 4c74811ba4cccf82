"""The clock as a trigger: reports what is due by the timetable, in the event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import tzinfo

from device_daemon.config.settings import ScheduleTrigger
from device_daemon.system import clock_sync
from device_daemon.system.time_zone import local_zone
from device_daemon.system.wake_up import LONGEST_SLEEP_S, Loop, WakeUp
from device_daemon.triggers.timetable import Timetable


class Schedule:
    """Reports what is due.

    `on_due` is called in the loop's thread, for each schedule once a day at most, never later than the timetable allows
    and never before `clock_is_set`: a Pi without network has a time of its own.
    """

    def __init__(
        self,
        triggers: Sequence[ScheduleTrigger],
        *,
        loop: Loop,
        on_due: Callable[[ScheduleTrigger], None],
        wall_clock: Callable[[], float] = time.time,
        zone: Callable[[], tzinfo] = local_zone,
        clock_is_set: Callable[[], bool] = clock_sync.is_set,
    ) -> None:
        self._on_due = on_due
        self._wall_clock = wall_clock
        self._clock_is_set = clock_is_set
        self._timetable = Timetable(triggers, zone=zone, since_epoch_s=wall_clock())
        self._closed = False
        self._wake_up = WakeUp(loop, self._report_due)

    def close(self) -> None:
        """Nothing is reported from now on. Idempotent."""
        self._closed = True
        self._wake_up.close()

    def _report_due(self) -> float:
        if not self._clock_is_set():
            return LONGEST_SLEEP_S
        now_epoch_s = self._wall_clock()
        for trigger in self._timetable.due(now_epoch_s):
            if not self._closed:
                self._on_due(trigger)
        return min(LONGEST_SLEEP_S, self._timetable.next_s(now_epoch_s))
