"""Weekdays, dates, times and numbers of hours in words: plain English rules, or those of Unicode's CLDR by babel.

babel is imported where a language is set: it takes 17 ms on a PC, and its data some more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, Protocol

Unit = Literal["minute", "hour", "day"]

_NO_BREAK_SPACES: Final = str.maketrans("\u00a0\u202f", "  ")
"""CLDR has them in French hours and American times; voices need not know them."""


class Calendar(Protocol):
    """How a language says weekdays, dates, times and spans."""

    @property
    def weekdays(self) -> Sequence[str]:
        """Their names, from Monday on."""

    def date(self, day: datetime) -> str:
        """Return day and month."""

    def time(self, moment: datetime) -> str:
        """Return hour and minute."""

    def count(self, number: int, unit: Unit) -> str:
        """Return a number of minutes, hours or days."""


class English:
    """The rules of a device without a `language`: 14:05, 1 March."""

    weekdays = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    _months = (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    )  # fmt: skip

    def date(self, day: datetime) -> str:
        """Return day and month."""
        return f"{day.day} {self._months[day.month - 1]}"

    def time(self, moment: datetime) -> str:
        """Return hour and minute."""
        return f"{moment:%H:%M}"

    def count(self, number: int, unit: Unit) -> str:
        """Return a number of minutes, hours or days."""
        if number == 1:
            return "an hour" if unit == "hour" else f"a {unit}"
        return f"{number} {unit}s"


class Cldr:
    """The rules of a locale in Unicode's Common Locale Data Repository."""

    def __init__(self, tag: str) -> None:
        from babel import Locale, dates, units  # noqa: PLC0415 - see above

        self._dates = dates
        self._units = units
        self._locale = Locale.parse(tag, sep="-")
        names = dates.get_day_names("wide", "stand-alone", self._locale)
        self.weekdays = tuple(names[day] for day in range(7))

    def date(self, day: datetime) -> str:
        """Return day and month."""
        return self._dates.format_skeleton("MMMMd", day, locale=self._locale).translate(_NO_BREAK_SPACES)

    def time(self, moment: datetime) -> str:
        """Return hour and minute."""
        # format_time would say the time in UTC; a local time without its zone stays as it is.
        return self._dates.format_time(moment.replace(tzinfo=None), "short", locale=self._locale).translate(
            _NO_BREAK_SPACES
        )

    def count(self, number: int, unit: Unit) -> str:
        """Return a number of minutes, hours or days."""
        return self._units.format_unit(number, f"duration-{unit}", locale=self._locale).translate(_NO_BREAK_SPACES)
