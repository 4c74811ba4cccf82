"""The engines that listen for words on this device: the wake words at rest, the stop word while something sounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.period import Period
from device_daemon.errors import SpeakerError
from device_daemon.health import Health, Part


class StopWordPort(Protocol):
    """The part of triggers.stop_word.StopWord that the device needs."""

    def put(self, periods: list[Period]) -> None:
        """Take the next periods of the microphone."""

    def unresponsive(self) -> str:
        """Return what is wrong with the engine's thread, "" for nothing."""

    async def close(self) -> None:
        """End the engine and its thread."""


class WakeWordsPort(StopWordPort, Protocol):
    """The part of triggers.wakeword.WakeWords that the device needs."""

    def reset(self) -> None:
        """The stream has a gap: the next period does not follow the last one."""


class WordEngines:
    """Joins the engines with the microphone; `on_change` is called when the wake words begin, or an engine fails."""

    def __init__(self, router: MicrophoneRouter, on_change: Callable[[], None]) -> None:
        self.health = Health(Part.WAKE_WORDS)
        self._router = router
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._engines: list[StopWordPort] = []
        self._wake_words: WakeWordsPort | None = None

    @property
    def listening(self) -> bool:
        """There are wake words to listen for between conversations."""
        return self._router.words is not None

    def add_wake_words(self, wake_words: WakeWordsPort) -> None:
        """Take the engine of the wake words, which is being loaded."""
        self._engines.append(wake_words)
        self._wake_words = wake_words

    def wake_words_ready(self) -> None:
        """From now on the microphone is open at rest, for the wake words alone: before, no light may say so."""
        if self._wake_words is not None:
            self._router.words, self._router.on_gap = self._wake_words.put, self._wake_words.reset
            self._on_change()

    def add_stop_word(self, stop_word: StopWordPort) -> None:
        """From now on the stop word is listened for wherever the microphone is open and something sounds."""
        self._engines.append(stop_word)
        self._router.stop_word = stop_word.put

    def wake_words_failed(self, error: SpeakerError) -> None:
        """Take the failure of their engine: no word will be heard until the speaker is restarted."""
        self._router.words = None
        self._failed(error)

    def stop_word_failed(self, error: SpeakerError) -> None:
        """Take the failure of its engine: the stop word will not be heard until the speaker is restarted."""
        self._router.stop_word = None
        self._failed(error)

    def unresponsive(self) -> str:
        """Return which engine's thread hangs, for the watchdog; "" for none."""
        return next(filter(None, (engine.unresponsive() for engine in self._engines)), "")

    async def close(self) -> None:
        """End the engines and their threads."""
        for engine in self._engines:
            await engine.close()

    def _failed(self, error: SpeakerError) -> None:
        self.health.failed(error, self._loop.time())
        self._on_change()
