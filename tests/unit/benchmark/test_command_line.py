"""What `scripts/bench` takes, and what it says of the rest."""

from __future__ import annotations

import re

import pytest

from scripts.benchmark.__main__ import COMMANDS, HELP, main
from scripts.benchmark.command_line import USAGE_EXIT_CODE

WRONG = [
    (["--nonsense"], "bench: unrecognized arguments: --nonsense; see scripts/bench --help"),
    (["--roun", "3"], "bench: unrecognized arguments: --roun 3; see scripts/bench --help"),
    (["--rounds", "0"], "bench: argument --rounds: '0' is not a whole number of at least 1; see scripts/bench"),
    (["slow-core", "--percent", "101"], "bench: argument --percent: 101 is more than one core"),
    (["slow"], "bench: unknown command 'slow'; there are slow-core, picture, wake-words"),
]


@pytest.mark.parametrize(("argv", "sentence"), WRONG)
def test_what_it_does_not_know_is_said_in_one_sentence(
    argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(argv)
    except SystemExit as error:
        code = int(error.code or 0)
    said = capsys.readouterr()
    assert code == USAGE_EXIT_CODE
    assert said.err.startswith(sentence)
    assert said.err.count("\n") == 1
    assert not said.out


def test_help_tells_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == HELP
    assert set(re.findall(r"^scripts/bench ([a-z][\w-]+)", HELP, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("command", ["", "slow-core", "picture"])
def test_help_tells_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if command:
        with pytest.raises(SystemExit):
            main([command, "--help"])
        known = set(re.findall(r"--[a-z][\w-]+", capsys.readouterr().out)) - {"--help"}
    else:
        known = {"--rounds", "--ours-only", "--json", "--network-ms", "--synthesis-ms"}
    paragraph = next(part for part in HELP.split("\n\n") if part.startswith(f"scripts/bench {command}".rstrip()))
    assert {option for option in known if option not in paragraph} == set()
