"""From the microphone's periods to wake words, without a thread: resampling, gaps, times, refractory period."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.audio.period import Period
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.triggers.wakeword_engine import ENGINE_RATE_HZ, Engine

ONE_CALL_S: Final = 1.0
"""Two words that sound alike are recognised within so long of each other in one and the same call."""
GAP_S: Final = 0.1
"""A hole in the periods' times from which on the sound is another one."""


class Listener:
    """Finds the triggers' words in periods of sound, and when each ended.

    After a word that word is refused for its `refractory_s`, and every other word while it may be the same call: a word
    that was heard wrongly must not cost the call of another one that follows it.
    """

    def __init__(self, engine: Engine, triggers: Sequence[WakeWordTrigger]) -> None:
        from device_daemon.audio.convert import Resampler  # noqa: PLC0415 - numpy takes 90 ms, in the thread that needs it

        self._engine = engine
        self._triggers = triggers
        self._resampler = Resampler(SAMPLE_RATE_HZ, ENGINE_RATE_HZ)
        self._until_s: float | None = None
        self._refuse_until_s = [-math.inf] * len(triggers)

    def hear(self, periods: Sequence[Period]) -> list[tuple[WakeWordTrigger, float]]:
        """Return the words in the next periods and when each ended, to 2 ms as the periods have it."""
        found: list[tuple[WakeWordTrigger, float]] = []
        pieces: list[bytes] = []
        for period in periods:
            if self._until_s is not None and abs(period.begins_at_s - self._until_s) > GAP_S:
                found += self._hear(pieces)
                pieces = []
                self.reset()
            pieces.append(period.pcm)
            self._until_s = period.captured_at_s
        return found + self._hear(pieces)

    def scores(self) -> list[float]:
        """Return the highest score of each word since this was asked the last time."""
        return self._engine.scores()

    def set_sensitivity(self, index: int, sensitivity: float) -> None:
        """Change how easily a word is recognised, from 0 to 1."""
        self._engine.set_sensitivity(index, sensitivity)

    def reset(self) -> None:
        """Forget the sound so far. A refusal stays: it is about the person, not about the sound."""
        self._engine.reset()
        self._resampler.reset()
        self._until_s = None

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def _hear(self, pieces: list[bytes]) -> list[tuple[WakeWordTrigger, float]]:
        if not pieces or self._until_s is None:
            return []
        found = []
        for heard in self._engine.hear(self._resampler.process(b"".join(pieces))):
            ends_at_s = self._until_s - heard.ago_s
            if ends_at_s < self._refuse_until_s[heard.index]:
                continue
            trigger = self._triggers[heard.index]
            others_until_s = ends_at_s + min(trigger.refractory_s, ONE_CALL_S)
            self._refuse_until_s = [max(until_s, others_until_s) for until_s in self._refuse_until_s]
            self._refuse_until_s[heard.index] = ends_at_s + trigger.refractory_s
            found.append((trigger, ends_at_s))
        return found
