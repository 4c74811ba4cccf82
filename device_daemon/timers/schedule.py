"""The schedule of timers and alarms: which are set, which ring, when something is due next. Pure: time is passed in.

An entry is removed, or an alarm moved to its next day, when its ringing is over and not when it begins: after a power cut in
between it is overdue, and rings again. What is overdue by more than `LATE_S`, and what rang until `ring_for_s` and nobody
stopped, was missed.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from device_daemon.errors import SpeakerError
from device_daemon.system.time_zone import shown
from device_daemon.timers.countdown import EpochS, Now, countdown
from device_daemon.timers.entries import NAME_CHARACTERS, Alarm, Entry, Timer, label, new_alarm
from device_daemon.timers.text import left

LATE_S: Final = 1800.0
"""What should have rung longer ago, while the device was off, does not ring any more: it is reported as missed."""
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 7 * 86_400.0
_YEAR: Final = timedelta(days=366)
MOST: Final = 50
MOST_MISSED: Final = 8
"""The oldest are forgotten."""
SNOOZE_AFTER_STOP_S: Final = 60.0
"""So long after the ringing was stopped it can still be snoozed: by the second press of a double press, or by voice."""


class TimerRefused(SpeakerError):
    """A timer cannot be set, found or changed: one sentence for the model and for whoever typed a command."""

    notice = "try-again"
    private = True


class How(StrEnum):
    """What became of a timer or an alarm."""

    SET = "set"
    RINGS = "rings"
    STOPPED = "stopped"
    SNOOZED = "snoozed"
    MISSED = "missed"
    CANCELLED = "cancelled"


class Change(Struct, frozen=True):
    """What became of one entry."""

    how: How
    entry: Entry


class Missed(Struct, frozen=True):
    """It rang and nobody came, or the device was off."""

    kind: str
    name: str
    due_epoch_s: EpochS


class TimerSchedule:
    """All timers and alarms of a device.

    Args:
        entries: What is remembered.
        missed: What was missed and nobody was told of yet.
        ring_for_s: How long one rings, unless it is stopped.
    """

    def __init__(self, entries: Iterable[Entry] = (), missed: Iterable[Missed] = (), *, ring_for_s: float) -> None:
        self._entries = {entry.number: entry for entry in entries}
        self._ring_for_s = ring_for_s
        self._ringing: dict[int, float] = {}
        """Since when (boot_s) each number rings."""
        self._stopped: tuple[list[Entry], float] = [], -math.inf
        """What was stopped last, and when (boot_s); nothing once something else was set or cancelled."""
        self.missed: deque[Missed] = deque(missed, maxlen=MOST_MISSED)
        """What was missed and nobody was told of yet, the oldest first."""

    @property
    def entries(self) -> list[Entry]:
        """All that is set, in the order of their numbers."""
        return [self._entries[number] for number in sorted(self._entries)]

    @property
    def ringing(self) -> list[Entry]:
        """What rings, the first one first."""
        return [self._entries[number] for number in self._ringing]

    def next_s(self, now: Now) -> float:
        """Return in how many seconds `tick` has something to do, 0 if it has now; infinity if never."""
        due = [entry.due_s(now) for entry in self._entries.values() if entry.number not in self._ringing]
        over = [since_s + self._ring_for_s - now.boot_s for since_s in self._ringing.values()]
        return max(0.0, min([*due, *over], default=math.inf))

    def tick(self, now: Now) -> list[Change]:
        """Do what is due: begin to ring, or give up ringing; correct what a step of the clock changed."""
        changes = []
        for number, before in list(self._entries.items()):
            entry = self._entries[number] = before.corrected(now)
            due_s = entry.due_s(now)
            since_s = self._ringing.get(number)
            if since_s is None and -LATE_S <= due_s <= 0:
                self._ringing[number] = now.boot_s
                changes.append(Change(How.RINGS, entry))
            elif due_s < -LATE_S if since_s is None else now.boot_s >= since_s + self._ring_for_s:
                self.missed.append(Missed(entry.kind, label(entry), now.epoch_s + due_s))
                self._over(entry, now)
                changes.append(Change(How.MISSED, entry))
        return changes

    # What people ask for. Those that refuse raise TimerRefused.

    def set_timer(self, name: str, span_s: float, now: Now) -> Timer:
        """Set a timer for so many seconds from now."""
        name = self._checked_name(name)
        if taken := next((entry for entry in self._entries.values() if name and _same(label(entry), name)), None):
            raise TimerRefused(f"{label(taken)} is set already, {left(taken, now)}; change it, or take another name")
        timer = Timer(self._free_number(), name, countdown(_checked_span(span_s), now))
        self._entries[timer.number] = timer
        self._stopped = [], -math.inf
        return timer

    def change_timer(self, name: str, span_s: float, now: Now, *, add: bool) -> Timer:
        """Set what is left of a timer, or with `add` make it more (or less, if negative)."""
        timer = next((entry for entry in self.find(name) if isinstance(entry, Timer)), None)
        if timer is None:
            raise TimerRefused(f"{name} is an alarm; to change an alarm set it anew under its name")
        left_s = _checked_span(span_s + (max(0.0, timer.due_s(now)) if add else 0.0))
        changed = Timer(timer.number, timer.name, countdown(left_s, now))
        self._entries[timer.number] = changed
        self._ringing.pop(timer.number, None)
        return changed

    def set_alarm(self, name: str, at: str, days: str | None, on: date | None, now: Now) -> Alarm:
        """Set an alarm, in place of the alarm of that name if there is one.

        Args:
            name: May be empty.
            at: The time of day, such as "07:30".
            days: Days of the week, such as "mon-fri"; None for one day.
            on: That day; None for the next time that the clocks show `at`.
            now: The moment.
        """
        if on is not None and on > shown(now.epoch_s, now.zone).date() + _YEAR:
            raise TimerRefused("an alarm can be set for a year ahead at most")
        if not now.clock_is_set:
            raise TimerRefused("the clock is not set yet; a timer can be set, an alarm cannot")
        name = self._checked_name(name)
        taken = next((entry for entry in self._entries.values() if name and _same(label(entry), name)), None)
        if isinstance(taken, Timer):
            raise TimerRefused(f"{label(taken)} is a timer, {left(taken, now)}; take another name")
        number = taken.number if taken else self._free_number()
        alarm = new_alarm(number, name, at, days, on, now=now)
        if alarm is None:
            raise TimerRefused("that day and time are past")
        self._entries[number] = alarm
        self._ringing.pop(number, None)
        self._stopped = [], -math.inf
        return alarm

    def cancel(self, name: str) -> list[Entry]:
        """Remove what is called so, ringing or not; return it."""
        found = self.find(name)
        for entry in found:
            del self._entries[entry.number]
            self._ringing.pop(entry.number, None)
        self._stopped = [], -math.inf
        return found

    def stop(self, now: Now) -> list[Entry]:
        """End all ringing; return what rang."""
        stopped = self.ringing
        for entry in stopped:
            self._over(entry, now)
        if stopped:
            self._stopped = stopped, now.boot_s
        return stopped

    def snooze(self, span_s: float, now: Now) -> list[Entry]:
        """Have what rings, or was stopped a moment ago, ring again after so many seconds; return it."""
        entries, stopped_s = self._stopped
        wanted = self.ringing or (entries if now.boot_s <= stopped_s + SNOOZE_AFTER_STOP_S else [])
        if not wanted:
            raise TimerRefused("nothing rings")
        self._stopped = [], -math.inf
        snoozed: list[Entry] = [entry.snoozed(_checked_span(span_s), now) for entry in wanted]
        for entry in snoozed:
            self._entries[entry.number] = entry
            self._ringing.pop(entry.number, None)
        return snoozed

    def find(self, name: str) -> list[Entry]:
        """Return the entry of a name or a number; all of them for "all", the only one for "". Raises TimerRefused."""
        entries, name = self.entries, " ".join(name.split())
        if name.casefold() == "all" or (not name and len(entries) == 1):
            found = entries
        else:
            found = [entry for entry in entries if _same(label(entry), name) or str(entry.number) == name]
            if not found and name:
                holding = [entry for entry in entries if name.casefold() in label(entry).casefold()]
                found = holding if len(holding) == 1 else []
        if not found:
            known = ", ".join(map(label, entries))
            which = f"there is no timer or alarm {name}" if name or not known else "say which one"
            raise TimerRefused(f"{which.strip()}; there are: {known or 'none'}")
        return found

    def _over(self, entry: Entry, now: Now) -> None:
        """Take in that it does not ring any more."""
        self._ringing.pop(entry.number, None)
        if (rest := entry.rang(now)) is not None:
            self._entries[entry.number] = rest
        else:
            del self._entries[entry.number]

    def _free_number(self) -> int:
        return next(number for number in range(1, MOST + 2) if number not in self._entries)

    def _checked_name(self, name: str) -> str:
        if len(self._entries) >= MOST:
            raise TimerRefused(f"{MOST} timers and alarms are set; cancel one of them first")
        name = " ".join(name.split())
        if len(name) > NAME_CHARACTERS:
            raise TimerRefused(f"a name may have {NAME_CHARACTERS} characters")
        return name


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _checked_span(span_s: float) -> float:
    if not SHORTEST_S <= span_s <= LONGEST_S:
        raise TimerRefused("a timer runs for at least a second and for seven days at most")
    return span_s
