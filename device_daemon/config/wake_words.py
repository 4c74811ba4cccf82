"""Validation of wake words against those that are installed.

The installed ones are passed in: a config can be checked on a machine without the engine.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from device_daemon.config.problems import Problems, alternatives, dotted, quoted
from device_daemon.config.settings import Config, WakeWordTrigger
from device_daemon.config.source_map import SourceMap


class Installed(Struct, frozen=True):
    """Wake words of this machine: `words` as `name_of` returns them, none without an engine.

    `command` installs the engine.
    """

    words: Sequence[str]
    command: str


def name_of(word: str) -> str:
    """Return the model name of a wake word in any spelling: "Okay Nabu" is okay_nabu."""
    return "_".join(word.lower().replace("_", " ").split())


def check_wake_words(config: Config, source_map: SourceMap, problems: Problems, installed: Installed | None) -> None:
    """Report words that are configured twice, and those that are not `installed` (None: not known, not checked)."""
    first: dict[str, WakeWordTrigger] = {}
    for trigger in config.triggers:
        if not isinstance(trigger, WakeWordTrigger):
            continue
        location = source_map.value(trigger, "word")
        name = name_of(trigger.word)
        if installed is not None and not installed.words:
            sentence = (
                f"found {quoted(trigger.word)}, and no engine that listens for words; `{installed.command}` installs it"
            )
            problems.add(location, sentence)
        elif installed is not None and name not in installed.words:
            problems.add(
                location, f"found {quoted(trigger.word)}, which is not installed{alternatives(name, installed.words)}"
            )
        if name in first:
            other = source_map.value(first[name], "word")
            user = f"{dotted(other.path)} ({problems.where(other, location)})"
            problems.add(
                location, f"found {quoted(trigger.word)}, which {user} listens for already; keep one of the two"
            )
        else:
            first[name] = trigger
