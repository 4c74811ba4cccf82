"""Every command is in --help, and a mistyped one gets the nearest."""

from __future__ import annotations

import pytest

from device_daemon.cli import main, parser
from device_daemon.errors import EX_USAGE

COMMANDS = parser.subparsers_of(parser.complete_parser()).choices


def test_every_command_has_a_line_in_help() -> None:
    top = parser.parser()
    lines = {line.split()[0]: line.split()[1:] for line in top.format_help().splitlines() if line.startswith("    ")}
    for name in COMMANDS:
        assert lines.get(name) or any(line.strip() == name for line in top.format_help().splitlines()), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"voicelive-speaker {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("stauts", "did you mean 'status'?"),
        ("check_config", "did you mean 'check-config'?"),
        ("localservice", "did you mean 'local-service'?"),
        ("xyzzy", "'voicelive-speaker --help' lists the commands"),
    ],
)
def test_an_unknown_command_gets_the_nearest(typed: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([typed]) == EX_USAGE
    assert capsys.readouterr().err == f"voicelive-speaker: unknown command '{typed}'; {hint}\n"


def test_the_options_of_the_local_service_are_there_when_it_is_called() -> None:
    args = parser.parser().parse_args(["local-service", "--port", "0"])
    assert args.port == 0


@pytest.mark.parametrize(("typed", "words"), [(["-5"], "-5"), (["+10"], "+10"), (["40"], "40"), ([], None)])
def test_a_volume_may_be_negative_or_left_out(typed: list[str], words: str | None) -> None:
    assert parser.parser().parse_args(["volume", *typed]).words == words


def test_check_config_takes_a_file_as_it_is_typed(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", f"{tmp_path}/none.yaml"]) == 78
    assert f"{tmp_path}/none.yaml: does not exist" in capsys.readouterr().err
