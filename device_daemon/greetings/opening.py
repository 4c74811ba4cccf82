"""What to say first, and the ledger that it was said once.

Pure: the time, the host name, the choice and the memory of the last choice are passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from device_daemon.config.settings import Greeting

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


class Opening(Struct, frozen=True):
    """The first words of one conversation, ready to be asked for."""

    name: str
    """As the config calls the greeting; "say" for an announcement."""
    text: str
    """Spoken word for word or, with `ask_model`, the instruction to the model."""
    ask_model: bool = False
    interruptible: bool = True
    voice: str | None = None
    announcement: bool = False
    """Only these words: nobody is listened to, and the conversation ends when they were heard."""
    pcm: bytes = b""
    """The words as the service spoke them before, 24 kHz mono S16LE; empty if that is not remembered."""
    remember: bool = False
    """What the service speaks is to be remembered."""


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its placeholders replaced; {{ and }} stand for braces."""
    return template.format_map(values)


def daypart(hour: int) -> str:
    """What people call this hour (0..23) in "Good …"."""
    if 5 <= hour < 12:
        return "morning"
    return "afternoon" if 12 <= hour < 18 else "evening"


def spoken_span(seconds: float | None) -> str:
    """A span of time as people say it, for "It has been {since_last}"."""
    if seconds is None or seconds < 0:
        return "a while"
    if seconds < 2 * _MINUTE_S:
        return "a moment"
    for unit_s, limit_s, name, one in (
        (_MINUTE_S, _HOUR_S, "minutes", ""),
        (_HOUR_S, _DAY_S, "hours", "an hour"),
        (_DAY_S, float("inf"), "days", "a day"),
    ):
        if seconds < limit_s:
            count = int(seconds // unit_s)
            return one if one and count == 1 else f"{count} {name}"
    raise AssertionError("unreachable")


def values(now: datetime, hostname: str, last: datetime | None, names: Mapping[str, str]) -> dict[str, str]:
    """What each placeholder stands for at this moment; `last` is the end of the conversation before."""
    return {
        "daypart": daypart(now.hour),
        "time": f"{now:%H:%M}",
        "date": f"{now.day} {now:%B}",
        "weekday": f"{now:%A}",
        "hostname": hostname,
        "since_last": spoken_span((now - last).total_seconds() if last else None),
    } | dict(names)


def compose(
    name: str,
    greeting: Greeting,
    values: Mapping[str, str],
    last_template: str | None,
    choose: Callable[[Sequence[str]], str],
) -> tuple[Opening, str]:
    """The opening of a conversation, and the template it was made from, to be remembered.

    Of a list, `choose` never sees the template of the last time unless there is no other.
    """
    if greeting.say_one_of is not None:
        others = [text for text in greeting.say_one_of if text != last_template]
        template = choose(others or greeting.say_one_of)
    else:
        template = greeting.say or greeting.ask_model or ""
    opening = Opening(
        name=name,
        text=fill(template, values),
        ask_model=greeting.ask_model is not None,
        interruptible=greeting.interruptible,
        voice=greeting.voice,
    )
    return opening, template


class Step(StrEnum):
    """How far the greeting of a conversation has come."""

    NONE = "none"
    WANTED = "wanted"
    REQUESTED = "requested"
    CREATED = "created"
    AUDIBLE = "audible"
    DONE = "done"
    SKIPPED = "skipped"


_PENDING: Final = frozenset({Step.WANTED, Step.REQUESTED, Step.CREATED})


class GreetingLedger(Struct):
    """Keeps a conversation from greeting twice, and from forgetting to.

    Asked for only in `wanted`; a request or a response that is lost before anything was heard makes it wanted
    again; from the first audible sample on nothing does. It belongs to the conversation, not to a connection, and
    one that is played from memory cannot be lost with a connection.
    """

    step: Step
    response_id: str | None = None
    remembered: bool = False

    @classmethod
    def opened(cls, opening: Opening | None) -> GreetingLedger:
        """A new conversation's ledger; without an opening there is nothing to say."""
        return cls(Step.NONE if opening is None else Step.WANTED)

    @property
    def pending(self) -> bool:
        """The greeting is still to be heard."""
        return self.step in _PENDING

    def requested(self) -> None:
        """The request is on its way (recorded when it is handed to the connection, not before)."""
        if self.step is not Step.WANTED:
            raise ValueError(f"greeting requested while {self.step}")
        self.step = Step.REQUESTED

    def recited(self) -> None:
        """Its remembered sound was handed to the speaker."""
        if self.step is not Step.WANTED:
            raise ValueError(f"greeting recited while {self.step}")
        self.step, self.remembered = Step.CREATED, True

    def created(self, response_id: str) -> None:
        """The service has begun to make it."""
        if self.step is Step.REQUESTED:
            self.step, self.response_id = Step.CREATED, response_id

    def audible(self) -> None:
        """Its first sample was heard: it is never asked for again."""
        if self.step is Step.CREATED:
            self.step = Step.AUDIBLE

    def done(self) -> None:
        """It was heard to its end, or to where somebody interrupted it."""
        if self.step is Step.AUDIBLE:
            self.step = Step.DONE

    def lost(self) -> None:
        """The connection or the response went away: ask again if nothing was heard yet."""
        if self.remembered:
            return
        if self.step in {Step.REQUESTED, Step.CREATED}:
            self.step, self.response_id = Step.WANTED, None
        self.done()

    def skipped(self) -> None:
        """It will not be said: the service greets by itself, or the person spoke first."""
        if self.pending:
            self.step = Step.SKIPPED
