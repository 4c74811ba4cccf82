"""Checks on the file that holds the API key: who else can read it, and whether the service can see it."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path
from typing import Final

from device_daemon.config.settings import Service

_HIDDEN_FROM_SERVICE: Final = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ProtectHome=yes in the unit hides."""


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


def is_hidden_from_service(service: Service) -> bool:
    """Whether service.api_key_file is in a folder that the systemd unit does not see."""
    if not service.api_key_file:
        return False
    path = Path(service.api_key_file)
    return any(path.is_relative_to(folder) for folder in _HIDDEN_FROM_SERVICE)
