"""What an option says, or which ones are allowed."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from msgspec import UNSET

from device_daemon.setup import options
from device_daemon.setup.answers import Answers


def answers(*words: str) -> Answers:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    return options.answers_of(parser.parse_args(words))


def test_what_is_not_asked_for_stays_as_it_is() -> None:
    assert answers() == Answers()


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--endpoint", "none"], "endpoint", None),
        (["--endpoint", "https://kitchen.services.ai.azure.com"], "endpoint", "https://kitchen.services.ai.azure.com"),
        (["--button", "none"], "button", None),
        (["--button", "27"], "button", 27),
        (["--light", "none"], "light", None),
        (["--light", "rgb-led:5,6, 13"], "light", {"type": "rgb-led", "red": 5, "green": 6, "blue": 13}),
        (["--light", "apa102:3"], "light", {"type": "apa102", "count": 3}),
        (["--wake-word", "none"], "wake_word", None),
        (["--board", "none"], "speaker", UNSET),
        (["--board", "respeaker-2mic"], "speaker", "plughw:CARD=seeed2micvoicec"),
        (["--board", "respeaker-2mic", "--speaker", "default"], "speaker", "default"),
    ],
)
def test_each_option_answers_its_question(words: list[str], field: str, value: Any) -> None:
    assert getattr(answers(*words), field) == value


@pytest.mark.parametrize(
    "words",
    [
        ["--endpoint", "https://portal.azure.com"],
        ["--button", "GPIO17"],
        ["--button", "-1"],
        ["--light", "led"],
        ["--light", "lamp:3"],
        ["--light", "led:1,2"],
        ["--board", "no-such"],
    ],
)
def test_what_cannot_be_is_refused(words: list[str]) -> None:
    with pytest.raises(options.WrongOption):
        answers(*words)
