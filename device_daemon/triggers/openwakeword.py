"""The wake word engine openWakeWord, for models of an owner's own, by way of the optional package pyopen-wakeword."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from types import ModuleType
from typing import Final

from device_daemon.errors import WakeWordsUnusable
from device_daemon.triggers.wakeword_engine import ENGINE_RATE_HZ, Detector, Heard, ModelEngine, cutoff
from device_daemon.triggers.wakeword_models import OPEN_INSTALL_COMMAND, WordModel

_USUAL_CUTOFF: Final = 0.5
_LAXEST_CUTOFF: Final = 0.1
"""openWakeWord's own default, and where it begins to take anything."""
_DELAY_S: Final = 0.6
"""How long after a word's end it is heard, at most in nine of ten cases: measured by `scripts/bench wake-words`."""
_PIECE_BYTES: Final = 1280 * 2
"""The engine steps by 80 ms."""
_SILENCE_FRAMES: Final = round(2.2 * ENGINE_RATE_HZ)
"""Of silence before the first sound: so much a model sees at once. The engine's own 8 s cost a Pi seconds at each reset."""
_EMBEDDING_FLOATS: Final = 96
_FLOAT_BYTES: Final = 4
_FLOAT32: Final = 1
"""kTfLiteFloat32."""


class OpenWakeWords(ModelEngine):
    """Listens for words, each with its sensitivity; the embeddings of the sound are shared by all of them.

    Making one imports numpy and the engine. Raises WakeWordsUnusable if that does not work here.
    """

    def __init__(self, words: Sequence[tuple[WordModel, float]]) -> None:
        engine = _engine()
        self._features = engine.OpenWakeWordFeatures.from_builtin()
        self._features.new_audio_samples = _SILENCE_FRAMES
        super().__init__(
            [
                (
                    engine.OpenWakeWord.from_model(model.path),
                    Detector(partial(cutoff, _USUAL_CUTOFF, laxest=_LAXEST_CUTOFF), sensitivity, _DELAY_S),
                )
                for model, sensitivity in words
            ]
        )
        self._rest = b""
        self._pieces = 0

    def hear(self, pcm: bytes) -> list[Heard]:
        """Return the words that were recognised in the next piece; each once, however long the engine stays sure."""
        self._recent.add(pcm)
        return [
            Heard(index, self._recent.ago_s(self._pieces * _PIECE_BYTES // 2, detector.delay_s))
            for embeddings in self._embeddings(pcm)
            for index, (model, detector) in enumerate(self._words)
            for probability in model.process_streaming(embeddings)
            if detector.begins(probability)
        ]

    def reset(self) -> None:
        """Forget the sound so far."""
        super().reset()
        self._features.reset()
        self._features.new_audio_samples = _SILENCE_FRAMES
        self._rest, self._pieces = b"", 0

    def close(self) -> None:
        """Give memory back."""
        super().close()
        self._features.close()

    def _embeddings(self, pcm: bytes) -> Iterator[object]:
        """Yield the embeddings of the sound, in pieces of one step each, so that it is known when a word was heard."""
        self._rest += pcm
        while len(self._rest) >= _PIECE_BYTES:
            piece, self._rest = self._rest[:_PIECE_BYTES], self._rest[_PIECE_BYTES:]
            self._pieces += 1
            yield from self._features.process_streaming(piece)


def model_flaw(path: str, silence_s: float) -> str:
    """Return what is wrong with a model, empty for nothing; a damaged one may crash the process."""
    engine = _engine()
    model = engine.OpenWakeWord.from_model(path)
    if model.lib.TfLiteInterpreterAllocateTensors(model.interpreter):
        return "the engine cannot prepare this model; it is damaged"
    tensors = model.input_tensor, model.output_tensor
    sizes = [model.lib.TfLiteTensorByteSize(tensor) for tensor in tensors]
    is_float = all(model.lib.TfLiteTensorType(tensor) == _FLOAT32 for tensor in tensors)
    if not is_float or sizes != [model.input_windows * _EMBEDDING_FLOATS * _FLOAT_BYTES, _FLOAT_BYTES]:
        return "not an openWakeWord model: its input or output has another size or type"
    features = engine.OpenWakeWordFeatures.from_builtin()
    for embeddings in features.process_streaming(bytes(int(silence_s * ENGINE_RATE_HZ) * 2)):
        for _ in model.process_streaming(embeddings):
            pass
    return "the engine cannot run this model" if model.lib.TfLiteInterpreterInvoke(model.interpreter) else ""


def _engine() -> ModuleType:
    try:
        import pyopen_wakeword  # noqa: PLC0415 - with numpy, in the thread that needs it
    except (ImportError, OSError) as error:
        raise WakeWordsUnusable(
            f"the wake word engine openWakeWord does not load ({error}): `{OPEN_INSTALL_COMMAND}` installs what it needs"
        ) from error
    return pyopen_wakeword
