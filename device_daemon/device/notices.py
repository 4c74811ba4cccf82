"""Notices: earcons and spoken sentences of the device itself, between conversations and never through the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from device_daemon.audio import sounds
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Sounds
from device_daemon.language.language import Language

TICKET = 0
"""Conversations number their sounds from 1; the end of what is played between them is not reported."""

PREPARED = ("moment", "try-again", "offline")
"""Notices that are synthesised in advance: those of a conversation must be there at once, and whoever hears the last one has
waited for long enough."""


class Notices:
    """`may_speak` is asked just before a notice is played: a conversation may have begun meanwhile."""

    def __init__(self, settings: Sounds, language: Language, speaker: Speaker, may_speak: Callable[[], bool]) -> None:
        self._settings = settings
        self._language = language
        self._speaker = speaker
        self._may_speak = may_speak
        self._tasks: set[asyncio.Task[None]] = set()

    def own_sound(self, name: str) -> tuple[bytes, float]:
        """A short sound by name, 24 kHz mono S16LE, and its gain."""
        return sounds.earcon(name), self._settings.volume / 100

    def notice(self, name: str) -> tuple[bytes, float]:
        """A notice by name in the same way, without waiting: its earcon alone, if `prepare` has not spoken it yet."""
        return sounds.prepared_notice(name, self._language), self._settings.volume / 100

    def prepare(self, after_s: float = 0.0) -> None:
        """Synthesise the notices of conversations in the background, after some seconds."""
        if self._settings.notices:
            self._run(self._prepare(after_s))

    def play(self, name: str) -> None:
        """Play a short sound."""
        pcm, gain = self.own_sound(name)
        self._speaker.play(f"sound:{name}", pcm, TICKET, gain=gain)

    def repeat_answer(self, pcm: bytes) -> None:
        """Play the last answer once more."""
        self._speaker.play("again", pcm, TICKET)

    def say(self, name: str) -> None:
        """Speak a notice, so that a press is never answered with silence."""
        if self._settings.notices:
            self._run(self._say(name))
        elif self._settings.error:
            self.play("error")

    def stop(self) -> None:
        """Cut short what is being played."""
        self._speaker.flush(TICKET)

    async def close(self) -> None:
        """Cancel what is not spoken yet; every task is awaited."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="notice")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _prepare(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        for name in PREPARED:
            await sounds.notice(name, self._language)

    async def _say(self, name: str) -> None:
        pcm = await sounds.notice(name, self._language)
        if self._may_speak():
            self._speaker.play(f"notice:{name}", pcm, TICKET, gain=self._settings.volume / 100)
