"""The answers of a set-up, and what they change in the config file: a function from text to text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import yaml
from msgspec import UNSET, Struct, UnsetType, structs

from device_daemon.config.problems import Path as KeyPath
from device_daemon.setup.config_file import replaced
from device_daemon.setup.entries import commented_out, with_entry

NEW_FILE: Final = """\
# Settings of this speaker, written by `voicelive-speaker setup`. Run it again to change something, or edit this file:
# every key that is left out has a default, and `voicelive-speaker check-config` checks what is written here.
"""
GREETING: Final = "welcome"
LIGHT_TYPES: Final = ("led", "pwm-led", "rgb-led", "apa102")


class Answers(Struct, kw_only=True, frozen=True):
    """What was answered. A field that is UNSET leaves the file as it is; None means that there is none."""

    language: str | UnsetType = UNSET
    endpoint: str | UnsetType | None = UNSET
    """None is the voice service on this machine."""
    sign_in: Literal["api-key", "device-code"] | UnsetType = UNSET
    key_file: str | UnsetType = UNSET
    """service.api_key_file."""
    microphone: str | UnsetType = UNSET
    speaker: str | UnsetType = UNSET
    echo: str | UnsetType = UNSET
    button: int | UnsetType | None = UNSET
    light: Mapping[str, Any] | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    """Of the person who is greeted."""
    greeting: str | UnsetType = UNSET
    wake_word: str | UnsetType | None = UNSET

    def over(self, below: Answers) -> Answers:
        """Return both; where both have an answer, this one counts."""
        return structs.replace(
            below, **{name: value for name, value in structs.asdict(self).items() if value is not UNSET}
        )


def from_board(board: Mapping[str, Any]) -> Answers:
    """Return what the file of a board answers: its sound devices, its button and its first light."""
    audio = board.get("audio", {})
    pins = [trigger["pin"] for trigger in board.get("triggers", []) if trigger["type"] == "button"]
    return Answers(
        microphone=audio.get("microphone", {}).get("device", UNSET),
        speaker=audio.get("speaker", {}).get("device", UNSET),
        echo=audio.get("echo", UNSET),
        button=pins[0] if pins else UNSET,
        light=next(iter(board.get("lights", [])), UNSET),
    )


def edited(text: str, answers: Answers) -> str:
    """Return the text of a config with the answers in it. What has to go becomes a comment; every comment stays.

    Args:
        text: The YAML file, which is free of errors; "" or NEW_FILE for a new one.
        answers: What was answered.
    """
    text = _with_sign_in(_with_service(text, answers), answers)
    scalars: Mapping[KeyPath, Any] = {
        ("language",): answers.language,
        ("service", "api_key_file"): answers.key_file,
        ("audio", "microphone", "device"): answers.microphone,
        ("audio", "speaker", "device"): answers.speaker,
        ("audio", "echo"): answers.echo,
        ("names", "name"): answers.name,
    }
    for path, value in scalars.items():
        if value is not UNSET:
            text = replaced(text, path, value)
    if answers.greeting is not UNSET:
        for other in ("say_one_of", "ask_model"):
            text = commented_out(text, ("greetings", GREETING, other))
        text = replaced(text, ("greetings", GREETING, "say"), answers.greeting)
    if answers.button is not UNSET:
        button = {"type": "button", "pin": answers.button, "greeting": GREETING}
        text = with_entry(text, "triggers", {"button"}, None if answers.button is None else button)
    if answers.wake_word is not UNSET:
        word = {"type": "wake-word", "word": answers.wake_word}
        text = with_entry(text, "triggers", {"wake-word"}, None if answers.wake_word is None else word)
    if answers.light is not UNSET:
        text = with_entry(text, "lights", LIGHT_TYPES, answers.light)
    return text


def _with_service(text: str, answers: Answers) -> str:
    if answers.endpoint is UNSET:
        return text
    if answers.endpoint is None:
        return replaced(commented_out(text, ("service", "endpoint")), ("service", "local"), value=True)
    return replaced(commented_out(text, ("service", "local")), ("service", "endpoint"), answers.endpoint)


def _with_sign_in(text: str, answers: Answers) -> str:
    if answers.sign_in is UNSET:
        return text
    if answers.sign_in == "api-key":
        return commented_out(commented_out(text, ("service", "entra")), ("service", "auth"))
    entra = yaml.safe_load(text)["service"].get("entra")
    if (entra["method"] if isinstance(entra, dict) and "method" in entra else entra) != "device-code":
        text = replaced(commented_out(text, ("service", "entra")), ("service", "entra"), "device-code")
    return replaced(commented_out(text, ("service", "api_key_file")), ("service", "auth"), "entra")
