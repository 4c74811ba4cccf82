"""The wake word engine microWakeWord: small models on TensorFlow Lite, by way of the package pymicro-wakeword."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import Final

from device_daemon.errors import WakeWordsUnusable
from device_daemon.triggers.wakeword_engine import ENGINE_RATE_HZ, OTHER_DELAY_S, Detector, Heard, ModelEngine, cutoff
from device_daemon.triggers.wakeword_models import INSTALL_COMMAND, WordModel

_USUAL_DELAY_S: Final = {"okay_nabu": 0.19, "alexa": 0.27, "hey_mycroft": 0.08, "hey_jarvis": 0.26}
"""How long after a word's end it is heard, at most in nine of ten cases: measured by `scripts/bench wake-words`."""
_STEP_FRAMES: Final = ENGINE_RATE_HZ // 100
_WINDOW_FRAMES: Final = 3 * _STEP_FRAMES
"""The models see the sound in windows of 30 ms, one each 10 ms."""
_FEATURES: Final = 40
"""Of a window, a byte each in the model's input."""


class MicroWakeWords(ModelEngine):
    """Listens for words, each with its sensitivity; what prepares the sound is shared by all of them.

    Making one imports numpy and the engine. Raises WakeWordsUnusable if that does not work here.
    """

    def __init__(self, words: Sequence[tuple[WordModel, float]]) -> None:
        engine = _engine()
        self._features = engine.MicroWakeWordFeatures()
        detected = []
        for model, sensitivity in words:
            loaded = engine.MicroWakeWord.from_config(model.path)
            delay_s = OTHER_DELAY_S if model.own else _USUAL_DELAY_S.get(model.name, OTHER_DELAY_S)
            detected.append((loaded, Detector(partial(cutoff, loaded.probability_cutoff), sensitivity, delay_s)))
        super().__init__(detected)
        self._windows = 0

    def hear(self, pcm: bytes) -> list[Heard]:
        """Return the words that were recognised in the next piece; each once, however long the engine stays sure."""
        self._recent.add(pcm)
        heard = []
        for features in self._features.process_streaming(pcm):
            window_ends = self._windows * _STEP_FRAMES + _WINDOW_FRAMES
            self._windows += 1
            for index, (model, detector) in enumerate(self._words):
                probability = model.process_streaming_prob(features)
                # The model answers to every third window only, and says 0 to the others.
                if self._windows % model.stride == 0 and detector.begins(probability or 0.0):
                    heard.append(Heard(index, self._recent.ago_s(window_ends, detector.delay_s)))
        return heard

    def reset(self) -> None:
        """Forget the sound so far."""
        super().reset()
        self._features.reset()
        self._windows = 0


def model_flaw(path: str, silence_s: float) -> str:
    """Return what is wrong with a model, empty for nothing; a damaged one may crash the process."""
    engine = _engine()
    model = engine.MicroWakeWord.from_config(path)
    if model.lib.TfLiteInterpreterAllocateTensors(model.interpreter):
        return "the engine cannot prepare this model; it is damaged"
    sizes = [model.lib.TfLiteTensorByteSize(tensor) for tensor in (model.input_tensor, model.output_tensor)]
    if model.stride < 1 or sizes != [model.stride * _FEATURES, 1]:
        return "not a microWakeWord model: its input or output has another size"
    for features in engine.MicroWakeWordFeatures().process_streaming(bytes(int(silence_s * ENGINE_RATE_HZ) * 2)):
        model.process_streaming_prob(features)
    return "the engine cannot run this model" if model.lib.TfLiteInterpreterInvoke(model.interpreter) else ""


def _engine() -> ModuleType:
    try:
        import pymicro_wakeword  # noqa: PLC0415 - with numpy, in the thread that needs it

        _ = pymicro_wakeword.MicroWakeWord, pymicro_wakeword.MicroWakeWordFeatures
    except (ImportError, OSError, AttributeError) as error:
        raise WakeWordsUnusable(
            f"the wake word engine does not load ({error}): `{INSTALL_COMMAND}` installs what it needs"
        ) from error
    return pymicro_wakeword
