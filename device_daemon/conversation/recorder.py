"""Records what the service says in a conversation: the greeting, to be cached, and the last answer, to be repeated."""

from __future__ import annotations

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation.events import AudioDelta

LIMIT_MS = 60_000
"""Of each; what is longer is not kept completely."""


class _Recording:
    """The sound of one response."""

    def __init__(self, response_id: str) -> None:
        self.response_id = response_id
        self._pieces: list[bytes] = []
        self._bytes = 0

    @property
    def complete(self) -> bool:
        return self._bytes <= LIMIT_MS * BYTES_PER_MS

    def add(self, pcm: bytes) -> None:
        self._bytes += len(pcm)
        if self.complete:
            self._pieces.append(pcm)

    def pcm(self) -> bytes:
        return b"".join(self._pieces)


class AnswerRecorder:
    """Keeps the pieces as they come and joins them when asked; 24 kHz mono S16LE."""

    def __init__(self) -> None:
        self._greeting: _Recording | None = None
        self._answer: _Recording | None = None
        self._answer_before: _Recording | None = None

    def add(self, delta: AudioDelta, greeting_id: str | None) -> None:
        """Add a piece that is played; `greeting_id` is the greeting's response."""
        is_greeting = delta.response_id == greeting_id
        recording = self._greeting if is_greeting else self._answer
        if recording is None or recording.response_id != delta.response_id:
            recording = _Recording(delta.response_id)
            if is_greeting:
                self._greeting = recording
            else:
                self._answer_before, self._answer = self._answer, recording
        recording.add(delta.pcm)

    def greeting(self, response_id: str) -> bytes:
        """Return the greeting if this response, which is complete, was it; empty if not, or if it was too long to keep."""
        recording = self._greeting
        return recording.pcm() if recording and recording.response_id == response_id and recording.complete else b""

    def answer(self, caller: str | None = None) -> bytes:
        """Return what the service said last, apart from the greeting; empty if it said nothing.

        Args:
            caller: The response that called a tool, whose "one moment" is no answer.
        """
        newest = self._answer
        answer = self._answer_before if newest and newest.response_id == caller else newest
        return answer.pcm() if answer else b""
