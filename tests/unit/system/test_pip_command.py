"""What an owner types to install an optional package works where the speaker is installed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from device_daemon.system.pip_command import install_command
from scripts import REPOSITORY


def test_the_command_names_the_python_that_this_runs_with() -> None:
    *before, requirement = shlex.split(install_command("mcp>=2.3,<3"))
    assert requirement == "mcp>=2.3,<3"
    assert before[-4:] == [f"{sys.prefix}/bin/python3", "-m", "pip", "install"]


def test_without_pip_the_command_installs_that_first(tmp_path: Path) -> None:
    program = "from device_daemon.system.pip_command import install_command; print(install_command('mcp'))"
    alone = tmp_path / "alone"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", alone], check=True)
    command = [str(alone / "bin" / "python3"), "-c", program]
    ran = subprocess.run(command, env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("sudo apt install python3-pip && ")
