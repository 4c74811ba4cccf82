"""Validation of wake words against those that are installed, and of files of the owner.

The installed ones are passed in: a config can be checked on a machine without the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from device_daemon.config.problems import Location, Problems, alternatives, dotted, quoted
from device_daemon.config.settings import NO_STOP_WORD, STOP_WORD, Config, WakeWordTrigger
from device_daemon.config.source_map import SourceMap

MODEL_FILES: Final = (".json", ".tflite")
"""How the name of a model's file ends: the description of a microWakeWord model, or an openWakeWord model."""


def _no_flaw(_word: str) -> str:
    return ""


class Installed(Struct, frozen=True):
    """Wake words of this machine: `words` as `name_of` returns them, none without an engine.

    `command` installs the engine; `file_flaw` loads a file and returns what is wrong with it, empty for nothing.
    """

    words: Sequence[str]
    command: str
    file_flaw: Callable[[str], str] = _no_flaw


def is_file(word: str) -> bool:
    """Return whether a wake word of the config is a model's file, not the name of an installed word."""
    return "/" in word or word.endswith(MODEL_FILES)


def name_of(word: str) -> str:
    """Return the model name of a wake word in any spelling: "Okay Nabu" is okay_nabu, /words/computer.json computer."""
    word = Path(word).stem if is_file(word) else word
    return "_".join(word.lower().replace("_", " ").split())


def label_of(word: str) -> str:
    """Return what the journal and `status` call a word: as the config has it, or the name of its file."""
    return name_of(word) if is_file(word) else word


def check_wake_words(config: Config, source_map: SourceMap, problems: Problems, installed: Installed | None) -> None:
    """Report words that are configured twice, and those that are not `installed` (None: not known, not checked)."""
    first: dict[str, WakeWordTrigger] = {}
    for trigger in config.triggers:
        if not isinstance(trigger, WakeWordTrigger):
            continue
        location = source_map.value(trigger, "word")
        name = name_of(trigger.word)
        _check_word(trigger.word, location, problems, installed)
        if name in first:
            other = source_map.value(first[name], "word")
            user = f"{dotted(other.path)} ({problems.where(other, location)})"
            problems.add(
                location, f"found {quoted(trigger.word)}, which {user} listens for already; keep one of the two"
            )
        else:
            first[name] = trigger

    if config.stop_word is not None and config.stop_word != NO_STOP_WORD:
        location = source_map.value(config, "stop_word")
        known = installed and replace(installed, words=sorted({*installed.words, STOP_WORD}) if installed.words else [])
        _check_word(config.stop_word, location, problems, known)


def _check_word(word: str, location: Location, problems: Problems, installed: Installed | None) -> None:
    if is_file(word):
        if flaw := _file_flaw(word, installed):
            problems.add(location, f"found {quoted(word)}, which cannot be used: {flaw}")
    elif installed is not None and not installed.words:
        sentence = f"found {quoted(word)}, and no engine that listens for words; `{installed.command}` installs it"
        problems.add(location, sentence)
    elif installed is not None and name_of(word) not in installed.words:
        hint = alternatives(name_of(word), installed.words)
        problems.add(location, f"found {quoted(word)}, which is not installed{hint}")


def _file_flaw(word: str, installed: Installed | None) -> str:
    if not word.endswith(MODEL_FILES):
        return f"its name ends neither in {MODEL_FILES[0]} (microWakeWord) nor in {MODEL_FILES[1]} (openWakeWord)"
    if not Path(word).is_absolute():
        return "the path is relative; write it from / on"
    return installed.file_flaw(word) if installed is not None else ""
