"""The stop word: listened for only while the speaker sounds or something rings, on this device only."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from device_daemon.audio.period import Period
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.errors import SpeakerError
from device_daemon.triggers.wakeword import WakeWords

TAIL_S: Final = 1.0
"""How long it is listened for after the speaker fell silent: the word lasts half a second, and is recognised a little later."""

logger = logging.getLogger(__name__)


class StopWord:
    """All methods are called from the event loop's thread.

    Args:
        trigger: The word and its sensitivity.
        loop: The running loop.
        sounds: Whether anything is heard, or rings.
        on_word: Called when the word was heard.
        on_failure: Called once if the engine cannot be loaded or fails; all else goes on.

    Raises:
        WakeWordsUnusable: The engine is not installed.
        WakeWordUnknown: It does not know the word.
    """

    def __init__(
        self,
        trigger: WakeWordTrigger,
        *,
        loop: asyncio.AbstractEventLoop,
        sounds: Callable[[], bool],
        on_word: Callable[[], None],
        on_failure: Callable[[SpeakerError], None],
        make: Callable[..., WakeWords] = WakeWords,
    ) -> None:
        self._loop = loop
        self._sounds = sounds
        self._on_word = on_word
        self._armed_until_s = -math.inf
        self._words = make([trigger], loop=loop, on_word=self._heard, on_failure=on_failure)

    def put(self, periods: list[Period]) -> None:
        """Take what the microphone hears, without the speaker's echo as far as this device removes it."""
        now = self._loop.time()
        if self._sounds():
            if now >= self._armed_until_s:
                self._words.reset()
            self._armed_until_s = now + TAIL_S
        if now < self._armed_until_s:
            self._words.put(periods)

    def unresponsive(self) -> str:
        """Return what is wrong with the engine's thread, "" for nothing."""
        return self._words.unresponsive()

    async def close(self) -> None:
        """End the engine and its thread."""
        await self._words.close()

    def _heard(self, trigger: WakeWordTrigger, _ends_at_s: float) -> None:
        logger.info("stop word %s", trigger.word)
        self._on_word()
