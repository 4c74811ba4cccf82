"""Completion in the three shells themselves: what Tab offers is what the parser knows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import REPOSITORY

SHARE = REPOSITORY / "scripts" / "share"


def bash(line: str, tmp_path: Path) -> set[str]:
    """Call the function that bash calls at Tab, with the words of the line."""
    program = f"""
        source {SHARE}/voicelive-speaker.bash
        COMP_LINE=$1; COMP_POINT=${{#1}}; read -ra COMP_WORDS <<<"$1"
        [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        function=$(complete -p voicelive-speaker | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function voicelive-speaker "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}" 2>/dev/null
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return offered(["bash", "--norc", "-c", program, "bash", line], tmp_path)


def fish(line: str, tmp_path: Path) -> set[str]:
    """Ask fish for its completions of the line."""
    program = f"source {SHARE}/voicelive-speaker.fish; complete --do-complete $argv[1]"
    return offered(["fish", "--no-config", "-c", program, line], tmp_path)


def zsh(line: str, tmp_path: Path) -> set[str]:
    """Type the line and Tab in a zsh of its own: zsh completes only at a terminal, so zpty gives it one."""
    (tmp_path / "functions").mkdir()
    shutil.copy(SHARE / "_voicelive-speaker", tmp_path / "functions")
    program = r"""
        zmodload zsh/zpty
        zpty child zsh -f -i
        zpty -w child "PS1=; fpath=($2 \$fpath); autoload -Uz compinit; compinit -u -d $2/dump; stty cols 200 rows 200"
        zpty -w child 'zstyle ":completion:*" verbose no; LISTMAX=1000; setopt no_beep; bindkey "^I" list-choices'
        zpty -w child 'print READY; voicelive-speaker() { : }'
        zpty -r -m child said '*READY*READY*'
        zpty -n -w child "$1"$'\t'
        zpty -n -w child $'\C-uprint EN''D\n'
        zpty -r -m child said '*END*'
        zpty -d child
        print -r -- "$said"
    """
    return offered(["zsh", "-f", "-c", program, "zsh", line, str(tmp_path / "functions")], tmp_path)


def offered(command: list[str], home: Path) -> set[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment, cwd=home)
    return {word.strip("\r") for line in ran.stdout.splitlines() for word in line.split()}


Shell = Callable[[str, Path], set[str]]
EVERY = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(shell, marks=pytest.mark.skipif(shutil.which(shell.__name__) is None, reason="not installed"))
        for shell in (bash, fish, zsh)
    ],
    ids=lambda shell: shell.__name__,
)


@EVERY
def test_tab_offers_the_commands(shell: Shell, tmp_path: Path) -> None:
    assert {"run", "check-config", "status", "backup", "restore"} <= shell("voicelive-speaker ", tmp_path)


@EVERY
def test_tab_offers_the_commands_that_begin_so(shell: Shell, tmp_path: Path) -> None:
    found = shell("voicelive-speaker re", tmp_path)
    assert "restore" in found
    assert not {"run", "status"} & found


@EVERY
def test_tab_offers_the_options_of_a_command(shell: Shell, tmp_path: Path) -> None:
    found = shell("voicelive-speaker doctor --", tmp_path)
    assert {"--json", "--report", "--config"} <= found
    assert "--follow" not in found
