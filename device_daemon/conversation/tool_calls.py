"""The calls of tools in a conversation: which one waits, which one runs, and whether the model is asked to go on. Pure.

The life of a call. It comes with a response, and begins at once if that response may still be heard; else, and where
somebody interrupts before it began, it is not made, and the model learns that. Calls begin in the order in which they
came, and `MOST_AT_ONCE` run at the same time. Each is answered exactly once, to the session that made it. When all are
answered and nothing is being said, the dialogue asks the model to go on: the *follow-up*.

A tool of an MCP server is called by the service itself (`remote_began`, `remote_ended`): nothing is to be done but to
wait, and to ask the model to go on.

A call that began runs to its end, also after a lost connection or a press. A lost session gets no results, and the new
one none that are not its own: it learns from the transcript what was done.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

from msgspec import Struct, field

from device_daemon.conversation.commands import CallTool, Command, Send, ToolOutput
from device_daemon.conversation.events import ToolCalled

MOST_AT_ONCE: Final = 4
MOST_WAITING: Final = 16
INTERRUPTED: Final = "not done: the user interrupted before it began"
TOO_MANY: Final = "error: too many calls at once"
LATE: Final = "error: the tool gave no answer in time"


class _Call(Struct):
    key: int
    """Its number in this conversation."""
    made: ToolCalled
    deadline_s: float = inf
    known: bool = True
    """The session that made it still stands."""


class ToolCalls(Struct):
    """All calls of one conversation, over as many sessions as it takes; times are time.monotonic."""

    timeout_s: float
    """For each, beyond the deadline that the tool has itself."""
    owed: bool = False
    """The model is to be asked to go on."""
    unanswered: bool = False
    """The person has not heard yet what came of the calls."""
    _number: int = 0
    _waiting: deque[_Call] = field(default_factory=deque)
    _running: dict[int, _Call] = field(default_factory=dict)
    _remote: dict[str, float] = field(default_factory=dict)
    """Calls that the service makes itself, by their item, and when each is given up."""
    _seen: set[str] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        """A call waits or runs."""
        return bool(self._waiting or self._running or self._remote)

    @property
    def deadline_s(self) -> float:
        """When a running call is given up."""
        return min([inf, *(call.deadline_s for call in self._running.values()), *self._remote.values()])

    def called(self, event: ToolCalled, now: float, *, wanted: bool) -> list[Command]:
        """Take in a call; `wanted` where nobody has interrupted its response."""
        if event.call_id in self._seen:
            return []
        self._seen.add(event.call_id)
        if not wanted:
            return [Send(ToolOutput(event.call_id, INTERRUPTED))]
        if len(self._waiting) >= MOST_WAITING:
            return [Send(ToolOutput(event.call_id, TOO_MANY))]
        self._number += 1
        self._waiting.append(_Call(self._number, event))
        self.owed = self.unanswered = True
        return self._begin(now)

    def result(self, key: int, output: str, now: float) -> tuple[ToolCalled | None, bool, list[Command]]:
        """Take in what came of a call.

        Returns:
            The call, None where it was given up before; whether the session knows it; and the commands.
        """
        call = self._running.pop(key, None)
        if call is None:
            return None, False, []
        answer: list[Command] = [Send(ToolOutput(call.made.call_id, output))] if call.known else []
        return call.made, call.known, [*answer, *self._begin(now)]

    def overdue(self, now: float) -> int | None:
        """Return the key of a call whose time is over."""
        return next((key for key, call in self._running.items() if now >= call.deadline_s), None)

    def answered(self, event: ToolCalled, output: str) -> list[Command]:
        """Take in a call that the dialogue has carried out itself."""
        if event.call_id in self._seen:
            return []
        self._seen.add(event.call_id)
        return [Send(ToolOutput(event.call_id, output))]

    def remote_began(self, item_id: str, now: float) -> None:
        """Take in that the service calls a tool itself."""
        self._remote[item_id] = now + self.timeout_s
        self.owed = self.unanswered = True

    def remote_ended(self, item_id: str) -> None:
        """Take in that this is over."""
        self._remote.pop(item_id, None)
        self.owed = self.unanswered = True

    def remote_overdue(self, now: float) -> str | None:
        """Return the item of a call of the service whose time is over."""
        return next((item_id for item_id, deadline_s in self._remote.items() if now >= deadline_s), None)

    def interrupted(self) -> list[Command]:
        """Cancel what has not begun."""
        waiting, self._waiting = self._waiting, deque()
        return [Send(ToolOutput(call.made.call_id, INTERRUPTED)) for call in waiting]

    def dismissed(self) -> list[Command]:
        """Do the same, and ask for no follow-up: the person does not want to hear it."""
        self.owed = self.unanswered = False
        return self.interrupted()

    def session_lost(self) -> None:
        """Take in that nothing can be answered to the session that there was."""
        self._waiting.clear()
        self._remote.clear()
        self._seen.clear()
        for call in self._running.values():
            call.known = False
        self.owed = self.unanswered

    def _begin(self, now: float) -> list[Command]:
        commands: list[Command] = []
        while self._waiting and len(self._running) < MOST_AT_ONCE:
            call = self._waiting.popleft()
            call.deadline_s = now + self.timeout_s
            self._running[call.key] = call
            commands.append(CallTool(call.key, call.made.name, call.made.arguments))
        return commands
