"""The pip command that installs an optional Python package into the environment that this program runs in."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec


def install_command(requirement: str) -> str:
    """Return what an owner types, such as sudo /opt/voicelive-speaker/current/bin/python3 -m pip install 'mcp>=2.3,<3'."""
    sudo = "" if os.access(sys.prefix, os.W_OK) else "sudo "
    command = f"{sudo}{sys.prefix}/bin/python3 -m pip install '{requirement}'"
    # The Debian package has no pip of its own, and finds the system's.
    return command if find_spec("pip") else f"sudo apt install python3-pip && {command}"
