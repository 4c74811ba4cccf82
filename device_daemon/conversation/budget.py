"""Limits of use, because an open session costs money: so many minutes a day, so many conversations an hour. Pure.

A conversation that is open is not cut short: it may go over the limit by its own longest duration.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from device_daemon.config.settings import Limits
from device_daemon.errors import LimitReached
from device_daemon.system.usage import Usage

_HOUR_S: Final = 3_600.0


class Budget:
    """What is left of the limits.

    Args:
        limits: Of the config.
        usage: What was used so far; changed in place, and kept over restarts by the caller.
    """

    def __init__(self, limits: Limits, usage: Usage) -> None:
        self._limits = limits
        self._usage = usage

    @property
    def counts(self) -> bool:
        """There is a limit, so what was used has to outlive a restart."""
        return self._limits != Limits()

    def refusal(self, now: datetime) -> LimitReached | None:
        """Return why no conversation may begin now; None if one may.

        Args:
            now: The local time, with its zone.
        """
        self._forget_what_is_past(now)
        per_hour, per_day = self._limits.conversations_per_hour, self._limits.minutes_per_day
        if per_hour is not None and len(self._usage.began) >= per_hour:
            over = datetime.fromtimestamp(self._usage.began[-per_hour] + _HOUR_S, now.tzinfo)
            return LimitReached(
                f"limits.conversations_per_hour: {per_hour} were held within an hour; the next one may begin at"
                f" {over:%H:%M}, or raise the limit"
            )
        if per_day is not None and self._usage.talked_s >= per_day * 60:
            return LimitReached(
                f"limits.minutes_per_day: {per_day:g} minutes were used today; it goes on at midnight, or raise the limit"
            )
        return None

    def held_today(self, now: datetime) -> int:
        """Return how many conversations and announcements began today."""
        self._forget_what_is_past(now)
        return self._usage.held

    def began(self, now: datetime) -> None:
        """Count a conversation that begins."""
        self._forget_what_is_past(now)
        self._usage.held += 1
        if self._limits.conversations_per_hour is not None:
            self._usage.began.append(now.timestamp())

    def ended(self, now: datetime, duration_s: float) -> None:
        """Count the time of a conversation that is over; of one over midnight, what was before it is yesterday's."""
        self._forget_what_is_past(now)
        since_midnight_s = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(seconds=1)
        self._usage.talked_s += max(0.0, min(duration_s, since_midnight_s))

    def _forget_what_is_past(self, now: datetime) -> None:
        """A day or an hour that is over; and times in the future, which a clock that was wrong has left."""
        now_s = now.timestamp()
        self._usage.began = sorted(at_s for at_s in self._usage.began if now_s - _HOUR_S < at_s <= now_s)
        if self._usage.day != (today := now.date().isoformat()):
            self._usage.day, self._usage.talked_s, self._usage.held = today, 0.0, 0
