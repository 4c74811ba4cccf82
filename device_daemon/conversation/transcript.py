"""The transcript of a conversation, as far as it was heard: a new session after a reconnect is given it."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from device_daemon.conversation.commands import Recall

TURNS_KEPT = 20


class _Turn(Struct):
    role: str
    text: str
    response_id: str


class ConversationHistory:
    """The last turns, as far as they were heard."""

    def __init__(self) -> None:
        self._turns: deque[_Turn] = deque(maxlen=TURNS_KEPT)

    def said(self, role: str, text: str, response_id: str = "") -> None:
        """Add a turn of the assistant (with its response) or of the user."""
        self._turns.append(_Turn(role, text, response_id))

    def cut(self, response_id: str, share: float) -> None:
        """Keep only the share (0..1) of a response that was heard."""
        for turn in self._turns:
            if turn.response_id == response_id:
                turn.text = turn.text[: int(len(turn.text) * share)]

    def recall(self) -> list[Recall]:
        """Return the messages that give it to a new session."""
        return [Recall(turn.role, turn.text) for turn in self._turns if turn.text]
