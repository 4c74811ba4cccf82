"""Who may use the control socket: the peer's credentials from the kernel (SO_PEERCRED), and the socket's group."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from pathlib import Path

OVERFLOW_UID = 65_534
"""How the kernel shows a user whom this process's user namespace does not know (user_namespaces(7))."""
UID_MAP = Path("/proc/self/uid_map")


def peer_uid(connection: socket.socket) -> int:
    """Return the user id at the other end, from the kernel."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def allowed(uid: int, path: Path, uid_map: Path = UID_MAP) -> bool:
    """Whether a user may control the speaker: root, the daemon's own user, and members of the socket's group."""
    if uid in {0, os.getuid()}:
        return True
    if uid == OVERFLOW_UID and not _is_mapped(uid, uid_map):
        return True  # PrivateUsers= in the unit hides who it is; the socket's mode has let them in
    try:
        user = pwd.getpwuid(uid)
        return path.stat().st_gid in os.getgrouplist(user.pw_name, user.pw_gid)
    except (KeyError, OSError):
        return False


def group_name(path: Path) -> str:
    """Return the name of the socket's group, for the sentence that refuses somebody."""
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (KeyError, OSError):
        return "of the socket"


def _is_mapped(uid: int, uid_map: Path) -> bool:
    """Whether a user id is mapped in this user namespace; outside of namespaces all are, that of `nobody` too."""
    try:
        ranges = [tuple(map(int, line.split())) for line in uid_map.read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return True
    return any(first <= uid < first + count for first, _, count in ranges)
