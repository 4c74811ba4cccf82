"""What only the benchmark needs, in a Python environment of its own: `.venv` stays as lean as the daemon."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from scripts import REPOSITORY
from scripts.benchmark.command_line import CannotMeasure, progress

_VENV: Final = REPOSITORY / ".venv-bench"
PYTHON: Final = _VENV / "bin" / "python"
_LOG: Final = _VENV / "setup.log"
_DEADLINE_S: Final = 900


def install(*sets: str) -> None:
    """Put the packages of scripts/requirements/SET.txt into `.venv-bench`, once; raises CannotMeasure with what pip said last."""
    done = _VENV / "installed"
    installed = done.read_text(encoding="utf-8").splitlines() if done.exists() else []
    missing = [name for name in sets if name not in installed]
    if not missing:
        return
    progress(f"installing {', '.join(missing)} into {_VENV.name}")
    if not PYTHON.exists():
        run(sys.executable, "-m", "venv", str(_VENV))
    run(str(REPOSITORY / "scripts" / "pip-verified"), str(_VENV), "install", *missing)
    done.write_text("\n".join([*installed, *missing]) + "\n", encoding="utf-8")


def need(program: str) -> None:
    """Raise CannotMeasure where a program of a Debian package of its own name is not installed."""
    if shutil.which(program) is None:
        raise CannotMeasure(f"{program} is not installed: run `sudo apt install {program}`")


def run(*command: str) -> None:
    """Run a command that prepares something; raises CannotMeasure if it fails."""
    _VENV.mkdir(exist_ok=True)
    with _LOG.open("w", encoding="utf-8") as log:
        try:
            code = subprocess.run(
                command, stdout=log, stderr=subprocess.STDOUT, timeout=_DEADLINE_S, check=False
            ).returncode
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotMeasure(f"{command[0]} cannot be run ({error})") from error
    if code:
        last = _last_words(_LOG.read_text(encoding="utf-8", errors="replace").splitlines())
        raise CannotMeasure(f"`{' '.join(command[:4])} ...` failed ({last}); all of it is in {_LOG}")


def _last_words(lines: Sequence[str]) -> str:
    errors = [line.strip() for line in lines if line.lower().startswith("error")]
    said = [line.strip() for line in lines if line.strip()]
    return (errors or said or ["it said nothing"])[-1]
