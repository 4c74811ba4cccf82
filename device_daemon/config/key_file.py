"""Check of the file that holds the API key: who else can read it."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

from device_daemon.config.settings import Service


def key_file_warning(service: Service) -> tuple[str, str] | None:
    """Return what is wrong with the mode of service.api_key_file and the command that fixes it; None if nothing is."""
    if not service.api_key_file:
        return None
    try:
        path = Path(service.api_key_file).expanduser()
        mode = path.stat().st_mode
    except (OSError, RuntimeError):  # that it cannot be read is said where the key is needed
        return None
    if not stat.S_ISREG(mode) or not mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        return None
    return (
        f"{path}: other users of this machine can read or change this key file (mode {stat.S_IMODE(mode):04o})",
        f"chmod 600 {shlex.quote(str(path))}",
    )
