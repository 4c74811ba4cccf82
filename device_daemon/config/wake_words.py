"""The words the config listens for, held against those that are installed.

What is installed is passed in: the engine is far from here, and a config can be read where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from device_daemon.config.places import Places
from device_daemon.config.problems import Problems, dotted, instead, quoted
from device_daemon.config.settings import Config, WakeWordTrigger


class Installed(Struct, frozen=True):
    """What this machine can listen for: `words` as `name_of` gives them, none if there is no engine.

    `command` is what an owner types to install the engine.
    """

    words: Sequence[str]
    command: str


def name_of(word: str) -> str:
    """Return a wake word the way its model is called, however it is written: "Okay Nabu" is okay_nabu."""
    return "_".join(word.lower().replace("_", " ").split())


def check_wake_words(config: Config, places: Places, problems: Problems, installed: Installed | None) -> None:
    """Note words that are listened for twice, and those that are not `installed`; None if nobody knows what is."""
    first: dict[str, WakeWordTrigger] = {}
    for trigger in config.triggers:
        if not isinstance(trigger, WakeWordTrigger):
            continue
        spot = places.value(trigger, "word")
        name = name_of(trigger.word)
        if installed is not None and not installed.words:
            told = (
                f"found {quoted(trigger.word)}, and no engine that listens for words; `{installed.command}` installs it"
            )
            problems.add(spot, told)
        elif installed is not None and name not in installed.words:
            problems.add(spot, f"found {quoted(trigger.word)}, which is not installed{instead(name, installed.words)}")
        if name in first:
            other = places.value(first[name], "word")
            user = f"{dotted(other.path)} ({problems.where(other, spot)})"
            problems.add(spot, f"found {quoted(trigger.word)}, which {user} listens for already; keep one of the two")
        else:
            first[name] = trigger
