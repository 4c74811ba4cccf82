"""How the tests of the config's messages are written down: a file, and all that is said about it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from device_daemon.config.reader import read
from device_daemon.errors import ConfigError
from scripts import REPOSITORY

SHIPPED = REPOSITORY / "config" / "config.yaml"
GOOD = SHIPPED.read_text(encoding="utf-8").replace("my-resource.services", "kitchen.services")
"""The shipped file, after its owner has put in the endpoint."""
LOCAL = "service: {local: true}\n"
"""The shortest first line of a file with nothing else wrong in it."""


@dataclass(frozen=True)
class Case:
    """`messages` is each message without the name of the file: line:column: path: sentence."""

    about: str
    text: str
    messages: tuple[str, ...]

    def __init__(self, about: str, text: str, *messages: str) -> None:
        object.__setattr__(self, "about", about)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "messages", messages)

    def __str__(self) -> str:
        return self.about


def problems(text: str, name: str = "config.yaml") -> list[str]:
    """Return all messages about a file that is wrong."""
    with pytest.raises(ConfigError) as caught:
        read(text, name)
    return caught.value.problems


def check(case: Case) -> None:
    """Compare what is said about the case's file with what should be."""
    assert problems(case.text) == [f"config.yaml:{line}" for line in case.messages]
