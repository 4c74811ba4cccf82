"""The greeting ledger: keeps a conversation from greeting twice, and from forgetting to greet. Pure.

    NONE      nothing is to be said first
    WANTED  -> REQUESTED -> CREATED -> AUDIBLE -> DONE      the way of a greeting that the service speaks
    WANTED  -> CREATED   -> AUDIBLE -> DONE                 the way of one that is played from the cache
    REQUESTED, CREATED -> WANTED                            its request or response was lost before a sample was heard
    WANTED, REQUESTED, CREATED -> SKIPPED                   it will not be said

It may be asked for in WANTED only, and from AUDIBLE on nothing leads back there. The ledger belongs to the
conversation, not to a connection.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from device_daemon.errors import SpeakerError
from device_daemon.greetings.opening import Opening


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
    """The step a conversation's greeting has reached. Calls that do not fit the step are ignored or raise ValueError."""

    step: Step
    response_id: str | None = None
    """The service's response that speaks it; None before response.created, and where it is played from the cache."""
    from_cache: bool = False
    """Its sound is played from the cache: it cannot be lost with a connection."""
    broken_off: bool = False
    """It was heard in part, and the connection or the service ended it."""
    in_speaker: bool = False
    """Its sound from the cache was handed to the speaker, and it is not known yet how much of it was heard."""
    requests: int = 0
    """How often the service was asked for it; numbers the requests."""
    session_requests: int = 0
    """How often this session was asked for it, and began it or refused it for good."""
    failure: SpeakerError | None = None
    """Why the last request for it failed."""

    @classmethod
    def opened(cls, opening: Opening | None) -> GreetingLedger:
        """Return the ledger of a new conversation."""
        return cls(Step.NONE if opening is None else Step.WANTED)

    @property
    def pending(self) -> bool:
        """The greeting is still to be heard."""
        return self.step in _PENDING

    @property
    def heard(self) -> bool:
        """It was heard to its end, or to where a person interrupted it."""
        return self.step is Step.DONE and not self.broken_off

    def requested(self) -> None:
        """Note that the service was asked for it. Raises ValueError unless it is wanted."""
        if self.step is not Step.WANTED:
            raise ValueError(f"greeting requested while {self.step}")
        self.step = Step.REQUESTED
        self.requests += 1
        self.session_requests += 1

    def played_from_cache(self) -> None:
        """Note that its cached sound was handed to the speaker. Raises ValueError unless it is wanted."""
        if self.step is not Step.WANTED:
            raise ValueError(f"greeting played from the cache while {self.step}")
        self.step, self.from_cache, self.in_speaker = Step.CREATED, True, True

    def created(self, response_id: str) -> None:
        """Note that the service began a response: the greeting's, if that was requested."""
        if self.step is Step.REQUESTED:
            self.step, self.response_id = Step.CREATED, response_id

    def audible(self) -> None:
        """Note that its first sample was heard: it is never asked for again."""
        if self.step is Step.CREATED:
            self.step = Step.AUDIBLE

    def done(self) -> None:
        """Note that it was heard to its end, or to where somebody interrupted it."""
        if self.step is Step.AUDIBLE:
            self.step = Step.DONE

    def lost(self) -> None:
        """Note that the connection, the request or the response is gone: it is wanted again if nothing was heard."""
        if self.from_cache:
            return
        if self.step in {Step.REQUESTED, Step.CREATED}:
            self.step, self.response_id = Step.WANTED, None
        self.broken_off |= self.step is Step.AUDIBLE
        self.done()

    def taken_back(self) -> None:
        """Note that the speaker failed before a sample was heard: it is wanted again, wherever its sound came from."""
        self.in_speaker = False
        if self.step is Step.CREATED:
            self.step, self.response_id, self.from_cache = Step.WANTED, None, False

    def skipped(self) -> None:
        """Note that it will not be said: the service greets by itself, or the person spoke first."""
        if self.pending:
            self.step = Step.SKIPPED
