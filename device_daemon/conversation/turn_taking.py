"""Turn-taking: whose turn it is, which the light shows, how long that may last, and how long a person has waited. Pure."""

from __future__ import annotations

from math import inf
from typing import Final

from msgspec import Struct

from device_daemon.conversation.commands import Command, Enter
from device_daemon.conversation.wait_clock import WaitClock
from device_daemon.state import State, check_transition

WAITS: Final = frozenset({State.CONNECTING, State.GREETING, State.THINKING})
"""States in which a person waits to hear something."""


class TurnTaking(Struct):
    """The state of a conversation, and what the person does in it; times are time.monotonic."""

    wait: WaitClock
    ready_sound_due: bool
    """An earcon is to say, once, that it is the person's turn."""
    state: State = State.IDLE
    """What the light shows."""
    until_s: float = inf
    """When the state has lasted too long."""
    limit_s: float = inf
    """When the conversation has lasted too long."""
    person_speaks: bool = False
    speech_began_s: float = 0.0
    pending: bool = False
    """A turn ended, and the service has not begun to answer it."""
    question: bool = False
    """The last turn was long enough to be a question, so that it is reported if it is not answered."""
    farewell: bool = False
    """The person said goodbye: the conversation ends when nothing is left to say."""

    def enter(self, state: State, now: float, until_s: float | None = None) -> list[Command]:
        """Change the state, or stay in it; `until_s` is its new deadline, if it gets one."""
        if until_s is not None:
            self.until_s = until_s
        if state in WAITS:
            self.wait.begin(now)
        else:
            self.wait.end()
        if state is self.state:
            return []
        check_transition(self.state, state)
        self.state = state
        return [Enter(state)]

    def session_lost(self) -> None:
        """Take in that nothing more is heard of what the person was saying, or had said."""
        self.person_speaks = self.pending = False
