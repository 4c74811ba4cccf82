"""The sound of what the service said in a conversation: the whole greeting, to be remembered, and the last answer."""

from __future__ import annotations

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation.events import AudioDelta

LIMIT_MS = 60_000
"""Of each; what goes beyond is not kept."""


class _Take:
    """The sound of one response as it comes."""

    def __init__(self, response_id: str) -> None:
        self.response_id = response_id
        self._pieces: list[bytes] = []
        self._bytes = 0

    @property
    def whole(self) -> bool:
        return self._bytes <= LIMIT_MS * BYTES_PER_MS

    def add(self, pcm: bytes) -> None:
        self._bytes += len(pcm)
        if self.whole:
            self._pieces.append(pcm)

    def pcm(self) -> bytes:
        return b"".join(self._pieces)


class AnswerRecorder:
    """Keeps the pieces as they came; 24 kHz mono S16LE."""

    def __init__(self) -> None:
        self._greeting: _Take | None = None
        self._answer: _Take | None = None

    def add(self, delta: AudioDelta, greeting_id: str | None) -> None:
        """Take in a piece that is played; `greeting_id` is the greeting's response."""
        greets = delta.response_id == greeting_id
        take = self._greeting if greets else self._answer
        if take is None or take.response_id != delta.response_id:
            take = _Take(delta.response_id)
            if greets:
                self._greeting = take
            else:
                self._answer = take
        take.add(delta.pcm)

    def greeting(self, response_id: str) -> bytes:
        """The greeting, if this response, which is complete, was it; empty if not, or if it was too long to keep."""
        take = self._greeting
        return take.pcm() if take and take.response_id == response_id and take.whole else b""

    def answer(self) -> bytes:
        """What the service said last, apart from the greeting; empty if it said nothing."""
        return self._answer.pcm() if self._answer else b""
