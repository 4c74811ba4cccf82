"""What a person sets: timers, which count down, and alarms, which name a time of day. Pure; as they are stored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from device_daemon.config.times import TIME_OF_DAY, WEEKDAYS, parse_days, parse_time
from device_daemon.system.time_zone import instant, shown
from device_daemon.timers.countdown import Countdown, Now, countdown

NAME_CHARACTERS: Final = 60
_DAY: Final = timedelta(days=1)
_WEEK_DAYS: Final = 8
"""Of a week, with a day for another time zone."""

Number = Annotated[int, Meta(ge=1, le=1_000_000)]
Name = Annotated[str, Meta(max_length=NAME_CHARACTERS)]


class Timer(Struct, frozen=True, tag_field="kind", tag="timer"):
    """Counts down."""

    number: Number
    name: Name
    """As a person calls it; may be empty."""
    countdown: Countdown

    @property
    def kind(self) -> Literal["timer"]:
        """For people and programs."""
        return "timer"

    def due_s(self, now: Now) -> float:
        """Return in how many seconds it is due, negative if it was."""
        return self.countdown.left_s(now)

    def corrected(self, now: Now) -> Timer:
        """Return it as it is after a power cut or a step of the clock."""
        right = self.countdown.corrected(now)
        return self if right is self.countdown else replace(self, countdown=right)

    def rang(self, _now: Now) -> Timer | None:
        """Return what is left of it when its ringing is over: nothing."""
        return None

    def snoozed(self, span_s: float, now: Now) -> Timer:
        """Return it for another ringing later."""
        return replace(self, countdown=countdown(span_s, now))


class Alarm(Struct, frozen=True, tag_field="kind", tag="alarm"):
    """Rings when the clocks of the device's time zone show a time: on one day, or again on days of the week.

    Where clocks are put forward over that time it rings as they jump, where they are put back and show it twice, the first
    time. It rings once for each day: not again on the same day when the clock is put back, or in a zone further west.
    """

    number: Number
    name: Name
    """As a person calls it; may be empty."""
    at: Annotated[str, Meta(pattern=TIME_OF_DAY)]
    """The time of day."""
    days: Annotated[str, Meta(pattern=WEEKDAYS)] | None = None
    """The days of the week; None for one day."""
    on: date | None = None
    """That day."""
    done: date | None = None
    """The last day for which it has rung, or was set too late to ring."""
    snooze: Countdown | None = None
    """While it is snoozed."""

    @property
    def kind(self) -> Literal["alarm"]:
        """For people and programs."""
        return "alarm"

    def due_s(self, now: Now) -> float:
        """Return in how many seconds it is due, negative if it was; infinity if it never is again."""
        if self.snooze is not None:
            return self.snooze.left_s(now)
        past = [at for _, at in self._open(now) if at <= now.epoch_s]
        # Of several days that were slept through, the last one counts.
        return max(past, default=self.next_epoch_s(now)) - now.epoch_s

    def next_epoch_s(self, now: Now) -> float:
        """Return when it is due next after this moment, snoozing aside; infinity if it never is again."""
        return min((at for _, at in self._open(now) if at > now.epoch_s), default=math.inf)

    def corrected(self, now: Now) -> Alarm:
        """Return it as it is after a power cut or a step of the clock."""
        snooze = self.snooze.corrected(now) if self.snooze else None
        done, today = self.done, shown(now.epoch_s, now.zone).date()
        if now.clock_is_set and done is not None and done > today + _DAY:
            # Further ahead than any time zone is: by a clock that was wrong.
            done = max((day for day, at in self._instants(now) if at <= now.epoch_s), default=None)
        return self if snooze is self.snooze and done is self.done else replace(self, snooze=snooze, done=done)

    def rang(self, now: Now) -> Alarm | None:
        """Return what is left of it when its ringing is over."""
        left = replace(self, snooze=None, done=self._last_day(now))
        return left if left.next_epoch_s(now) < math.inf else None

    def snoozed(self, span_s: float, now: Now) -> Alarm:
        """Return it for another ringing later."""
        return replace(self, snooze=countdown(span_s, now), done=self._last_day(now))

    def _last_day(self, now: Now) -> date | None:
        """Return the last day that needs no ringing any more."""
        past = [day for day, at in self._open(now) if at <= now.epoch_s]
        return max([*past, *([self.done] if self.done else [])], default=None)

    def _open(self, now: Now) -> Iterator[tuple[date, int]]:
        """Yield the days about now for which it has not rung, and when it does, in order."""
        return ((day, at) for day, at in self._instants(now) if self.done is None or day > self.done)

    def _instants(self, now: Now) -> Iterator[tuple[date, int]]:
        """Yield its days about now, and the time of each in seconds since 1970, in order."""
        at = parse_time(self.at)
        if self.days is None:
            days = [self.on] if self.on else []
        else:
            wanted, today = parse_days(self.days), shown(now.epoch_s, now.zone).date()
            near = (today + _DAY * ahead for ahead in range(-_WEEK_DAYS, _WEEK_DAYS + 1))
            days = [day for day in near if day.weekday() in wanted]
        return ((day, instant(day, at, now.zone)) for day in days)


Entry = Timer | Alarm


def label(entry: Entry) -> str:
    """Return what to call an entry: its name, or its kind and number."""
    return entry.name or f"{entry.kind} {entry.number}"


def new_alarm(number: int, name: str, at: str, days: str | None, on: date | None, *, now: Now) -> Alarm | None:
    """Return an alarm for the next time that it can ring; None if that day is past.

    Args:
        number: Which one.
        name: As a person calls it.
        at: The time of day, such as "07:30".
        days: Days of the week; None for one day.
        on: That day; None for the next time that the clocks show `at`.
        now: The moment.
    """
    today = shown(now.epoch_s, now.zone).date()
    passed = instant(today, parse_time(at), now.zone) <= now.epoch_s
    if days is not None:
        return Alarm(number, name, at, days, None, today if passed else today - _DAY)
    alarm = Alarm(number, name, at, None, on or (today + _DAY if passed else today))
    return alarm if alarm.next_epoch_s(now) < math.inf else None
