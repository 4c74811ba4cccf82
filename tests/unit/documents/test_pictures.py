"""The pictures of the lights show what the lights show."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from device_daemon.leds.patterns import PATTERNS, TABLE
from device_daemon.state import State
from scripts.documents.pictures import FOLDER, pictures


def key_frames(state: State) -> list[tuple[float, float]]:
    """Return share of the period and brightness of each change; none for a light that stands still."""
    return [
        (float(at) / 100, float(brightness))
        for at, brightness in re.findall(r"([\d.]+)%\{opacity:([\d.]+)\}", pictures()[FOLDER / f"{state}.svg"])
    ]


def test_the_pictures_are_what_the_patterns_say_now_and_there_are_no_others() -> None:
    found = {path: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert found == dict(pictures()), "run: .venv/bin/python -m scripts.documents"


def test_every_picture_can_be_read_and_is_small() -> None:
    for text in pictures().values():
        ET.fromstring(text)
        assert len(text) < 4096


@pytest.mark.parametrize("state", [State.MUTED, State.OFFLINE, State.THINKING, State.WAKE_WORD])
def test_a_picture_changes_when_the_light_does(state: State) -> None:
    pattern = PATTERNS[TABLE[state].pattern]
    keys = key_frames(state)
    for frame, level in enumerate(pattern.levels):
        middle = (frame + 0.5) / len(pattern.levels)
        shown = [brightness for at, brightness in keys if at <= middle][-1]
        assert shown == pytest.approx(level, abs=1e-3)


def test_a_light_that_stands_still_has_a_picture_that_does() -> None:
    assert key_frames(State.LISTENING) == key_frames(State.IDLE) == []


def test_a_voice_is_seen_in_the_picture_of_speaking() -> None:
    levels = [brightness for _, brightness in key_frames(State.SPEAKING)]
    assert min(levels) < 0.4
    assert max(levels) > 0.8
