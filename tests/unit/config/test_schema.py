"""The schema says to editors what the reader says to owners."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from device_daemon.config.schema import PATH, as_text, schema
from scripts import REPOSITORY

SHIPPED = REPOSITORY / "config" / "config.yaml"


def errors(text: str) -> list[str]:
    """Return what an editor would complain about."""
    document: Any = yaml.safe_load(text)
    return [error.message for error in Draft202012Validator(schema()).iter_errors(document)]


def test_the_file_is_in_step_with_the_code() -> None:
    assert PATH.read_text(encoding="utf-8") == as_text(), "run: python -m device_daemon.config.schema"


def test_it_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_shipped_file_names_it_beside_itself_and_keeps_to_it() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./schema.json\n")
    assert (SHIPPED.parent / "schema.json") == PATH
    assert errors(text) == []


def test_every_key_has_a_sentence() -> None:
    for name, definition in schema()["$defs"].items():
        assert definition["title"] == name
        for key, value in definition.get("properties", {}).items():
            assert value.get("description") or key == "type", f"{name}.{key}"


@pytest.mark.parametrize(
    "text",
    [
        "service: {local: true}",
        "service: {local: 'on'}",
        "service: {local: true, noise_reduction: 'off', turn_detection: {type: server_vad, threshold: 0.5}}",
        "service: {local: true}\nlights:\ntriggers:\naudio: {speaker: }\ngreetings:\n",
        "service: {local: true}\nlights: [{type: pwm-led, pin: 4, patterns: {idle: 'on'}}]",
        "service: {local: true}\ngreetings: {a: {say_one_of: [a, b]}}",
        "service: {local: true}\nlights: [{type: pwm-led, pin: 4, patterns: {speaking: level}, night: {between: '22:00-07:00'}}]",
        "service: {local: true}\ntriggers: [{type: motion, pin: 4, between: '22:00-06:00'}]",
        "service: {local: true}\ntriggers: [{type: schedule, at: '07:30', days: 'Mon - Fri, SUN'}]",
        "service: {local: true}\ntriggers: [{type: wake-word, word: Okay Nabu}, {type: button, pin: 4, mode: push-to-talk}]",
    ],
)
def test_what_the_reader_takes_is_right(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "service: {}",
        "service: {local: maybe}",
        "service: {local: true, modle: x}",
        "service: {local: true, turn_detection: {treshold: 1}}",
        "service: {local: true, turn_detection: null}",
        "service: {local: true, turn_detection: {type: none}}",
        "service: {local: true}\nlights: [{type: led, pin: 54}]",
        "service: {local: true}\nlights: [{type: led, pin: 4, patterns: {idel: 'on'}}]",
        "service: {local: true}\nlights: [{type: led, pin: 4, patterns: {speaking: level}}]",
        "service: {local: true}\nlights: [{type: pwm-led, pin: 4, night: {between: '22:00-07:00', brightness: 0}}]",
        "service: {local: true}\ntriggers: [{type: wake-word}]",
        "service: {local: true}\ntriggers: [{type: motion, pin: 4, between: '7-22'}]",
        "service: {local: true}\ntriggers: [{type: schedule, at: '7:30'}]",
        "service: {local: true}\ntriggers: [{type: schedule, at: '07:30', days: weekdays}]",
        "service: {local: true}\ngreetings: {a: {say: a, ask_model: b}}",
        "service: {local: true}\ngreetings: {a: {}}",
        "service: {local: true, voice: ''}",
    ],
)
def test_what_the_reader_refuses_is_wrong(text: str) -> None:
    assert errors(text)


def test_it_is_plain_json() -> None:
    assert json.loads(as_text()) == schema()
