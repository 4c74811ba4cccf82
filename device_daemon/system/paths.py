"""Paths of state, socket and config: systemd's folders where it started the daemon, else the user's own (XDG)."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

NAME = "voicelive-speaker"
SOCKET_NAME = "control.sock"
SYSTEM_RUNTIME = Path("/run", NAME)
SYSTEM_CONFIG = Path("/etc", NAME, "config.yaml")
SYSTEM_STATE = Path("/var/lib", NAME)


class Paths(Struct, frozen=True):
    """The folders of one running daemon."""

    state: Path
    runtime: Path

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.runtime / SOCKET_NAME


def folders(environment: Mapping[str, str]) -> Paths:
    """For a daemon with this environment. systemd may name several folders of a kind; the first is ours."""
    state = environment.get("STATE_DIRECTORY", "").split(":")[0]
    runtime = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Paths(
        state=Path(state) if state else _user_state(environment),
        runtime=Path(runtime) if runtime else _user_runtime(environment),
    )


def socket_candidates(environment: Mapping[str, str]) -> list[Path]:
    """Where a command looks for a running daemon: its own environment's first, then the system's."""
    own = folders(environment).socket
    system = SYSTEM_RUNTIME / SOCKET_NAME
    return [own] if own == system else [own, system]


def default_config(environment: Mapping[str, str]) -> Path:
    """The file that is read where none is named."""
    home = _home(environment)
    base = environment.get("XDG_CONFIG_HOME") or (home and home / ".config")
    own = Path(base, NAME, "config.yaml") if base else SYSTEM_CONFIG
    try:
        return own if own.exists() else SYSTEM_CONFIG
    except OSError:  # a home folder that this user may not look into, as after `su` or with User= in a unit
        return SYSTEM_CONFIG


def new_config(environment: Mapping[str, str]) -> Path:
    """The file that a set-up writes: the one that is read, else root's in /etc and the user's own."""
    home = _home(environment)
    base = environment.get("XDG_CONFIG_HOME") or (home and home / ".config")
    found = default_config(environment)
    if os.getuid() == 0 or not base or found.exists():
        return found
    return Path(base, NAME, "config.yaml")


def folders_of(config: Path, environment: Mapping[str, str]) -> Paths:
    """Return the folders of the speaker that runs with a config: the service's for its own, else the user's."""
    if config.parent == SYSTEM_CONFIG.parent:
        return Paths(SYSTEM_STATE, SYSTEM_RUNTIME)
    return folders(environment)


def _user_state(environment: Mapping[str, str]) -> Path:
    home = _home(environment)
    base = environment.get("XDG_STATE_HOME") or (home and home / ".local" / "state")
    return Path(base, NAME) if base else _temporary() / "state"


def _user_runtime(environment: Mapping[str, str]) -> Path:
    if base := environment.get("XDG_RUNTIME_DIR"):
        return Path(base, NAME)
    return _temporary()


def _temporary() -> Path:
    return Path(tempfile.gettempdir(), f"{NAME}-{os.getuid()}")


def _home(environment: Mapping[str, str]) -> Path | None:
    """The user's home folder; None in a container without HOME and without an entry in /etc/passwd."""
    try:
        return Path(environment.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
