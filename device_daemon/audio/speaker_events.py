"""The events of the speaker: a source is heard, all is silent, a flush cut something off, the device failed or works."""

from __future__ import annotations

from msgspec import Struct

from device_daemon.errors import SpeakerError


class Started(Struct, frozen=True):
    """The first sample of a source became audible."""

    source: str
    at_s: float
    """`time.monotonic()`."""


class Silent(Struct, frozen=True):
    """Everything up to this ticket was heard (or had to be discarded), and nothing is left to be played."""

    ticket: int
    at_s: float


class Flushed(Struct, frozen=True):
    """The answer to `flush`, always; plays with older tickets get no other answer."""

    ticket: int
    source: str
    """Which source was audible, "" if none was."""
    heard_ms: int
    """How much of that source was heard in all, up to where its sound was cut off."""
    at_s: float
    """When the sound stopped: 3 ms later than it was cut off, for it fades."""


class Failed(Struct, frozen=True):
    """The device is missing, busy or gone; it is tried every second."""

    error: SpeakerError


class Recovered(Struct, frozen=True):
    """The device works again."""


SpeakerEvent = Started | Silent | Flushed | Failed | Recovered
