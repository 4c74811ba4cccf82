"""Both wake word engines at once: each word goes to the engine of its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from device_daemon.config.settings import WakeWordTrigger
from device_daemon.triggers.microwakeword import MicroWakeWords
from device_daemon.triggers.openwakeword import OpenWakeWords
from device_daemon.triggers.wakeword_engine import Engine, Heard
from device_daemon.triggers.wakeword_models import ModelCopies, WordModel, find_model


class Engines:
    """Listens for the words of both kinds of models at once. Raises WakeWordsUnusable if one cannot be used."""

    def __init__(self, triggers: Sequence[WakeWordTrigger]) -> None:
        makers: dict[str, Callable[[Sequence[tuple[WordModel, float]]], Engine]] = {
            "microWakeWord": MicroWakeWords,
            "openWakeWord": OpenWakeWords,
        }
        self._copies = ModelCopies()
        self._engines: list[tuple[Engine, list[int]]] = []
        try:
            models = [self._copies.of(find_model(trigger.word)) for trigger in triggers]
            for kind, maker in makers.items():
                if indexes := [index for index, model in enumerate(models) if model.kind == kind]:
                    words = [(models[index], triggers[index].sensitivity) for index in indexes]
                    self._engines.append((maker(words), indexes))
        except BaseException:
            self.close()
            raise

    def hear(self, pcm: bytes) -> list[Heard]:
        """Return the words that were recognised in the next piece, in order."""
        heard = [
            replace(each, index=indexes[each.index]) for engine, indexes in self._engines for each in engine.hear(pcm)
        ]
        return sorted(heard, key=lambda each: -each.ago_s) if len(self._engines) > 1 else heard

    def scores(self) -> list[float]:
        """Return the highest probability of each word since this was asked the last time, as a share of what it takes."""
        found = {
            index: score
            for engine, indexes in self._engines
            for index, score in zip(indexes, engine.scores(), strict=True)
        }
        return [found[index] for index in sorted(found)]

    def set_sensitivity(self, index: int, sensitivity: float) -> None:
        """Change how easily a word is recognised, from 0 to 1."""
        for engine, indexes in self._engines:
            if index in indexes:
                engine.set_sensitivity(indexes.index(index), sensitivity)

    def reset(self) -> None:
        """Forget the sound so far."""
        for engine, _ in self._engines:
            engine.reset()

    def close(self) -> None:
        """Give memory back."""
        for engine, _ in self._engines:
            engine.close()
        self._copies.close()
