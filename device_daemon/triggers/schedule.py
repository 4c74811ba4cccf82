"""The clock as a trigger: reports what is due by the timetable, in the event loop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from device_daemon.config.settings import ScheduleTrigger
from device_daemon.system import clock_sync
from device_daemon.triggers.timetable import Timetable

LONGEST_SLEEP_S: Final = 30.0
"""A clock that is put forward or back, a suspended device and another time zone are noticed after so long at most."""


class ScheduleTimer(Protocol):
    """What is due at some time."""

    def cancel(self) -> None:
        """Make it not happen."""


class Loop(Protocol):
    """What a schedule needs of the event loop."""

    def time(self) -> float:
        """Return seconds on a clock that never goes back."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> ScheduleTimer:
        """Call back when it is `when`."""


def local_zone(link: Path = Path("/etc/localtime"), name: Path = Path("/etc/timezone")) -> tzinfo:
    """Return the device's time zone as it is set now; where it has no name, today's offset from UTC."""
    for key in _names(link, name):
        # KeyError: there is no such zone on this machine; ValueError: it is no name of one.
        with contextlib.suppress(OSError, KeyError, ValueError):
            return ZoneInfo(key)
    return datetime.now().astimezone().tzinfo or UTC


def _names(link: Path, name: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield str(link.readlink()).rpartition("zoneinfo/")[2]
    with contextlib.suppress(OSError, ValueError):
        yield name.read_text(encoding="utf-8").strip()


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
        self._loop = loop
        self._on_due = on_due
        self._wall_clock = wall_clock
        self._clock_is_set = clock_is_set
        self._timetable = Timetable(triggers, zone=zone, since_epoch_s=wall_clock())
        self._closed = False
        self._timer = loop.call_at(loop.time(), self._wake)

    def close(self) -> None:
        """Nothing is reported from now on. Idempotent."""
        self._closed = True
        self._timer.cancel()

    def _wake(self) -> None:
        due: list[ScheduleTrigger] = []
        sleep_s = LONGEST_SLEEP_S
        if self._clock_is_set():
            now_epoch_s = self._wall_clock()
            due = self._timetable.due(now_epoch_s)
            sleep_s = min(sleep_s, self._timetable.next_s(now_epoch_s))
        self._timer = self._loop.call_at(self._loop.time() + sleep_s, self._wake)
        for trigger in due:
            if not self._closed:
                self._on_due(trigger)
