"""A row of the table of faults: what happens, what a person then sees and hears, what the owner can do, and how to try it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from scripts.rig.tracks import CAPTURE, PLAYBACK

# Sentences of several parts of the table
CHECK_NETWORK: Final = "Check the network; `voicelive-speaker doctor` tests each step to the service."
OFFLINE: Final = 'The light says "offline"; a press is answered with "I cannot reach the voice service".'
BACK: Final = "The conversation goes on within two seconds; what was said is not forgotten."


class Stage(StrEnum):
    """What the speaker is doing when the fault happens."""

    RESTING = "resting"
    """A person presses while the fault lasts."""
    CONNECTING = "connecting"
    GREETING = "greeting"
    """A greeting that the service speaks."""
    REMEMBERED = "remembered"
    """A greeting from the cache."""
    LISTENING = "listening"
    """A person asks something while the fault lasts."""
    THINKING = "thinking"
    SPEAKING = "speaking"
    HELD = "held"
    """A person holds a push-to-talk button, talks, and lets go."""
    ANNOUNCING = "announcing"
    """Somebody asked for an announcement; nobody waits for an answer."""


ALL: Final = tuple(Stage)
AT_REST: Final = (Stage.RESTING,)
IN_SESSION: Final = tuple(stage for stage in Stage if stage is not Stage.RESTING)
WAITS_FOR_SPEECH: Final = (Stage.GREETING, Stage.THINKING, Stage.SPEAKING, Stage.ANNOUNCING)
"""The service is about to speak, or speaks."""


class End(StrEnum):
    """How a fault may end for the person."""

    GOES_ON = "goes on"
    """A question is answered."""
    TOLD = "told"
    """A sound or a notice said that something is wrong; the conversation is over, or it is the person's turn again."""
    SHOWN = "shown"
    """The light says so, and the journal why: there is no way to make a sound, or nobody to hear it."""
    STOPPED = "stopped"
    """The process has ended, as it was asked to: politely, silent, dark, and with nothing half-written."""


# How a fault is brought about


@dataclass(frozen=True, slots=True)
class Service:
    """The service misbehaves: fields of localservice.faults.Faults. With `anew`, connections of before break first."""

    faults: Mapping[str, Any]
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The service closes every session, once."""

    code: int


@dataclass(frozen=True, slots=True)
class Network:
    """The line refuses, freezes (loses every packet), or is cut once."""

    kind: str


@dataclass(frozen=True, slots=True)
class Card:
    """Something happens to a sound device, for so long, or until the fault is lifted.

    It is unplugged, stuck, or slow to open (3 s); or it is pulled out for a moment and is then in use by another program,
    refuses its parameters, or is back under another number or another name.
    """

    kind: str
    directions: tuple[int, ...] = (PLAYBACK, CAPTURE)
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """The process gets a signal; the config may be another one by then. A stopped one goes on after `for_s`."""

    name: str
    config: str = ""
    for_s: float = 0.0
    meanwhile: Names | Disk | None = None
    """What else is wrong, from shortly before."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The state directory is full or read-only (needs root: it is a file system of its own), or slow (3 s a file)."""

    kind: str


@dataclass(frozen=True, slots=True)
class Button:
    """The button bounces, or is stuck down."""

    kind: str


@dataclass(frozen=True, slots=True)
class Names:
    """The connection breaks, and name lookups fail or hang."""

    kind: str


@dataclass(frozen=True, slots=True)
class NoRoute:
    """The connection breaks, and there is no route to the service."""


@dataclass(frozen=True, slots=True)
class Dated:
    """The connection breaks, and the service has a certificate that is no longer, or not yet, valid."""

    begins_in_days: int


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day jumps."""

    days: int


@dataclass(frozen=True, slots=True)
class WrongClock:
    """The connection breaks, and the time of day is years ago: every certificate seems not to be valid yet."""

    days: int = -4000


@dataclass(frozen=True, slots=True)
class Suspended:
    """The process stands still for a second, the time of day jumps by hours, and its connections are gone."""

    hours: int = 8


@dataclass(frozen=True, slots=True)
class Starved:
    """The process gets hardly any time: it stands still for 0.4 s, again and again."""

    times: int = 8


@dataclass(frozen=True, slots=True)
class Stalled:
    """The event loop is kept busy."""

    ms: int


@dataclass(frozen=True, slots=True)
class LightPin:
    """The light's pin is busy when the speaker starts, or raises when it is written."""

    kind: str


@dataclass(frozen=True, slots=True)
class ButtonPin:
    """The button's pin is held by another program, "at start" or "at reload", until that lets it go."""

    when: str


Cause = (
    Names
    | NoRoute
    | WrongClock
    | ButtonPin
    | Dated
    | Clock
    | Suspended
    | Starved
    | Stalled
    | LightPin
    | Service
    | Close
    | Network
    | Card
    | Signal
    | Disk
    | Button
)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault."""

    name: str
    part: str
    happens: str
    person: str
    remedy: str
    cause: Cause
    stages: tuple[Stage, ...] = ALL
    ends: frozenset[End] = frozenset({End.GOES_ON, End.TOLD})
    sign_s: float = 3.0
    """By then the light changed or something was heard."""
    settled_s: float = 10.0
    """By then it has ended in one of the ways allowed."""
    journal: bool = True
    """The journal has a warning or an error about it, unless the conversation simply goes on."""
    heals_s: float | None = None
    """So long after it is gone the speaker is at rest again, without anybody's help; None: at the latest by a press."""
    also: Mapping[Stage, frozenset[End]] = field(default_factory=dict)
    """Further ends in a stage."""


GOES_ON: Final = frozenset({End.GOES_ON})
TOLD: Final = frozenset({End.TOLD})
SHOWN: Final = frozenset({End.SHOWN})
STOPPED: Final = frozenset({End.STOPPED})
