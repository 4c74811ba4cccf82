"""Tools for timers and alarms: set, list, change, cancel, stop, snooze."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from msgspec import Meta

from device_daemon.config.times import TIME_OF_DAY, guess_weekdays, parse_days
from device_daemon.timers.entries import Entry, label
from device_daemon.timers.schedule import TimerRefused
from device_daemon.timers.timers import Timers
from device_daemon.tools.tool import Tool, tool_of

Hours = Annotated[int, Meta(ge=-168, le=168)]
Minutes = Annotated[int, Meta(ge=-10_080, le=10_080)]
Seconds = Annotated[int, Meta(ge=-604_800, le=604_800)]
NOT_STORED: Final = "; it could not be stored, so a power cut would lose it"


def timer_tools(timers: Timers) -> list[Tool]:
    """Return the tools that set timers and alarms, and see to them."""

    async def set_timer(hours: Hours = 0, minutes: Minutes = 0, seconds: Seconds = 0, name: str = "") -> str:
        """Sets a timer that rings on this device after some time. Several may run at once.

        Args:
            hours: Added to minutes and seconds.
            minutes: Added to hours and seconds.
            seconds: Added to hours and minutes.
            name: What it is for, in the person's words, such as pasta; empty if they gave none.
        """
        return await _set(timers, timers.set_timer(name, _seconds(hours, minutes, seconds)))

    async def change_timer(
        name: str, hours: Hours = 0, minutes: Minutes = 0, seconds: Seconds = 0, *, add: bool = False
    ) -> str:
        """Changes how long a timer still runs.

        Args:
            name: The timer's name, as list_timers gives it.
            hours: Added to minutes and seconds.
            minutes: Added to hours and seconds.
            seconds: Added to hours and minutes.
            add: True adds this to what is left (negative numbers: takes it away); false makes it what is left.
        """
        return await _set(timers, timers.change_timer(name, _seconds(hours, minutes, seconds), add=add))

    async def set_alarm(
        time: Annotated[str, Meta(pattern=TIME_OF_DAY)], days: str = "", day: str = "", name: str = ""
    ) -> str:
        """Sets an alarm that rings at a time of day, in the device's time zone; one of the same name is replaced.

        Args:
            time: Such as 07:30, with 24 hours.
            days: To ring every week: daily, or days such as mon-fri or sat,sun; empty to ring once.
            day: To ring once, on that date, such as 2026-12-24; empty for the next time that it is that time.
            name: What it is for, in the person's words; empty if they gave none.
        """
        weekly = _days(days)
        if weekly and day:
            raise TimerRefused("an alarm rings once on a day, or on days of every week: give only one of them")
        return await _set(timers, timers.set_alarm(name, time, weekly, _date(day)))

    def list_timers() -> str:
        """Lists all timers and alarms: what is left, what rings now, and what rang while nobody was there.

        Call it for every question about them, such as how long the pasta has left.
        """
        lines = [*timers.lines(), *timers.missed_lines()]
        timers.forget_missed()
        return "\n".join(lines) or "no timer or alarm is set"

    async def cancel_timer(name: str) -> str:
        """Cancels a timer or an alarm for good.

        Args:
            name: Its name, as list_timers gives it; all for all of them.
        """
        return await _done("cancelled", timers, timers.cancel(name))

    async def stop_ringing() -> str:
        """Silences the timer or alarm that rings now. An alarm of every week rings again on its next day."""
        stopped = timers.stop()
        return await _done("stopped", timers, stopped) if stopped else "nothing rings"

    async def snooze(minutes: Annotated[int, Meta(ge=0, le=600)] = 0) -> str:
        """Silences what rings now, and rings again later.

        Args:
            minutes: After how many minutes; 0 for the usual time.
        """
        return await _done("rings again later", timers, timers.snooze(minutes * 60.0))

    return [
        tool_of(function, group="timers")
        for function in (set_timer, change_timer, set_alarm, list_timers, cancel_timer, stop_ringing, snooze)
    ]


async def _set(timers: Timers, entry: Entry) -> str:
    return f"set: {timers.describe(entry)}" + ("" if await timers.stored() else NOT_STORED)


async def _done(what: str, timers: Timers, entries: list[Entry]) -> str:
    await timers.stored()
    return f"{what}: {', '.join(map(label, entries))}"


def _seconds(hours: int, minutes: int, seconds: int) -> float:
    return hours * 3600.0 + minutes * 60.0 + seconds


def _days(text: str) -> str | None:
    if not text:
        return None
    days = guess_weekdays(text) or text
    try:
        parse_days(days)
    except ValueError as error:
        raise TimerRefused(f"days: {error}") from None
    return days


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise TimerRefused(f"day: found {text!r}; allowed: a date such as 2026-12-24") from None
