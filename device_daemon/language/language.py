"""A language as the device speaks it: its notices, and the values of the placeholders that depend on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final

from msgspec import Struct

from device_daemon.language import sentences
from device_daemon.language.calendar import Calendar, Cldr, English, Unit
from device_daemon.language.locales import speech_locale, with_region

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_UNITS: Final[tuple[tuple[Unit, int, float], ...]] = (
    ("minute", _MINUTE_S, _HOUR_S),
    ("hour", _HOUR_S, _DAY_S),
    ("day", _DAY_S, float("inf")),
)
"""Each with its length, and up to which span it counts."""


class Utterance(Struct, frozen=True):
    """A sentence, and the espeak-ng voice that speaks it."""

    text: str
    voice: str


class Language(Struct, frozen=True):
    """What is said, and how; made by `language_for`."""

    notices: Mapping[str, Utterance]
    """By name: those of `SpeakerError.notice`, and what a conversation says by itself."""
    welcome: str
    """The greeting of a config without greetings."""
    salutations: Mapping[int, str]
    """By the hour each begins at: Good morning, …"""
    dayparts: Mapping[int, str]
    """In the same way: morning, …"""
    a_moment: str
    a_while: str
    calendar: Calendar

    def varying(self) -> dict[str, Sequence[str]]:
        """Return every value of the placeholders that have only a few."""
        return {
            "daypart": list(dict.fromkeys(self.dayparts.values())),
            "salutation": list(dict.fromkeys(self.salutations.values())),
            "weekday": self.calendar.weekdays,
        }

    def placeholders(self, now: datetime) -> dict[str, str]:
        """Return the value of each placeholder that tells what time it is."""
        return {
            "daypart": sentences.at_hour(self.dayparts, now.hour),
            "salutation": sentences.at_hour(self.salutations, now.hour),
            "time": self.calendar.time(now),
            "date": self.calendar.date(now),
            "weekday": self.calendar.weekdays[now.weekday()],
        }

    def span(self, seconds: float | None) -> str:
        """Return a span of time as people say it, for "It has been {since_last}"; None is an unknown one."""
        if seconds is None or seconds < 0:
            return self.a_while
        if seconds < 2 * _MINUTE_S:
            return self.a_moment
        unit, length_s, _ = next(known for known in _UNITS if seconds < known[2])
        return self.calendar.count(int(seconds // length_s), unit)


@cache
def language_for(tag: str | None = None) -> Language:
    """Return a language by its tag; None is plain English, without babel.

    The first call for a tag reads its files, a few milliseconds; call it off the loop.
    """
    files = sentences.chain(with_region(tag) if tag else sentences.FALLBACK)
    notices: dict[str, Utterance] = {}
    for name, file in files:
        # A sentence that falls back to English is spoken by an English voice, too.
        own = name != sentences.FALLBACK or tag is None or tag.startswith(sentences.FALLBACK)
        voice = speech_locale(tag if own else None).espeak_voice
        notices = {notice: Utterance(text, voice) for notice, text in file.notices.items()} | notices
    contents = [file for _, file in files]
    return Language(
        notices=notices,
        welcome=next(file.welcome for file in contents if file.welcome),
        salutations=next(file.salutations for file in contents if file.salutations),
        dayparts=next(file.dayparts for file in contents if file.dayparts),
        a_moment=next(file.a_moment for file in contents if file.a_moment),
        a_while=next(file.a_while for file in contents if file.a_while),
        calendar=Cldr(with_region(tag)) if tag else English(),
    )
