"""What an engine that recognises wake words is, and what its two kinds share; `microwakeword` and `openwakeword` are those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

ENGINE_RATE_HZ: Final = 16_000
OTHER_DELAY_S: Final = 0.2
"""How long after its end a word is recognised, where that was not measured."""
_STRICTEST_CUTOFF: Final = 0.99
"""The models answer in steps of 1/256: above 255/256 nothing would ever be heard."""
_RECENT_BYTES: Final = 2 * ENGINE_RATE_HZ * 2


class Heard(Struct, frozen=True):
    """An engine recognised the word with this `index`; it ended `ago_s` before the end of the sound given so far."""

    index: int
    ago_s: float


class Engine(Protocol):
    """Recognises words in a stream of sound; used in one thread, and made there."""

    def hear(self, pcm: bytes) -> list[Heard]:
        """Take the next piece, of any length: 16 kHz, mono, 16 bit. Return what was recognised in it, in order."""

    def scores(self) -> list[float]:
        """Return the highest probability of each word since this was asked the last time, as a share of what it takes."""

    def set_sensitivity(self, index: int, sensitivity: float) -> None:
        """Change how easily a word is recognised, from 0 to 1."""

    def reset(self) -> None:
        """Forget the sound so far: what comes next does not continue it."""

    def close(self) -> None:
        """Give memory back."""


def cutoff(usual: float, sensitivity: float, laxest: float = 0.5) -> float:
    """Return the probability (0..1) above which a word counts as said.

    A sensitivity of 0.5 is the `usual` one, which the model's author chose; 0 takes a word only from 0.99 on, 1 from
    `laxest` on, and what lies between is linear on either side.
    """
    if sensitivity <= 0.5:
        return _STRICTEST_CUTOFF + (usual - _STRICTEST_CUTOFF) * sensitivity * 2
    return usual + (laxest - usual) * (sensitivity - 0.5) * 2


class Detector:
    """Decides from a word's probabilities when it was said: each time once, however long the model stays sure.

    Args:
        cutoff: Returns the probability above which the word counts as said, for a sensitivity.
        sensitivity: From 0 to 1.
        delay_s: How long after the word's end the model is sure.
    """

    def __init__(self, cutoff: Callable[[float], float], sensitivity: float, delay_s: float = OTHER_DELAY_S) -> None:
        self.delay_s = delay_s
        self._cutoff_for = cutoff
        self._cutoff = cutoff(sensitivity)
        self._sure = False
        self._highest = 0.0

    def set_sensitivity(self, sensitivity: float) -> None:
        """Change how easily the word is recognised, from 0 to 1."""
        self._cutoff = self._cutoff_for(sensitivity)

    def begins(self, probability: float) -> bool:
        """Whether the word is recognised here, and was not a moment ago."""
        self._highest = max(self._highest, probability)
        was_sure, self._sure = self._sure, probability > self._cutoff
        return self._sure and not was_sure

    def score(self) -> float:
        """Return the highest probability since this was asked the last time; 1 is what it takes."""
        highest, self._highest = self._highest, 0.0
        return highest / self._cutoff

    def reset(self) -> None:
        """Forget the sound so far."""
        self._sure = False


class RecentSound:
    """The last two seconds of what an engine was given, to find where a word in it ended."""

    def __init__(self) -> None:
        # Numpy takes 90 ms, in the thread that needs it.
        from device_daemon.triggers.word_end import word_end_s  # noqa: PLC0415

        self._word_end_s = word_end_s
        self._pcm = b""
        self._frames = 0

    def add(self, pcm: bytes) -> None:
        """Take the next piece."""
        self._pcm = (self._pcm + pcm)[-_RECENT_BYTES:]
        self._frames += len(pcm) // 2

    def ago_s(self, recognised_frame: int, delay_s: float) -> float:
        """Return how long ago a word ended that was recognised at a frame, `delay_s` after its end as a rule."""
        since = self._frames - recognised_frame
        before = self._pcm[: len(self._pcm) - 2 * since]
        return since / ENGINE_RATE_HZ + self._word_end_s(before, delay_s)

    def reset(self) -> None:
        """Forget it."""
        self._pcm, self._frames = b"", 0


class ModelEngine:
    """What both engines do with their words: each has a model, and a detector that reads its probabilities.

    Args:
        words: The package's object for each model, which has `reset` and `close`.
    """

    def __init__(self, words: Sequence[tuple[Any, Detector]]) -> None:
        self._words = words
        self._recent = RecentSound()

    def scores(self) -> list[float]:
        """Return the highest probability of each word since this was asked the last time, as a share of what it takes."""
        return [detector.score() for _, detector in self._words]

    def set_sensitivity(self, index: int, sensitivity: float) -> None:
        """Change how easily a word is recognised, from 0 to 1."""
        self._words[index][1].set_sensitivity(sensitivity)

    def reset(self) -> None:
        """Forget the sound so far."""
        for model, detector in self._words:
            model.reset()
            detector.reset()
        self._recent.reset()

    def close(self) -> None:
        """Give memory back."""
        for model, _ in self._words:
            model.close()
