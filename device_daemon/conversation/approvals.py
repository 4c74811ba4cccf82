"""Approvals of remote tools: which call of an MCP server waits for a person's permission, and what they said. Pure.

The life of an approval. The service asks with an `mcp_approval_request` item. The model asks the person, for it is told
to; the person's yes or no comes back as a call of the function `NAME`, or the person presses the button, which means yes.
The answer goes to the service once it makes no response: it begins one of its own with the call. A request that nobody
answers within `timeout_s` after the question was asked is refused: a later press must not allow it.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from device_daemon.conversation.commands import AnswerApproval
from device_daemon.conversation.events import ApprovalRequested

NAME: Final = "allow_remote_tool"
DEFINITION: Final[dict[str, Any]] = {
    "type": "function",
    "name": NAME,
    "description": "Passes on whether the person allows the call of a tool that waits for permission. Call it only after"
    " the person has answered the question.",
    "parameters": {
        "type": "object",
        "properties": {"allowed": {"type": "boolean", "description": "Whether the person said yes."}},
        "required": ["allowed"],
        "additionalProperties": False,
    },
}
"""The function as session.update lists it; `Dialogue` carries it out itself."""
MOST_WAITING: Final = 4
_MOST_CHARACTERS: Final = 300


class _Given(Struct):
    allowed: bool


def allowed_by(arguments: str) -> bool:
    """Return what a call of the function passes on; what cannot be read is a no."""
    try:
        return msgspec.json.decode(arguments, type=_Given).allowed
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


class Approvals(Struct):
    """Those of one conversation; times are time.monotonic."""

    timeout_s: float
    """For the person's answer, from when the question is asked for."""
    deadline_s: float = inf
    """When the request that the person was asked about is refused."""
    answers: list[AnswerApproval] = field(default_factory=list)
    """What is to be sent to the service."""
    _waiting: deque[ApprovalRequested] = field(default_factory=deque)

    @property
    def asked(self) -> bool:
        """The person was asked, and has not answered."""
        return self.deadline_s < inf

    @property
    def unasked(self) -> bool:
        """A request waits that the person was not asked about."""
        return bool(self._waiting) and not self.asked

    def requested(self, event: ApprovalRequested, *, wanted: bool) -> None:
        """Take in a request; `wanted` where nobody has interrupted its response."""
        if wanted and len(self._waiting) < MOST_WAITING:
            self._waiting.append(event)
        else:
            self.answers.append(AnswerApproval(event.request_id, approve=False))

    def question(self, now: float) -> str:
        """Return what the model is to ask the person about the next request."""
        request = self._waiting[0]
        self.deadline_s = now + self.timeout_s
        return (
            f"The tool {request.name} of the server {request.server} waits for permission; its arguments are"
            f" {request.arguments[:_MOST_CHARACTERS]}. Ask the person now, in one short question, whether it may run, and"
            f" nothing else. When they have answered, call the function {NAME}."
        )

    def answer(self, *, approve: bool) -> bool:
        """Take in the person's answer; return False if nothing was asked."""
        if not self.asked:
            return False
        self.deadline_s = inf
        self.answers.append(AnswerApproval(self._waiting.popleft().request_id, approve=approve))
        return True

    def dismissed(self) -> None:
        """Refuse what the person was not asked about and does not want to hear of."""
        while self.unasked:
            self.answers.append(AnswerApproval(self._waiting.popleft().request_id, approve=False))

    def take_answers(self) -> list[AnswerApproval]:
        """Return what is to be sent, once."""
        answers, self.answers = self.answers, []
        return answers

    def session_lost(self) -> None:
        """Take in that nothing can be answered to the session that there was."""
        self._waiting.clear()
        self.answers.clear()
        self.deadline_s = inf
