from __future__ import annotations

from pathlib import Path

import pytest

from device_daemon.audio.alsa.card_names import card_name

TWO = """\
 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
 1 [USB            ]: USB-Audio - Jabra SPEAK 510 USB
                      Jabra SPEAK 510 USB at usb-0000:01:00.0-1.2, full speed
"""


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    path = tmp_path / "cards"
    path.write_text(TWO)
    return path


@pytest.mark.parametrize("device", ["plughw:CARD=USB,DEV=0", "hw:1", "plughw:1,0", "hw:CARD=USB", "dsnoop:CARD=USB"])
def test_a_card_is_known_by_its_id_or_number(device: str, cards: Path) -> None:
    assert card_name(device, cards).startswith("Jabra SPEAK 510 USB")


@pytest.mark.parametrize("device", ["default", "plughw:CARD=gone", "my-own-name"])
def test_what_is_not_known_is_not_guessed(device: str, cards: Path) -> None:
    assert card_name(device, cards) == ""


def test_a_name_without_a_card_means_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "cards"
    path.write_text("".join(TWO.splitlines(keepends=True)[2:]))
    assert "Jabra" in card_name("default", path)


def test_without_the_kernels_list_nothing_is_known(tmp_path: Path) -> None:
    assert card_name("hw:0", tmp_path / "none") == ""
