"""A value is changed, and nothing else; what would be wrong is not written."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from device_daemon.cli import main
from device_daemon.config.reader import load, read
from device_daemon.errors import EX_CONFIG, EX_USAGE, ConfigError
from device_daemon.setup.config_file import changed, difference, set_value
from device_daemon.setup.key_path import WrongKeyPath, parse
from tests.unit.config.cases import GOOD

SMALL = "# mine\nservice: {local: true}  # here\n\ntriggers:\n  # the red one\n  - {type: button, pin: 17}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(SMALL, encoding="utf-8")
    return file


def lines_changed(before: str, after: str) -> list[str]:
    shown = difference(before, after, "f").splitlines()[2:]
    return [line for line in shown if line[0] in "+-"]


@pytest.mark.parametrize(
    ("key", "value", "lines"),
    [
        ("triggers[0].pin", "27", ["-  - {type: button, pin: 17}", "+  - {type: button, pin: 27}"]),
        ("triggers[0].hold_s", "2.5", ["-  - {type: button, pin: 17}", "+  - {type: button, pin: 17, hold_s: 2.5}"]),
        ("audio.speaker.volume", "40", ["+audio:", "+  speaker:", "+    volume: 40"]),
        ("service.local", "true", []),
    ],
)
def test_only_that_value_changes_and_every_comment_stays(key: str, value: str, lines: list[str]) -> None:
    assert lines_changed(SMALL, changed(SMALL, parse(key), value)) == lines


def test_the_shipped_file_keeps_each_of_its_comments() -> None:
    after = changed(GOOD, parse("service.model"), "gpt-realtime-mini")
    assert lines_changed(GOOD, after) == [
        "-  model: gpt-realtime",
        "+  model: gpt-realtime-mini",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("service.instructions", "Say: hello, you"),
        ("names.name", "017"),
        ("names.name", "on"),
        ("names.name", "null"),
        ("greetings.welcome.say", "{name}, hi # there"),
        ("service.noise_reduction", "off"),
    ],
)
def test_a_text_is_read_again_as_it_was_typed(key: str, value: str) -> None:
    text = changed(GOOD, parse(key), value)
    step, *rest = parse(key)
    found: object = getattr(read(text, "f"), str(step))
    for name in rest:
        found = found[name] if isinstance(found, dict) else getattr(found, str(name))
    assert found == value


def test_a_list_is_given_as_in_the_file() -> None:
    text = changed(SMALL, parse("greetings.welcome.say_one_of"), "[Hi, 'Hello: you']")
    assert read(text, "f").greetings["welcome"].say_one_of == ["Hi", "Hello: you"]
    assert yaml.safe_load(changed(SMALL, parse("triggers[1]"), "{type: motion, pin: 4}"))["triggers"][1]["pin"] == 4


@pytest.mark.parametrize("key", ["triggers[3].pin", "service.local.x", "triggers.pin", "service[0]"])
def test_a_key_that_cannot_be_is_refused(key: str) -> None:
    with pytest.raises(WrongKeyPath):
        changed(SMALL, parse(key), "1")


def test_the_file_is_replaced_with_its_mode_and_the_old_one_is_kept(path: Path) -> None:
    path.chmod(0o640)
    shown = set_value(path, parse("audio.speaker.volume"), "40")
    assert load(path).audio.speaker.volume == 40
    assert "+    volume: 40" in shown
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.with_name("config.yaml.bak").read_text(encoding="utf-8") == SMALL
    assert sorted(file.name for file in path.parent.iterdir()) == ["config.yaml", "config.yaml.bak"]


@pytest.mark.parametrize(
    ("key", "value"), [("audio.speaker.volume", "140"), ("service.modle", "x"), ("triggers[0].pin", "x")]
)
def test_what_would_be_wrong_is_not_written(key: str, value: str, path: Path) -> None:
    with pytest.raises(ConfigError):
        set_value(path, parse(key), value)
    assert path.read_text(encoding="utf-8") == SMALL
    assert len(list(path.parent.iterdir())) == 1


def test_a_file_that_is_wrong_already_says_so(path: Path) -> None:
    path.write_text("service: {local: true\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="found no end of the"):
        set_value(path, parse("audio.echo"), "hardware")


def test_a_file_that_is_reached_by_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    set_value(link, parse("audio.speaker.volume"), "40")
    assert link.is_symlink()
    assert load(path).audio.speaker.volume == 40


def test_the_command_prints_values_and_differences(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(path)]
    assert main(["config", "get", "service.model", *config]) == 0
    assert main(["config", "get", "triggers[0].pin", *config]) == 0
    assert main(["config", "get", "lights", *config]) == 0
    assert capsys.readouterr().out == "gpt-realtime\n17\n[]\n"
    assert main(["config", "set", "triggers[0].pin", "27", *config]) == 0
    assert "+  - {type: button, pin: 27}" in capsys.readouterr().out
    assert main(["config", "set", "triggers[0].pin", "99", *config]) == EX_CONFIG
    assert main(["config", "get", "triggers.nope", *config]) == EX_USAGE
    assert main(["config", "set", "triggers[0].pin", *config]) == EX_USAGE
    assert "Traceback" not in capsys.readouterr().err
