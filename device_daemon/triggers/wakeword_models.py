"""Models of wake words: those that are installed, and files of the owner; each of these is tried before it is used.

Both engines (microWakeWord and openWakeWord) are bindings of TensorFlow Lite that ignore its status codes: a damaged
model crashes the process that loads it. So a file of the owner is loaded in a child process first (`wakeword_probe`).
What is used is a copy of what was tried, since the file may change meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import msgspec
from msgspec import Meta, Struct

from device_daemon.config.settings import STOP_WORD, WakeWordTrigger
from device_daemon.config.wake_words import Installed, is_file, name_of
from device_daemon.errors import WakeWordsUnusable, WakeWordUnknown
from device_daemon.system.foreign_text import safe
from device_daemon.system.pip_command import install_command

Kind = Literal["microWakeWord", "openWakeWord"]

REQUIREMENT: Final = "pymicro-wakeword>=2.5,<3"
OPEN_REQUIREMENT: Final = "pyopen-wakeword>=1.1,<2"
INSTALL_COMMAND: Final = install_command(REQUIREMENT)
"""What an owner types where the engine is missing; both ways to install the speaker include it."""
OPEN_INSTALL_COMMAND: Final = install_command(OPEN_REQUIREMENT)
"""The same for openWakeWord, which is optional."""
PROBE_DEADLINE_S: Final = 60.0
"""Loading an engine takes 20 s on the slowest Pi."""
MOST_DESCRIPTION_BYTES: Final = 64 * 1024
MOST_MODEL_BYTES: Final = 16 * 1024 * 1024
_SHIPPED: Final = Path(__file__).parent / "models"
"""What comes with this program; see NOTICE there."""
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME")
"""Of the child: the service's key is none of its business."""
_OPEN_HELPERS: Final = frozenset({"embedding_model", "melspectrogram"})
"""Models that come with openWakeWord and are no words."""


class WordModel(Struct, frozen=True):
    """A word and the file of its model: the description (.json) for microWakeWord, else the model (.tflite) itself."""

    name: str
    kind: Kind
    path: Path
    own: bool = False
    """A file of the owner, that has to be tried."""


class MicroSettings(Struct, frozen=True):
    """The part `micro` of a description of microWakeWord, version 2; further keys do not matter here."""

    probability_cutoff: Annotated[float, Meta(ge=0, le=1)]
    sliding_window_size: Annotated[int, Meta(ge=1, le=100)]
    feature_step_size: Annotated[int, Meta(ge=10, le=10)] = 10
    """In ms; the engine knows no other."""


class Description(Struct, frozen=True):
    """A description of a microWakeWord model, as ESPHome and Home Assistant use it."""

    model: Annotated[str, Meta(pattern=r"^[^/\0]+\.tflite$")]
    """The file beside it."""
    wake_word: str
    micro: MicroSettings


def installed_words() -> list[str]:
    """Return the words that can be listened for, such as okay_nabu; none if there is no engine."""
    return sorted(_installed_models())


def installed() -> Installed:
    """Return what a config is held against before a speaker runs with it; files of the owner are loaded."""
    return Installed(installed_words(), INSTALL_COMMAND, file_flaw)


def find_model(word: str) -> WordModel:
    """Return the model of a word of the config, by name or by file. Raises WakeWordsUnusable, WakeWordUnknown."""
    if is_file(word):
        path = Path(word)
        model = WordModel(name_of(word), "microWakeWord" if path.suffix == ".json" else "openWakeWord", path, own=True)
        _require_engine(model.kind)
        return model
    words = _installed_models()
    if name_of(word) == STOP_WORD:
        _require_engine("microWakeWord")
        return WordModel(STOP_WORD, "microWakeWord", _SHIPPED / f"{STOP_WORD}.json")
    if not words:
        raise WakeWordsUnusable(f"the wake word engine is not installed: `{INSTALL_COMMAND}` installs it")
    if name_of(word) not in words:
        raise WakeWordUnknown(
            f"the wake word {word!r} is not installed: choose one of {', '.join(sorted(words))} under triggers: in the config"
        )
    return words[name_of(word)]


def check_words(triggers: Sequence[WakeWordTrigger]) -> None:
    """Raise WakeWordsUnusable if there is no engine, or WakeWordUnknown if it does not know a word."""
    for trigger in triggers:
        find_model(trigger.word)


def file_flaw(word: str) -> str:
    """Return why a file of the owner cannot be used as a wake word, for the config's messages; empty if it can."""
    try:
        with ModelCopies() as copies:
            copies.of(find_model(word))
    except WakeWordsUnusable as error:
        return error.message
    return ""


class ModelCopies:
    """A private folder with copies of the models in use, each tried before it is given out."""

    def __init__(self) -> None:
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="wake-words-", ignore_cleanup_errors=True)
        except OSError as error:
            raise WakeWordsUnusable(f"the wake words need a folder for temporary files: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the copies."""
        self._folder.cleanup()

    def of(self, model: WordModel) -> WordModel:
        """Return the same model in a file that nobody else changes. Raises WakeWordsUnusable."""
        name = f"{len(list(Path(self._folder.name).iterdir()))}"
        target = Path(self._folder.name, name).with_suffix(model.path.suffix)
        content = _content(model.path, MOST_DESCRIPTION_BYTES if model.kind == "microWakeWord" else MOST_MODEL_BYTES)
        if model.kind == "microWakeWord":
            description = _description(model.path, content)
            beside = _content(model.path.with_name(description.model), MOST_MODEL_BYTES)
            _write(target.with_suffix(".tflite"), beside)
            copied = msgspec.structs.replace(description, model=target.with_suffix(".tflite").name)
            content = msgspec.json.encode(copied)
        _write(target, content)
        copy = msgspec.structs.replace(model, path=target)
        if model.own and (flaw := _probe(copy)):
            raise WakeWordsUnusable(f"{model.path}: {safe(flaw)}")
        return copy


def _content(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        # The name may come from a description, which somebody else wrote.
        place = safe(str(path))
        raise WakeWordsUnusable(f"{place}: the wake word model cannot be read ({error.strerror or error})") from error
    if len(content) > most_bytes:
        raise WakeWordsUnusable(f"{path}: more than {most_bytes} bytes, so it is no wake word model")
    return content


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise WakeWordsUnusable(f"the wake words need room for temporary files: {error}") from error


def _description(path: Path, content: bytes) -> Description:
    try:
        return msgspec.json.decode(content, type=Description)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WakeWordsUnusable(f"{path}: no description of a microWakeWord model ({safe(str(error))})") from error


def _probe(model: WordModel) -> str:
    """Load a model in a child process; return what is wrong with it, empty if it can be used."""
    command = [sys.executable, "-m", "device_daemon.triggers.wakeword_probe", model.kind, str(model.path)]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["OPENBLAS_NUM_THREADS"] = "1"  # numpy would reserve memory for each core
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return (
            f"the engine does not get done with this model in {PROBE_DEADLINE_S:g} s; it is damaged, or no such model"
        )
    except OSError as error:
        return f"it cannot be tried: {error}"
    if done.returncode < 0:
        return "this model crashes the engine; it is damaged, or no such model"
    return done.stdout.decode(errors="replace").strip() or ("" if done.returncode == 0 else "the engine fails with it")


def _require_engine(kind: Kind) -> None:
    package, command = {
        "microWakeWord": ("pymicro_wakeword", INSTALL_COMMAND),
        "openWakeWord": ("pyopen_wakeword", OPEN_INSTALL_COMMAND),
    }[kind]
    if _folder_of(package) is None:
        raise WakeWordsUnusable(f"the wake word engine {kind} is not installed: `{command}` installs it")


def _installed_models() -> dict[str, WordModel]:
    """Return the words that come with the engines, without importing them; microWakeWord's before openWakeWord's."""
    models: dict[str, WordModel] = {}
    if (folder := _folder_of("pyopen_wakeword")) is not None:
        for path in (folder / "models").glob("*.tflite"):
            if path.stem not in _OPEN_HELPERS:
                models[name_of(path.stem)] = WordModel(name_of(path.stem), "openWakeWord", path)
    if (folder := _folder_of("pymicro_wakeword")) is not None:
        for path in (folder / "models").glob("*.tflite"):
            if path.with_suffix(".json").exists():
                name = name_of(path.stem)
                models[name] = WordModel(name, "microWakeWord", path.with_suffix(".json"))
    return models


def _folder_of(package: str) -> Path | None:
    spec = find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) if locations else None
