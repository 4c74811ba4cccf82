"""Keep-alive of a WebSocket (ping and pong): notices a half-open line, soon while somebody waits. Pure: time is passed in.

A line whose far end is gone without a FIN looks like one on which nobody speaks. For some seconds after a message, either
way, somebody is taken to wait for the next one: then a ping follows after `eager_ping_s` of silence, and the line is dead
when nothing at all comes within `eager_pong_s` after that. At rest (a warm session) both take longer, for less traffic.
"""

from __future__ import annotations

from enum import Enum

from device_daemon.voicelive.limits import LineLimits


class Check(Enum):
    """What to do about a line."""

    WAIT = "nothing until `due_s`"
    PING = "send a ping"
    DEAD = "give the line up"


class Liveness:
    """The state of one line. Silence counts only while somebody reads: else an answer may wait in the buffers."""

    def __init__(self, now_s: float, limits: LineLimits) -> None:
        self._limits = limits
        self._heard_s = now_s
        self._used_s = now_s
        self._pong_due_s: float | None = None
        self._reading = False

    def used(self, now_s: float) -> bool:
        """A message was sent or came; returns True where that ended a rest: `due_s` is earlier now."""
        rested = not self._eager(now_s)
        self._used_s = now_s
        if rested and self._pong_due_s is not None:
            self._pong_due_s = min(self._pong_due_s, now_s + self._limits.eager_pong_s)
        return rested

    def heard(self, now_s: float) -> bool:
        """A frame of any kind came: the line is alive; returns True where that answered a ping: `due_s` is earlier now."""
        answered = self._pong_due_s is not None
        self._heard_s = now_s
        self._pong_due_s = None
        return answered

    def reading(self, now_s: float, *, on: bool) -> bool:
        """Somebody begins to wait for the next frame, or stops; returns True where `due_s` is earlier now."""
        earlier = on and not self._reading and self.heard(now_s)  # what came meanwhile is not known yet
        self._reading = on
        return earlier

    def pinged(self, now_s: float) -> None:
        """A ping is being sent."""
        self._pong_due_s = now_s + (self._limits.eager_pong_s if self._eager(now_s) else self._limits.rest_pong_s)

    def due_s(self, now_s: float) -> float:
        """Return when to `check` next."""
        if not self._reading:
            return now_s + self._limits.eager_ping_s
        if self._pong_due_s is not None:
            return self._pong_due_s
        return self._heard_s + (self._limits.eager_ping_s if self._eager(now_s) else self._limits.rest_ping_s)

    def check(self, now_s: float) -> Check:
        """Return what to do now."""
        if not self._reading or now_s < self.due_s(now_s):
            return Check.WAIT
        return Check.PING if self._pong_due_s is None else Check.DEAD

    def _eager(self, now_s: float) -> bool:
        return now_s <= self._used_s + self._limits.eager_for_s
