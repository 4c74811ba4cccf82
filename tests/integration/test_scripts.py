"""What a person finds in scripts/: each says what it is for before it does anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts import REPOSITORY

SCRIPTS = sorted(path for path in (REPOSITORY / "scripts").iterdir() if path.is_file() and os.access(path, os.X_OK))
BY_ARGPARSE = {"bench", "demo", "faults", "fuzz", "soak"}
"""Their programs have tests of their own."""


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.name not in BY_ARGPARSE], ids=lambda p: p.name)
def test_a_script_answers_help_with_how_it_is_called(script: Path, tmp_path: Path) -> None:
    asked = subprocess.run([script, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert asked.returncode == 0
    assert "#" not in asked.stdout.splitlines()[0]
    assert asked.stderr == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["repository", "x.deb"], 64, "--key is missing"),
        (["--key"], 64, "--key needs a value"),
        (["--key", "K", "--suite", "x"], 64, "unknown option --suite; there are --key and --url"),
        (["--key", "K", "repository"], 64, "name a folder, and the packages"),
        (["--key", "K", "repository", "x.deb"], 1, "x.deb: no such package; scripts/build-deb makes it"),
    ],
)
def test_a_repository_is_not_begun_with_arguments_that_are_wrong(
    arguments: list[str], code: int, sentence: str, tmp_path: Path
) -> None:
    command = [str(REPOSITORY / "scripts/build-repo"), *arguments]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == code
    assert ran.stderr.startswith("build-repo: ")
    assert sentence in ran.stderr
    assert not list(tmp_path.iterdir())
