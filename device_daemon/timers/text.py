"""Timers and alarms in words, for the model and for the command line. Pure."""

from __future__ import annotations

import math
from datetime import datetime

from device_daemon.timers.countdown import Now
from device_daemon.timers.entries import Alarm, Entry, label

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def span(seconds: float) -> str:
    """Return a span of time, such as "1 hour 5 minutes"; rounded up to the second."""
    rest, parts = max(0, math.ceil(seconds - 1e-6)), []
    for unit_s, name in _UNITS:
        count, rest = divmod(rest, unit_s)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts) or "0 seconds"


def moment(epoch_s: float, now: Now) -> str:
    """Return a time of day with its date, such as "Mon 30 Nov 07:30"."""
    return f"{datetime.fromtimestamp(epoch_s, now.zone):%a %d %b %H:%M}"


def left(entry: Entry, now: Now) -> str:
    """Return how long an entry has to go, or when it rings."""
    if isinstance(entry, Alarm) and entry.snooze is None:
        return f"next on {moment(entry.next_epoch_s(now), now)}"
    return f"{span(entry.due_s(now))} left"


def describe(entry: Entry, now: Now, *, rings: bool = False) -> str:
    """Return an entry as a line, such as "pasta: timer of 10 minutes, 3 minutes left"."""
    if isinstance(entry, Alarm):
        what = f"alarm at {entry.at}" + (f" {entry.days}" if entry.days else "")
        snoozed = "snoozed, " if entry.snooze else ""
    else:
        what, snoozed = f"timer of {span(entry.countdown.span_s)}", ""
    return f"{label(entry)}: {what}, {snoozed}{'rings now' if rings else left(entry, now)}"
