"""Timers and alarms as they run: wakes when one is due, stores each change at once, and reports what became of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

from device_daemon.config.settings import TimerSettings
from device_daemon.system.saved_state import SavedState
from device_daemon.system.wake_up import Loop, WakeUp
from device_daemon.timers import store
from device_daemon.timers.countdown import Now
from device_daemon.timers.entries import Alarm, Entry, Timer, label
from device_daemon.timers.schedule import Change, How, Missed, TimerSchedule
from device_daemon.timers.text import describe, moment

MOST_AHEAD_S: Final = 400 * 86_400.0

logger = logging.getLogger(__name__)


class Timers:
    """All methods are called from the event loop's thread. Those that refuse raise TimerRefused.

    Args:
        settings: How they ring.
        saved_state: Where they are stored.
        loop: Time and timers.
        now: Reads the clocks.
    """

    def __init__(self, settings: TimerSettings, saved_state: SavedState, *, loop: Loop, now: Callable[[], Now]) -> None:
        self._settings = settings
        self._saved_state = saved_state
        self._loop = loop
        self._now = now
        entries, damaged = store.decode(saved_state.remembered.timers)
        if damaged:
            logger.warning("%d timers or alarms in the state file are damaged, so dropped; set them again", damaged)
        missed = store.decode_missed(saved_state.remembered.missed_timers)
        self._schedule = TimerSchedule(entries, missed, ring_for_s=settings.ring_for_s)
        self._wake_up: WakeUp | None = None
        self.on_changes: Callable[[Sequence[Change]], None] = lambda _changes: None
        """Called with what became of some of them, after it is so."""

    def start(self) -> None:
        """From now on they ring."""
        self._wake_up = WakeUp(self._loop, self._tick)

    def close(self) -> None:
        """Nothing rings any more; what is set stays stored. Idempotent."""
        if self._wake_up is not None:
            self._wake_up.close()

    @property
    def ringing(self) -> bool:
        """Something rings."""
        return bool(self._schedule.ringing)

    async def stored(self) -> bool:
        """Wait until every change is on the disk; returns False if it does not take it."""
        return await self._saved_state.flush()

    # What people ask for

    def set_timer(self, name: str, span_s: float) -> Timer:
        """Set a timer for so many seconds from now; `name` may be empty."""
        timer = self._schedule.set_timer(name, span_s, self._now())
        self._changed(How.SET, [timer])
        return timer

    def change_timer(self, name: str, span_s: float, *, add: bool) -> Timer:
        """Set what is left of a timer, or with `add` make it more (or less, if negative)."""
        timer = self._schedule.change_timer(name, span_s, self._now(), add=add)
        self._changed(How.SET, [timer])
        return timer

    def set_alarm(self, name: str, at: str, days: str | None, on: date | None) -> Alarm:
        """Set an alarm, in place of the alarm of that name if there is one; see TimerSchedule."""
        alarm = self._schedule.set_alarm(name, at, days, on, self._now())
        self._changed(How.SET, [alarm])
        return alarm

    def cancel(self, name: str) -> list[Entry]:
        """Remove what has that name or number, or "all"; return it."""
        return self._changed(How.CANCELLED, self._schedule.cancel(name))

    def stop(self) -> list[Entry]:
        """End all ringing; return what rang."""
        return self._changed(How.STOPPED, self._schedule.stop(self._now()))

    def snooze(self, span_s: float | None = None) -> list[Entry]:
        """Have what rings, or was stopped a moment ago, ring again after so many seconds (the config's by default)."""
        snoozed = self._schedule.snooze(span_s or self._settings.snooze_s, self._now())
        return self._changed(How.SNOOZED, snoozed)

    # What is set, in words and for programs

    def describe(self, entry: Entry) -> str:
        """Return an entry as a line for people."""
        return describe(entry, self._now(), rings=entry in self._schedule.ringing)

    def lines(self, name: str = "") -> list[str]:
        """Return a line for what has that name, or for everything that is set."""
        found = self._schedule.find(name) if name else self._schedule.entries
        return [self.describe(entry) for entry in found]

    def numbered_lines(self) -> list[str]:
        """Return the same for everything, with the numbers."""
        return [f"{entry.number}  {self.describe(entry)}" for entry in self._schedule.entries]

    def missed_lines(self) -> list[str]:
        """Return a line for each that was missed and nobody was told of yet."""
        now = self._now()
        return [f"missed: {missed.kind} {missed.name}, {moment(missed.due_epoch_s, now)}" for missed in self.missed]

    def news(self) -> str:
        """Return for the model what was missed and nobody was told of yet, so that it mentions it; empty for nothing."""
        if not (lines := self.missed_lines()):
            return ""
        listed = "; ".join(line.removeprefix("missed: ") for line in lines)
        return f"These rang on this device and nobody stopped them: {listed}. Mention it briefly with your next answer."

    @property
    def missed(self) -> list[Missed]:
        """What was missed and nobody was told of yet."""
        return list(self._schedule.missed)

    def forget_missed(self) -> None:
        """Somebody was told what was missed."""
        if self._schedule.missed:
            self._schedule.missed.clear()
            self._save()

    def due_at(self, entry: Entry) -> datetime:
        """Return when an entry rings next, or should have rung."""
        now = self._now()
        due_s = min(entry.due_s(now), MOST_AHEAD_S)  # an alarm that is over never rings again
        return datetime.fromtimestamp(round(now.epoch_s + due_s), now.zone)

    def status(self) -> list[dict[str, Any]]:
        """Return what is set, ready for JSON."""
        return [
            {
                "number": entry.number,
                "kind": entry.kind,
                "name": label(entry),
                "due": self.due_at(entry).isoformat(),
                "ringing": entry in self._schedule.ringing,
            }
            for entry in self._schedule.entries
        ]

    def _tick(self) -> float:
        now = self._now()
        before = self._schedule.entries
        changes = self._schedule.tick(now)
        if changes or self._schedule.entries != before:
            self._save()
        self._report(changes)
        return self._schedule.next_s(self._now())

    def _changed(self, how: How, entries: Iterable[Entry]) -> list[Entry]:
        changes = [Change(how, entry) for entry in entries]
        if changes:
            self._save()
            if self._wake_up is not None:
                self._wake_up.soon()
        self._report(changes)
        return [change.entry for change in changes]

    def _report(self, changes: Sequence[Change]) -> None:
        for change in changes:  # not by its name, which somebody said
            logger.info("%s %d: %s", change.entry.kind, change.entry.number, change.how)
        if changes:
            self.on_changes(changes)

    def _save(self) -> None:
        self._saved_state.remembered.timers = store.encode(self._schedule.entries)
        self._saved_state.remembered.missed_timers = store.encode(list(self._schedule.missed))
        self._saved_state.save()
