"""The transcript of a conversation, as far as it was heard: a new session learns from it what was said before. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec import Struct

TURNS_KEPT = 20
MS_PER_CHARACTER = 65
"""Speech has about 15 characters in a second: how much text belongs to sound whose end never came."""

_HEADER: Final = (
    "For you to know, not to answer and not to say again: what was said in this conversation so far, in order, as far as"
    " it was heard."
)
_USER_UNKNOWN: Final = "(What the user said is not on record, only what you said and the user heard.)"

_CUT_OFF: Final = " ... (the user heard no more of this)"


class _Turn(Struct):
    role: str
    text: str
    response_id: str
    complete: bool
    share: float = 1.0
    """How much of its sound was heard, 0..1."""
    received_ms: float | None = None
    """How long its sound is, where the connection broke before its end."""

    def line(self) -> str:
        """Return who said what, as far as it was heard; empty if nothing was."""
        heard = self._heard()
        if self.role == "tool":
            return f"You called {self.text}"
        who = "You" if self.role == "assistant" else "User"
        return f"{who}: {heard}{'' if heard == self.text else _CUT_OFF}" if heard else ""

    def _heard(self) -> str:
        share = self.share
        if self.received_ms is not None and self.text:
            share *= min(1.0, self.received_ms / (len(self.text) * MS_PER_CHARACTER))
        return self.text if share >= 1.0 else self.text[: int(len(self.text) * share)]


class ConversationTranscript:
    """The last turns."""

    def __init__(self) -> None:
        self._turns: deque[_Turn] = deque(maxlen=TURNS_KEPT)

    def said(self, role: str, text: str, response_id: str = "") -> None:
        """Note the complete text of a turn of the assistant (with its response) or of the user."""
        turn = self._of(response_id)
        if turn is None:
            self._turns.append(_Turn(role, text, response_id, complete=True))
        else:
            turn.text, turn.complete = text, True

    def says(self, response_id: str, text: str) -> None:
        """Note the next words of a response; ignored where its complete text is known."""
        turn = self._of(response_id)
        if turn is None:
            self._turns.append(_Turn("assistant", text, response_id, complete=False))
        elif not turn.complete:
            turn.text += text

    def cut(self, response_id: str, share: float) -> None:
        """Note how much of a response's sound was heard, 0..1."""
        if turn := self._of(response_id):
            turn.share = share

    def broken_off(self, response_id: str, received_ms: float) -> None:
        """Note that no more of a response comes than the `received_ms` of sound that there are."""
        if turn := self._of(response_id):
            turn.received_ms = received_ms

    def clear(self) -> None:
        """Forget all of it."""
        self._turns.clear()

    def summary(self, of: str | None = None) -> str:
        """Return the text of a message that tells a session what was heard, or of one response; empty if nothing was.

        One system message in prose, not an item for each turn: assistant items with text lead models to answer with
        text instead of sound.
        """
        turns = [turn for turn in self._turns if of in {None, turn.response_id}]
        lines = [line for turn in turns if (line := turn.line())]
        if not lines:
            return ""
        if of is None and all(turn.role != "user" for turn in turns):
            lines.append(_USER_UNKNOWN)
        return "\n".join([_HEADER, *lines])

    def _of(self, response_id: str) -> _Turn | None:
        return next((turn for turn in self._turns if response_id and turn.response_id == response_id), None)
