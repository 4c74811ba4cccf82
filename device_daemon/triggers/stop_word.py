"""The stop word: listened for only while the speaker sounds or something rings, on this device only."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Final

from device_daemon.audio.period import Period
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.errors import SpeakerError
from device_daemon.triggers.wakeword import WakeWords
from device_daemon.triggers.wakeword_models import check_words

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
        check_words([trigger])
        self._loop = loop
        self._sounds = sounds
        self._on_word = on_word
        self._armed_until_s = -math.inf
        self._make = partial(make, [trigger], loop=loop, on_word=self._heard, on_failure=on_failure)
        self._words: WakeWords | None = None
        """Made when it is first needed: loading it must not delay the wake words when the speaker starts."""

    def put(self, periods: list[Period]) -> None:
        """Take what the microphone hears, without the speaker's echo as far as this device removes it."""
        now = self._loop.time()
        if self._sounds():
            if self._words is None:
                self._words = self._make()
            if now >= self._armed_until_s:
                self._words.reset()
            self._armed_until_s = now + TAIL_S
        if self._words is not None and now < self._armed_until_s:
            self._words.put(periods)

    def unresponsive(self) -> str:
        """Return what is wrong with the engine's thread, "" for nothing."""
        return self._words.unresponsive() if self._words else ""

    async def close(self) -> None:
        """End the engine and its thread."""
        if self._words is not None:
            await self._words.close()

    def _heard(self, trigger: WakeWordTrigger, _ends_at_s: float) -> None:
        logger.info("stop word %s", trigger.word)
        self._on_word()
