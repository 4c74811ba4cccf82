"""What the speaker tells: who is heard, when it is silent, what a flush cut off."""

from __future__ import annotations

from dataclasses import dataclass

from device_daemon.errors import SpeakerError


@dataclass(frozen=True, slots=True)
class Started:
    """The first sample of a source became audible."""

    source: str
    at_s: float
    """`time.monotonic()`."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Everything up to this ticket was heard (or had to be discarded), and nothing is left to be played."""

    ticket: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Flushed:
    """The answer to `flush`, always; plays with older tickets get no other answer."""

    ticket: int
    source: str
    """Which source was audible, "" if none was."""
    heard_ms: int
    """How much of that source was heard in all, up to where its sound was cut off."""
    at_s: float
    """When the sound stopped: 3 ms later than it was cut off, for it fades."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The device is missing, busy or gone; it is tried every second."""

    error: SpeakerError


@dataclass(frozen=True, slots=True)
class Recovered:
    """The device works again."""


SpeakerEvent = Started | Silent | Flushed | Failed | Recovered
