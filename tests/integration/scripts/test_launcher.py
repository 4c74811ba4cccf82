"""The launcher says what happened when its Python is gone, and the unit does not try again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from device_daemon import __version__
from device_daemon.errors import EX_CONFIG
from scripts import REPOSITORY

PYTHON = Path(sys.executable).resolve()


def environment(home: Path, version: str) -> Path:
    """An environment made for a version of Python, with the launcher as its command."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python3").symlink_to(PYTHON)
    (home / "lib" / version / "site-packages").mkdir(parents=True)
    shutil.copy(REPOSITORY / "scripts" / "deb" / "launcher", home / "bin" / "voicelive-speaker")
    return home / "bin" / "voicelive-speaker"


def run(command: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command, *words], env={**os.environ, **changes}, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_environment_of_another_python_is_explained_once_and_not_tried_again(tmp_path: Path) -> None:
    done = run(environment(tmp_path / "opt", "python3.9"), "run")
    assert done.returncode == EX_CONFIG
    assert "it was installed for python3.9, and this system now has python3." in done.stderr
    assert "sudo scripts/install" in done.stderr
    assert "No module named" not in done.stderr
    unit = (REPOSITORY / "systemd" / "voicelive-speaker.service").read_text(encoding="utf-8")
    assert f"RestartPreventExitStatus={EX_CONFIG}" in unit


def test_a_python_that_is_gone_is_explained_too(tmp_path: Path) -> None:
    command = environment(tmp_path / "opt", "python3.9")
    (tmp_path / "opt" / "bin" / "python3").unlink()
    (tmp_path / "opt" / "bin" / "python3").symlink_to("/usr/bin/python3.9.none")
    assert run(command).returncode == EX_CONFIG


def test_with_its_own_python_it_is_the_program_wherever_it_is_called_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = environment(tmp_path / "opt", PYTHON.name)
    link = tmp_path / "voicelive-speaker"
    link.symlink_to(command)
    (tmp_path / "device_daemon.py").write_text("raise SystemExit('somebody else')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    site = os.pathsep.join([str(REPOSITORY), *(path for path in sys.path if path.endswith("site-packages"))])
    done = run(link, "--version", PYTHONPATH=site)
    assert (done.returncode, done.stdout) == (0, f"voicelive-speaker {__version__}\n"), done.stderr
