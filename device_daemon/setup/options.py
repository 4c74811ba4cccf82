"""Options of `voicelive-speaker setup`: each answers a question, so that one command can set up a hundred speakers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from msgspec import UNSET, UnsetType

from device_daemon.config.endpoint import endpoint_flaw
from device_daemon.config.include import SHARED
from device_daemon.config.problems import nearest
from device_daemon.errors import EX_USAGE, SpeakerError
from device_daemon.setup.answers import Answers, from_board

NONE: Final = "none"
_PINS_OF_LIGHTS: Final[Mapping[str, Sequence[str]]] = {
    "led": ["pin"],
    "pwm-led": ["pin"],
    "rgb-led": ["red", "green", "blue"],
    "apa102": ["count"],
}

Value = TypeVar("Value")


class WrongOption(SpeakerError):
    """An answer that cannot be used; the message says what is allowed."""

    exit_code = EX_USAGE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add = parser.add_argument
    add("--non-interactive", action="store_true", help="ask nothing: change what the options say, and nothing else")
    add(
        "--endpoint",
        metavar="URL",
        help="the address of the Azure resource, or none: the voice service on this machine",
    )
    add("--key-file", type=Path, metavar="FILE", help="a file that holds the API key, which is stored and not shown")
    add("--language", metavar="TAG", help="such as en-US or de-DE")
    add("--board", metavar="NAME", help="sound devices, button and light of a board, such as respeaker-2mic; none")
    add("--microphone", metavar="NAME", help="an ALSA name, as `voicelive-speaker devices` lists them")
    add("--speaker", metavar="NAME", help="an ALSA name")
    add("--button", metavar="PIN", help="the GPIO number (BCM) of a button between the pin and ground, or none")
    add("--light", metavar="TYPE:PINS", help="led:25, pwm-led:12, rgb-led:5,6,13, apa102:3 (how many), or none")
    add("--name", metavar="NAME", help="who is greeted: {name} in greetings")
    add("--greeting", metavar="TEXT", help="what the speaker says first")
    add("--wake-word", metavar="WORD", help="such as okay_nabu, or none")
    add("--no-start", action="store_true", help="write the config, and do not start the speaker with it")


def answers_of(options: argparse.Namespace) -> Answers:
    """Return what the options answer. Raises WrongOption."""

    def given(value: str | None, meaning: Callable[[str], Value]) -> Value | UnsetType:
        return UNSET if value is None else meaning(value)

    board = from_board(board_named(options.board)) if options.board not in {None, NONE} else Answers()
    return Answers(
        endpoint=given(options.endpoint, endpoint),
        language=given(options.language, str),
        microphone=given(options.microphone, str),
        speaker=given(options.speaker, str),
        button=given(options.button, button),
        light=given(options.light, light),
        name=given(options.name, str),
        greeting=given(options.greeting, str),
        wake_word=given(options.wake_word, lambda word: None if word == NONE else word),
    ).over(board)


def endpoint(text: str) -> str | None:
    """Return an address of the service; None for the one on this machine. Raises WrongOption."""
    if text in {NONE, "local"}:
        return None
    if flaw := endpoint_flaw(text):
        raise WrongOption(f"endpoint: {flaw}")
    return text


def button(text: str) -> int | None:
    """Return a pin. Raises WrongOption."""
    return None if text == NONE else _number("button", text)


def light(text: str) -> Mapping[str, Any] | None:
    """Return a light as in the config. Raises WrongOption."""
    if text == NONE:
        return None
    kind, _, rest = text.partition(":")
    keys = _PINS_OF_LIGHTS.get(kind, [])
    values = rest.split(",")
    if not keys or len(values) != len(keys):
        raise WrongOption(f"light: found {text!r}; allowed: led:PIN, pwm-led:PIN, rgb-led:RED,GREEN,BLUE, apa102:COUNT")
    return {"type": kind, **{key: _number("light", value) for key, value in zip(keys, values, strict=True)}}


def boards() -> Mapping[str, Path]:
    """Return the files of all boards that are known here, by name."""
    folders = (Path(__file__).parents[2] / "config", *SHARED)  # the first one in a checkout of the source only
    return {file.stem: file for place in reversed(folders) for file in sorted((place / "boards").glob("*.yaml"))}


def board_named(name: str) -> Mapping[str, Any]:
    """Return the content of a board's file. Raises WrongOption, which names the nearest one."""
    known = boards()
    if name not in known:
        near = nearest(name, list(known))
        hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(known) or 'none here'}"
        raise WrongOption(f"board: found {name!r}; {hint}")
    content: Mapping[str, Any] = yaml.safe_load(known[name].read_text(encoding="utf-8"))
    return content


def _number(what: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise WrongOption(f"{what}: found {text!r}; allowed: a GPIO number (BCM), such as 17, or {NONE}")
    return int(text)
