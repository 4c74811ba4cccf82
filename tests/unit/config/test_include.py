"""A config takes over from other files what it does not say itself, and problems are sentence where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_daemon.config import include
from device_daemon.config.reader import load
from device_daemon.config.settings import ButtonTrigger, Config, PwmLed
from device_daemon.errors import ConfigError

BOARD = """\
audio:
  microphone: {device: "plughw:CARD=board", gain_db: 6}
  speaker: {device: "plughw:CARD=board", volume: 70}
triggers:
  - {type: button, pin: 23, greeting: welcome}
lights:
  - {type: led, pin: 25}
"""


@pytest.fixture(autouse=True)
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the package would bring its boards."""
    folder = tmp_path / "shared"
    monkeypatch.setattr(include, "SHARED", (folder,))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    (folder / "boards").mkdir(parents=True)
    (folder / "boards/board.yaml").write_text(BOARD, encoding="utf-8")
    return folder


def config(folder: Path, text: str, head: str = "include: boards/board.yaml\n") -> Config:
    """Return what the file config.yaml in `folder` comes to."""
    path = folder / "config.yaml"
    path.write_text(f"service: {{local: true}}\n{head}{text}", encoding="utf-8")
    return load(path)


def problems(folder: Path, text: str, head: str = "include: boards/board.yaml\n") -> list[str]:
    """Return what is wrong with it, the folder left out."""
    with pytest.raises(ConfigError) as caught:
        config(folder, text, head)
    return [line.replace(f"{folder}/", "") for line in caught.value.problems]


def test_what_the_config_leaves_out_is_taken_over(folder: Path) -> None:
    read = config(folder, "")
    assert read.include == ["boards/board.yaml"]
    (button,) = read.triggers
    assert isinstance(button, ButtonTrigger)
    assert button.pin == 23
    assert read.audio.microphone.gain_db == 6


def test_the_config_wins_key_by_key(folder: Path) -> None:
    audio = config(folder, "audio: {echo: hardware, speaker: {volume: 30}}\n").audio
    assert (audio.speaker.device, audio.speaker.volume) == ("plughw:CARD=board", 30)
    assert (audio.microphone.device, audio.echo.setting) == ("plughw:CARD=board", "hardware")


def test_a_list_is_replaced_as_a_whole(folder: Path) -> None:
    assert config(folder, "lights: [{type: pwm-led, pin: 12}]\n").lights == [PwmLed(pin=12)]
    assert config(folder, "lights: []\n").lights == []


def test_a_section_of_comments_takes_nothing_away(folder: Path) -> None:
    assert len(config(folder, "lights:\n  # - {type: led, pin: 24}\n").lights) == 1


def test_of_several_files_the_later_ones_win(folder: Path) -> None:
    (folder / "quiet.yaml").write_text("audio: {speaker: {volume: 5}}\n", encoding="utf-8")
    both = config(folder, "", "include: [boards/board.yaml, quiet.yaml]\n")
    assert (both.audio.speaker.volume, both.audio.speaker.device) == (5, "plughw:CARD=board")
    assert config(folder, "", "include: [quiet.yaml, boards/board.yaml]\n").audio.speaker.volume == 70


def test_a_file_beside_the_config_comes_before_a_shared_one(folder: Path, shared: Path) -> None:
    (shared / "boards").mkdir(parents=True)
    for name in ("board", "other"):
        (shared / f"boards/{name}.yaml").write_text("audio: {speaker: {volume: 1}}\n", encoding="utf-8")
    assert config(folder, "").audio.speaker.volume == 70
    assert config(folder, "", "include: boards/other.yaml\n").audio.speaker.volume == 1


def test_a_problem_is_reported_with_the_file_it_is_in(folder: Path) -> None:
    board = BOARD.replace("pin: 25", "pin: 99").replace("gain_db: 6", "gain: 6")
    (folder / "boards/board.yaml").write_text(board, encoding="utf-8")
    assert problems(folder, "audio: {speaker: {volume: 400}}\n") == [
        "config.yaml:3:27: audio.speaker.volume: found 400; allowed: a whole number from 0 to 100",
        "boards/board.yaml:2:45: audio.microphone.gain: unknown key; allowed: device, period_ms, periods, gain_db, channel (did you mean 'gain_db'?)",
        "boards/board.yaml:7:22: lights[0].pin: found 99; allowed: a whole number from 0 to 53",
    ]


def test_what_replaces_a_list_is_no_longer_the_boards(folder: Path) -> None:
    (sentence,) = problems(folder, "lights: [{type: led, pin: 99}]\n")
    assert sentence.startswith("config.yaml:3:27: lights[0].pin: found 99")


def test_a_later_file_has_problems_of_its_own(folder: Path) -> None:
    (folder / "loud.yaml").write_text("audio:\n  speaker: {volume: 400}\n", encoding="utf-8")
    (sentence,) = problems(folder, "", "include: [boards/board.yaml, loud.yaml]\n")
    assert sentence.startswith("loud.yaml:2:21: audio.speaker.volume: found 400")


def test_a_pin_of_the_board_used_again_names_both_files(folder: Path) -> None:
    (sentence,) = problems(folder, "mute: {switch_pin: 25}\n")
    assert sentence == (
        "config.yaml:3:20: mute.switch_pin: found 25, which lights[0].pin (boards/board.yaml, line 7) uses already;"
        " give each a pin of its own"
    )


def test_a_syntax_error_in_an_included_file_is_reported_with_that_file(folder: Path) -> None:
    (folder / "boards/board.yaml").write_text("audio: 'card\n", encoding="utf-8")
    (sentence,) = problems(folder, "")
    assert sentence.startswith("boards/board.yaml:1:8: found a quote that is not closed")


def test_a_file_that_is_not_there_names_those_that_are(folder: Path, shared: Path) -> None:
    (sentence,) = problems(folder, "", "include: boards/bord.yaml\n")
    assert sentence == (
        f"config.yaml:2:10: include[0]: found 'boards/bord.yaml', and no such file in {folder} or {shared};"
        " allowed: boards/board.yaml (did you mean 'boards/board.yaml'?)"
    )


def test_a_name_too_long_for_any_file_is_no_crash(folder: Path) -> None:
    (sentence,) = problems(folder, "", f"include: {'x' * 300}\n")
    assert "and no such file in" in sentence


@pytest.mark.parametrize("name", ["/etc/passwd", "../config.yaml", "boards/../../x.yaml"])
def test_a_path_that_leads_elsewhere_is_refused(folder: Path, name: str) -> None:
    (sentence,) = problems(folder, "", f"include: {name}\n")
    assert sentence.endswith("allowed: a path below the folder of this file, without '..'")


def test_an_included_file_includes_nothing(folder: Path) -> None:
    (folder / "boards/board.yaml").write_text(f"include: boards/board.yaml\n{BOARD}", encoding="utf-8")
    assert problems(folder, "") == [
        "boards/board.yaml:1:1: include: found in a file that is included itself; name it in the config"
    ]


def test_a_config_that_includes_itself_ends(folder: Path) -> None:
    (sentence,) = problems(folder, "", "include: config.yaml\n")
    assert sentence == "config.yaml:2:1: include: found in a file that is included itself; name it in the config"


def test_no_more_than_a_few_files_are_included(folder: Path) -> None:
    (sentence,) = problems(folder, "", f"include: [{', '.join(['boards/board.yaml'] * 9)}]\n")
    assert sentence == "config.yaml:2:10: include: found 9 files; allowed: at most 8"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("include: {boards: board}\n", "2:10: include: found a mapping (keys with values); allowed: a list"),
        ("include: [[boards/board.yaml]]\n", "2:11: include[0]: found a list; allowed: text"),
        ("include: ['']\n", "2:11: include[0]: found empty text; allowed: text that is not empty"),
    ],
)
def test_a_name_of_no_file_is_reported(folder: Path, head: str, said: str) -> None:
    (sentence,) = problems(folder, "", head)
    assert sentence.startswith(f"config.yaml:{said}")


def test_an_include_of_nothing_is_none(folder: Path) -> None:
    assert config(folder, "", "include:\n").include == []


def test_an_included_list_is_no_config(folder: Path) -> None:
    (folder / "boards/board.yaml").write_text("- audio\n", encoding="utf-8")
    (sentence,) = problems(folder, "")
    assert sentence == "boards/board.yaml:1:1: found a list; allowed: keys with values, as in the config"


def test_an_included_file_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "boards/board.yaml").write_bytes(b"audio: \xff")
    (sentence,) = problems(folder, "")
    assert sentence.startswith("config.yaml:2:10: include[0]: boards/board.yaml:1:")


def test_a_link_to_a_file_that_is_no_yaml_is_refused_and_nothing_of_it_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root:$6$salt: a hash\n", encoding="utf-8")
    (tmp_path / "board.yaml").symlink_to(tmp_path / "secret")
    config = tmp_path / "config.yaml"
    config.write_text("include: board.yaml\nservice: {local: true}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(config)
    (problem,) = caught.value.problems
    assert "found 'board.yaml', which is no YAML file; allowed: a file called *.yaml or *.yml" in problem
    assert "salt" not in caught.value.report
