"""The manual page and the shell completions say what the argument parser says."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.command_line import FOLDER, generated

FILES = generated()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == FILES[path], "run: .venv/bin/python -m scripts.command_line"


def test_there_is_nothing_else_in_the_folder() -> None:
    assert {path for path in FOLDER.iterdir() if path.suffix != ".8"} == set(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_knows_the_commands_and_no_folder_of_this_machine(path: Path) -> None:
    text = FILES[path].replace("\\", "")
    for word in ("check-config", "local-service", "listen", "until-stdin-closes"):
        assert word in text
    assert str(Path.home() / ".config") not in text
