"""The wake word engine microWakeWord, and the protocol that another engine would have to follow.

microWakeWord is small models on TensorFlow Lite, by way of the package pymicro-wakeword. Nothing of it is imported
before a `MicroWakeWords` is made.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from device_daemon.config.settings import WakeWordTrigger
from device_daemon.config.wake_words import Installed, name_of
from device_daemon.errors import WakeWordsUnusable, WakeWordUnknown

if TYPE_CHECKING:
    from pymicro_wakeword import MicroWakeWord

ENGINE_RATE_HZ: Final = 16_000
REQUIREMENT: Final = "pymicro-wakeword>=2.5,<3"
INSTALL_COMMAND: Final = (
    f"{'' if os.access(sys.prefix, os.W_OK) else 'sudo '}{sys.prefix}/bin/python3 -m pip install '{REQUIREMENT}'"
)
"""What an owner types where the engine is missing; both ways to install the speaker include it."""

_PACKAGE: Final = "pymicro_wakeword"
_STRICTEST_CUTOFF: Final = 0.99
"""The models answer in steps of 1/256: above 255/256 nothing would ever be heard."""
_LAXEST_CUTOFF: Final = 0.5
_USUAL_DELAY_S: Final = {"okay_nabu": 0.19, "alexa": 0.27, "hey_mycroft": 0.08, "hey_jarvis": 0.26}
"""How long after a word's end it is heard, at most in nine of ten cases: measured by `scripts/bench wake-words`."""
_OTHER_DELAY_S: Final = 0.2
_RECENT_BYTES: Final = 2 * ENGINE_RATE_HZ * 2
_STEP_FRAMES: Final = ENGINE_RATE_HZ // 100
_WINDOW_FRAMES: Final = 3 * _STEP_FRAMES
"""The models see the sound in windows of 30 ms, one each 10 ms."""


class Heard(Struct, frozen=True):
    """An engine recognised the word with this `index`; it ended `ago_s` before the end of the sound given so far."""

    index: int
    ago_s: float


class Engine(Protocol):
    """Recognises words in a stream of sound; used in one thread, and made there."""

    def hear(self, pcm: bytes) -> list[Heard]:
        """Take the next piece, of any length: 16 kHz, mono, 16 bit. Return what was recognised in it, in order."""

    def reset(self) -> None:
        """Forget the sound so far: what comes next does not continue it."""

    def close(self) -> None:
        """Give memory back."""


def installed_words() -> list[str]:
    """Return the words that can be listened for, such as okay_nabu; none if there is no engine."""
    return sorted(_models())


def installed() -> Installed:
    """Return what a config is held against before a speaker runs with it."""
    return Installed(installed_words(), INSTALL_COMMAND)


def check_words(triggers: Sequence[WakeWordTrigger]) -> None:
    """Raise WakeWordsUnusable if there is no engine, or WakeWordUnknown if it does not know a word."""
    words = installed_words()
    if not words:
        raise WakeWordsUnusable(f"the wake word engine is not installed: `{INSTALL_COMMAND}` installs it")
    for trigger in triggers:
        if name_of(trigger.word) not in words:
            raise WakeWordUnknown(
                f"the wake word {trigger.word!r} is not installed: choose one of {', '.join(words)} under triggers: in the config"
            )


def cutoff(usual: float, sensitivity: float) -> float:
    """Return the probability (0..1) above which a word counts as said.

    A sensitivity of 0.5 is the `usual` one, which the model's author chose; 0 takes a word only from 0.99 on, 1 from 0.5
    on, and what lies between is linear on either side.
    """
    if sensitivity <= 0.5:
        return _STRICTEST_CUTOFF + (usual - _STRICTEST_CUTOFF) * sensitivity * 2
    return usual + (_LAXEST_CUTOFF - usual) * (sensitivity - 0.5) * 2


class MicroWakeWords:
    """Listens for the triggers' words; what prepares the sound is shared by all of them.

    Making one imports numpy and the engine. Raises WakeWordsUnusable if that does not work here.
    """

    def __init__(self, triggers: Sequence[WakeWordTrigger]) -> None:
        check_words(triggers)
        try:
            from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures  # noqa: PLC0415 - see the module's head
        except (ImportError, OSError) as error:
            raise WakeWordsUnusable(
                f"the wake word engine does not load ({error}): `{INSTALL_COMMAND}` installs what it needs"
            ) from error
        from device_daemon.triggers.word_end import word_end_s  # noqa: PLC0415 - numpy takes 90 ms, in the thread that needs it

        models = _models()
        self._word_end_s = word_end_s
        self._features = MicroWakeWordFeatures()
        names = [name_of(trigger.word) for trigger in triggers]
        self._words = [
            _Word(MicroWakeWord.from_config(models[name]), name, trigger.sensitivity)
            for name, trigger in zip(names, triggers, strict=True)
        ]
        self._recent = b""
        self._frames = 0
        self._windows = 0

    def hear(self, pcm: bytes) -> list[Heard]:
        """Return the words that were recognised in the next piece; each once, however long the engine stays sure."""
        self._recent = (self._recent + pcm)[-_RECENT_BYTES:]
        self._frames += len(pcm) // 2
        heard = []
        for features in self._features.process_streaming(pcm):
            window_ends = self._windows * _STEP_FRAMES + _WINDOW_FRAMES
            self._windows += 1
            for index, word in enumerate(self._words):
                probability = word.model.process_streaming_prob(features)
                if not word.begins(probability or 0.0):
                    continue
                since = self._frames - window_ends
                before = self._recent[: len(self._recent) - 2 * since]
                heard.append(Heard(index, since / ENGINE_RATE_HZ + self._word_end_s(before, word.delay_s)))
        return heard

    def reset(self) -> None:
        """Forget the sound so far. Raises WakeWordsUnusable if the models are no longer there."""
        for word in self._words:
            # It reads the model anew, and a file that an upgrade took away would crash the whole process.
            if not Path(word.model.tflite_model).exists():
                raise WakeWordsUnusable(f"the wake word model {word.model.tflite_model} has gone: restart the speaker")
            word.reset()
        self._features.reset()
        self._recent, self._frames, self._windows = b"", 0, 0

    def close(self) -> None:
        """Give memory back."""
        for word in self._words:
            word.model.close()


class _Word:
    def __init__(self, model: MicroWakeWord, name: str, sensitivity: float) -> None:
        self.model = model
        self._cutoff = cutoff(model.probability_cutoff, sensitivity)
        self.delay_s = _USUAL_DELAY_S.get(name, _OTHER_DELAY_S)
        self._sure = False
        self._windows = 0

    def reset(self) -> None:
        """Forget the sound so far."""
        self.model.reset()
        self._sure = False
        self._windows = 0

    def begins(self, probability: float) -> bool:
        """Whether the word is recognised here, and was not a moment ago."""
        # The model answers to every third window only, and says 0 to the others.
        self._windows = (self._windows + 1) % self.model.stride
        if self._windows:
            return False
        was_sure, self._sure = self._sure, probability > self._cutoff
        return self._sure and not was_sure


def _models() -> dict[str, Path]:
    """Return the installed words and the file that describes the model of each, without importing the engine."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0]) / "models"
    described = (model.with_suffix(".json") for model in folder.glob("*.tflite"))
    return {name_of(description.stem): description for description in described if description.exists()}
