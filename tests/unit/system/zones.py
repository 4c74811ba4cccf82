"""Time zones with all their oddities, and the days on which their clocks are changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

ZONES: list[tzinfo] = [
    UTC,
    timezone(timedelta(hours=-3, minutes=-30)),
    *(
        ZoneInfo(key)
        for key in (
            "Europe/Berlin",
            "Europe/London",
            "Europe/Dublin",
            "America/New_York",
            "America/Sao_Paulo",  # clocks changed at midnight
            "America/St_Johns",  # and here at one minute past
            "America/Havana",
            "Africa/Casablanca",
            "Asia/Tehran",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Antarctica/Troll",
            "Pacific/Apia",
            "Pacific/Kwajalein",
        )
    ),
]
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
DATES = st.dates(date(1990, 1, 1), date(2037, 12, 30))


def utc(text: str) -> float:
    """Return the seconds since 1970 of a time in UTC, such as 2026-03-29T01:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def changes(zone: tzinfo, around: date) -> list[date]:
    """Return the days in the year from `around` on whose clocks are changed."""
    days = [around + timedelta(days=n) for n in range(366)]
    offsets = [datetime.combine(day, time(12), zone).utcoffset() for day in days]
    return [day for day, one, next_one in zip(days, offsets, offsets[1:], strict=False) if one != next_one]
