"""How long a person has been waiting to hear something: when to say "one moment", and when to give up. Pure."""

from __future__ import annotations

from math import inf

from msgspec import Struct

from device_daemon.conversation.policy import Deadlines


class WaitClock(Struct):
    """Runs while nothing is heard that a person waits for, over reconnects too; times are time.monotonic."""

    deadlines: Deadlines
    since_s: float = inf
    """When the wait began; infinity while nobody waits."""
    moment_said: bool = False

    @property
    def moment_at_s(self) -> float:
        """When the person hears that it takes longer."""
        return inf if self.moment_said else self.since_s + self.deadlines.moment_s

    @property
    def gives_up_at_s(self) -> float:
        """When the person hears that it does not work."""
        return self.since_s + self.deadlines.give_up_s

    def begin(self, now: float) -> None:
        """Begin to wait; a wait that has begun goes on."""
        self.since_s = min(self.since_s, now)

    def restart(self, now: float) -> None:
        """Something came of what is waited for, and something else is to follow."""
        if self.since_s < inf:
            self.since_s = now

    def end(self) -> None:
        """Something is heard, or it is the person's turn."""
        self.since_s, self.moment_said = inf, False
