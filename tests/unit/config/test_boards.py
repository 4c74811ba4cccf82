"""The boards in config/boards work as they are, and say what they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_daemon.config.reader import read
from device_daemon.config.settings import ButtonTrigger
from scripts import REPOSITORY

CONFIG = REPOSITORY / "config"
BOARDS = sorted((CONFIG / "boards").glob("*.yaml"))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_a_board_is_right_and_sets_what_it_is_for(board: Path) -> None:
    config = read(f"service: {{local: true}}\ninclude: boards/{board.name}\n", "config.yaml", CONFIG)
    assert config.audio.microphone.device == config.audio.speaker.device
    assert board.stem.startswith("usb-") or config.triggers[0].greeting == "welcome"
    assert board.stem in {"usb-speakerphone", "usb-microphone-array", "aiy-voice-v2"} or config.lights


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_a_board_says_what_it_needs(board: Path) -> None:
    head = board.read_text(encoding="utf-8").partition("\naudio:")[0]
    assert "/boot/firmware/config.txt" in head
    assert head.startswith("# yaml-language-server: $schema=../schema.json\n")


def test_the_config_names_all_boards() -> None:
    example = (CONFIG / "config.yaml").read_text(encoding="utf-8")
    assert [board.stem for board in BOARDS if board.stem not in example] == []


def test_a_speakerphone_and_a_button_go_together() -> None:
    both = "include: [boards/button-led.yaml, boards/usb-speakerphone.yaml]\n"
    config = read(f"service: {{local: true}}\n{both}", "config.yaml", CONFIG)
    (button,) = config.triggers
    assert isinstance(button, ButtonTrigger)
    assert (button.pin, config.audio.echo.setting) == (17, "hardware")
