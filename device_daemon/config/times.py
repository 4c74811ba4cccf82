"""Times of day and days of the week: their notation in the config, and parsers for it.

The patterns are used in the JSON Schema, too, so they accept any case without regex flags.
"""

from __future__ import annotations

import re
from datetime import time
from typing import Final

from device_daemon.config.problems import nearest

_TIME: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME_OF_DAY: Final = f"^{_TIME}$"
"""07:30; two digits each."""
TIME_ALLOWED: Final = 'a time from "00:00" to "23:59"'
SPAN: Final = f"^{_TIME}-{_TIME}$"
"""07:00-22:00; 22:00-06:00 goes over midnight."""
SPAN_ALLOWED: Final = 'two times such as "07:00-22:00"'

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of datetime.weekday()."""
_DAY: Final = "|".join("".join(f"[{letter.upper()}{letter}]" for letter in day) for day in DAYS)
_RANGE: Final = f"({_DAY})( *- *({_DAY}))?"
_DAILY: Final = "[Dd][Aa][Ii][Ll][Yy]"
WEEKDAYS: Final = f"^ *({_DAILY}|{_RANGE}( *, *{_RANGE})*) *$"
"""daily, mon, mon-fri, sat,sun; fri-mon goes over the weekend."""
WEEKDAYS_ALLOWED: Final = "daily, or days and ranges such as mon-fri or sat,sun"

_SPOKEN: Final = re.compile(
    r"\s*([0-9]{1,2})(?:\s*[:.h]?\s*([0-9]{2}))?\s*(?:([ap])\.?m\.?)?(?:\s*(?:uhr|o'clock))?\s*"
)
_DASH: Final = re.compile(r"\s*(?:-|\u2013|\bto\b)\s*")
_NAMES: Final = {
    "every day": "daily",
    "everyday": "daily",
    "all": "daily",
    "always": "daily",
    "weekday": "mon-fri",
    "weekdays": "mon-fri",
    "workdays": "mon-fri",
    "weekend": "sat,sun",
    "weekends": "sat,sun",
}
_LONGEST: Final = 100
"""A longer text is not meant to be a time or days."""


def parse_time(text: str) -> time:
    """Return the time of the day in "07:30"; raises ValueError, which says what is allowed."""
    if not re.search(TIME_OF_DAY, text):
        raise ValueError(f"found {text!r}; allowed: {TIME_ALLOWED}")
    return time.fromisoformat(text.strip())


def parse_hours(text: str) -> tuple[time, time]:
    """Return both ends of "07:00-22:00"; raises ValueError, which says what is allowed."""
    if not re.search(SPAN, text):
        raise ValueError(f"found {text!r}; allowed: {SPAN_ALLOWED}")
    begin, end = text.strip().split("-")
    return time.fromisoformat(begin), time.fromisoformat(end)


def is_within(moment: time, begin: time, end: time) -> bool:
    """Whether begin <= moment < end; over midnight if `end` is the earlier one."""
    if begin < end:
        return begin <= moment < end
    return moment >= begin or moment < end


def parse_days(text: str) -> frozenset[int]:
    """Return the days in "mon-fri", as datetime.weekday() counts them; raises ValueError, which says what is allowed."""
    if not re.search(WEEKDAYS, text):
        raise ValueError(f"found {text!r}; allowed: {WEEKDAYS_ALLOWED}")
    if text.strip().lower() == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = (word.strip() for word in part.partition("-"))
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(found)


def guess_time(text: str) -> str | None:
    """Return the time that a text such as 7:30, 7.30, 0730 or "7:30 pm" was meant to be, None if that is not clear."""
    spoken = _SPOKEN.fullmatch(text.lower()) if len(text) <= _LONGEST else None
    if spoken is None:
        return None
    hour, minute = int(spoken[1]), int(spoken[2] or 0)
    if spoken[3]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if spoken[3] == "p" else 0)
    if (hour, minute) == (24, 0):
        hour = 0
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else None


def guess_span(text: str) -> str | None:
    """Return the span that a text such as 7-22 was meant to be, None if that is not clear."""
    parts = [guess_time(part) for part in _DASH.split(text)] if len(text) <= _LONGEST else []
    return f"{parts[0]}-{parts[1]}" if len(parts) == 2 and all(parts) else None


def guess_weekdays(text: str) -> str | None:
    """Return the days that a text such as weekdays or monday-friday was meant to be, None if that is not clear."""
    plain = _DASH.sub("-", " ".join(text.lower().split())) if len(text) <= _LONGEST else ""
    if plain in _NAMES:
        return _NAMES[plain]
    meant = re.sub(r"[a-z]+", lambda word: _guess_day(word[0]), re.sub(r" *[,;] *| +(?:and +)?", ",", plain))
    return meant if re.search(WEEKDAYS, meant) else None


def _guess_day(word: str) -> str:
    known = word[:3] if word[:3] in DAYS and len(word) > 3 else nearest(word, [*DAYS, "daily"])
    return known or word
