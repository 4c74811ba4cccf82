"""Which texts the greetings of a config can say, as far as that is known ahead. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from msgspec import Struct

from device_daemon.config.placeholders import placeholders
from device_daemon.config.settings import Greeting
from device_daemon.greetings.opening import fill

MOST = 32
"""Texts in all; a template with many variants must not crowd out the rest."""
DAYPARTS = ("morning", "afternoon", "evening")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_VARIANTS = {"daypart": DAYPARTS, "weekday": WEEKDAYS}
_FLEETING = frozenset({"time", "date", "since_last"})
"""What hardly ever comes twice."""


class Foreseen(Struct, frozen=True):
    """One text that a greeting can say."""

    greeting: str
    text: str
    voice: str | None
    """The greeting's own voice, None for that of the service."""


def knowable(template: str) -> bool:
    """Whether what it says can come again word for word."""
    return _FLEETING.isdisjoint(placeholders(template))


def foreseen(greetings: Mapping[str, Greeting], names: Mapping[str, str], hostname: str) -> list[Foreseen]:
    """Everything that can be spoken ahead, those with the fewest variants first; at most 32."""
    constants = {"hostname": hostname, **names}
    sets = [
        [Foreseen(name, text, greeting.voice) for text in _variants(template, constants)]
        for name, greeting in greetings.items()
        if greeting.cache
        for template in greeting.say_one_of or ([greeting.say] if greeting.say else [])
        if knowable(template)
    ]
    plainest_first = [known for variants in sorted(sets, key=len) for known in variants]
    return list(dict.fromkeys(plainest_first))[:MOST]


def _variants(template: str, constants: Mapping[str, str]) -> Iterator[str]:
    varying = [name for name in _VARIANTS if name in placeholders(template) and name not in constants]
    for values in product(*(_VARIANTS[name] for name in varying)):
        yield fill(template, {**constants, **dict(zip(varying, values, strict=True))})
