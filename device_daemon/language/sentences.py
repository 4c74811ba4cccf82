"""Sentences and words that the device says by itself, from one YAML file per language. English is complete.

A regional file such as pt-BR.yaml holds only what differs from pt.yaml, and what neither has is said in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

FALLBACK: Final = "en"
_FOLDER: Final = Path(__file__).parent


class Sentences(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds; en.yaml explains each key."""

    welcome: str = ""
    salutations: dict[int, str] = {}
    dayparts: dict[int, str] = {}
    a_moment: str = ""
    a_while: str = ""
    notices: dict[str, str] = {}


def files() -> list[str]:
    """Return the tags that have a file."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def of(tag: str) -> Sentences:
    """Return the sentences of one file alone, none if there is no such file. Raises msgspec.ValidationError."""
    path = _FOLDER / f"{tag}.yaml"
    return msgspec.yaml.decode(path.read_bytes(), type=Sentences) if path.exists() else Sentences()


def chain(tag: str) -> list[tuple[str, Sentences]]:
    """Return the files that a tag is looked up in, each with its tag: its own, its language's, the English one."""
    tags = dict.fromkeys([tag, tag.partition("-")[0], FALLBACK])
    return [(name, of(name)) for name in tags]


def at_hour(by_hour: Mapping[int, str], hour: int) -> str:
    """Return the word for an hour (0..23); each holds from its hour on, the last over midnight."""
    return by_hour[max((start for start in by_hour if start <= hour), default=max(by_hour))]
