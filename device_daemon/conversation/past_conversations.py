"""What is left of the conversations that are over: figures, the last answer, and what the next one may go on with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from device_daemon.conversation.commands import End
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.runner import ConversationRunner
from device_daemon.conversation.transcript import ConversationTranscript
from device_daemon.greetings.resolver import ConversationRequest

logger = logging.getLogger(__name__)

ANSWER_KEPT_S = 300.0
"""How long the last answer can be repeated after its conversation; later it could be another person who hears it."""


class _Said(Struct, frozen=True):
    """What the next conversation may go on with; `until_s` is on time.monotonic."""

    transcript: ConversationTranscript
    assistant: str
    until_s: float


class PastConversations:
    """`continue_for_s` is how long a conversation may be gone on with; `now` is the loop's time."""

    def __init__(self, continue_for_s: float, now: Callable[[], float]) -> None:
        self.last: dict[str, Any] | None = None
        """The last conversation, for `status`; ready for JSON."""
        self.ended_s: float | None = None
        """When the last conversation ended (time.monotonic)."""
        self.metrics = Metrics()
        """Of all of them."""
        self._continue_for_s = continue_for_s
        self._now = now
        self._answer: tuple[bytes, float] = b"", 0.0
        self._said: _Said | None = None

    def add(self, request: ConversationRequest, runner: ConversationRunner, end: End) -> None:
        """Take in a conversation that has just ended."""
        self.ended_s = now = self._now()
        if answer := runner.answer():
            self._answer = answer, now + ANSWER_KEPT_S
        if request.listens and self._continue_for_s:
            transcript = runner.dialogue.heard_until(now)
            self._said = _Said(transcript, request.assistant, now + self._continue_for_s)
        self.last = _record(request, runner, end, now)

    def answer(self) -> bytes:
        """Return the sound of the last answer, 24 kHz mono S16LE; empty if there is none or it is too long ago."""
        pcm, until_s = self._answer
        return pcm if self._now() < until_s else b""

    def continued_by(self, request: ConversationRequest) -> ConversationTranscript | None:
        """Return what was said in the conversation that a request goes on with; None if it begins anew."""
        said = self._said
        if said is None or not request.continues or said.assistant != request.assistant:
            return None
        return said.transcript if request.pressed_s < said.until_s and said.transcript.summary() else None

    def forget(self) -> None:
        """Discard what was said, so that nobody hears of it again; the figures stay."""
        self._answer, self._said = (b"", 0.0), None


def _record(request: ConversationRequest, runner: ConversationRunner, end: End, now: float) -> dict[str, Any]:
    greeting_s = runner.times.greeting_heard_s
    opening = runner.dialogue.opening
    return {
        "trigger": request.trigger,
        "assistant": request.assistant,
        "greeting": opening.name if opening else "none",
        "cached": runner.dialogue.greeting.from_cache,
        "ended": str(end.reason),
        "failure": str(end.failure) if end.failure else None,
        "duration_s": round(now - request.pressed_s, 1),
        "press_to_greeting_ms": round((greeting_s - request.pressed_s) * 1000, 1) if greeting_s else None,
        "reconnects": runner.dialogue.session.reconnects,
    }
