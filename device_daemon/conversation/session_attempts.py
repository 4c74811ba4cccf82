"""The sessions of a conversation: whether one is ready, and whether a failure is followed by another attempt. Pure."""

from __future__ import annotations

from math import inf

from msgspec import Struct

from device_daemon.conversation.policy import Deadlines
from device_daemon.errors import ServiceSilent, SpeakerError
from device_daemon.system.backoff import retry_delay_s

FIRST_CONNECTION_RETRIES = 1
"""Somebody pressed the button and waits: better a quick notice than a long silence."""


class SessionAttempts(Struct):
    """One attempt after the other; a session is ready when session.updated came."""

    deadlines: Deadlines
    ready: bool = False
    """session.updated came on this connection."""
    was_ready: bool = False
    """It came on some connection."""
    due_s: float = inf
    """When the session should be ready (time.monotonic)."""
    failure: SpeakerError | None = None
    """What the service or the connection complained of since a session was last ready."""
    failures: int = 0
    """Attempts and sessions that failed in a row."""
    reconnects: int = 0
    """How many connections after the first were tried."""

    def opened(self, now: float) -> None:
        """The connection stands, and the session is to follow."""
        self.due_s = now + self.deadlines.session_s

    def updated(self) -> None:
        """The session is ready."""
        self.ready = self.was_ready = True
        self.due_s, self.failure = inf, None

    def lost(self, failure: SpeakerError) -> None:
        """There is no session any more. Until the next connection is open, the client has a deadline of its own."""
        self.ready, self.due_s, self.failure = False, inf, failure

    def retry_delay_s(self) -> float | None:
        """Count the failure; return the delay before the next attempt, None if it ends the conversation.

        `system.backoff.retry_delay_s` says what may be tried again; here that is done after `Deadlines.retries_s`,
        unless the service asked for a longer wait. Where no session was ever ready it is tried again once only. The
        count starts anew when an answer was heard to its end (`answered`), so that only failures in a row end a
        conversation.
        """
        delays_s = self.deadlines.retries_s
        retries = len(delays_s) if self.was_ready else FIRST_CONNECTION_RETRIES
        if self.failure is None or self.failures >= retries:
            return None
        delay_s = delays_s[self.failures]
        if retry_delay_s(self.failure, delay_s) != delay_s:
            return None
        self.failures += 1
        self.reconnects += 1
        return delay_s

    def answered(self) -> None:
        """An answer was heard to its end."""
        self.failures = 0

    def late(self) -> SpeakerError:
        """Return why the session is not ready in time."""
        return self.failure or late("session.update", self.deadlines.session_s)


def late(what: str, deadline_s: float) -> ServiceSilent:
    """Return the failure of an answer of the service that does not come."""
    return ServiceSilent(
        f"the service did not answer{what and f' {what}'} within {deadline_s:g} s; check the network, it is tried again."
    )
