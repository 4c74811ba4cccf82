"""What a process in the service's place could do: the same mounts, the same cgroup, then the same user or root."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.vm.unit import Failed, show

_PROBE = """
import errno, json, os
def writable(folder):
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
        return True
    except OSError as error:
        # Not every file system has files without a name.
        return error.errno in (errno.EOPNOTSUPP, errno.EISDIR) and os.access(folder, os.W_OK)
def opens(path, flags):
    try:
        os.close(os.open(path, flags))
        return True
    except OSError:
        return False
def listed(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []
folders = [folder for folder, _, _ in os.walk("/") if not folder.startswith(("/proc", "/sys", "/dev/fd"))]
print(json.dumps({
    "uid": os.getuid(),
    "writable": [folder for folder in folders if writable(folder)],
    "home": listed("/home") + listed("/root"),
    "disk": opens("/dev/vda", os.O_RDONLY),
    "sound": opens("/dev/snd/controlC0", os.O_RDWR),
    "pins": opens("/dev/gpiochip0", os.O_RDWR),
    "kernel": opens("/proc/sys/kernel/hostname", os.O_WRONLY),
}))
"""


def probe(pid: int, *, as_root: bool) -> dict[str, Any]:
    """What can be written, seen and opened there. Raises Failed where nobody can get in."""
    group = show("ControlGroup")
    identity: list[str] = []
    if not as_root:
        status = process_status(pid)
        identity = ["setpriv", f"--reuid={status['Uid'].split()[0]}", f"--regid={status['Gid'].split()[0]}"]
        identity += [f"--groups={','.join(status['Groups'].split())}", "--bounding-set=-all", "--no-new-privs"]
    # Into the service's cgroup first: the rules for devices are the cgroup's.
    into = f'echo $$ >/sys/fs/cgroup{group}/cgroup.procs; exec "$@"'
    enter = ["nsenter", "--mount", f"--target={pid}", *identity]
    command = ["sh", "-c", into, "sh", *enter, "python3", "-c", _PROBE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd="/")
    if done.returncode:
        raise Failed(f"the probe could not run: {done.stderr[-300:]}")
    return dict(json.loads(done.stdout))


def process_status(pid: int) -> dict[str, str]:
    """/proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def groups_of(pid: int) -> list[str]:
    """The names of the groups a process is in."""
    by_id = {line.split(":")[2]: line.split(":")[0] for line in Path("/etc/group").read_text().splitlines()}
    return [by_id.get(number, number) for number in process_status(pid)["Groups"].split()]


def user_of(pid: int) -> str:
    """A process's user, by name where it has one (a dynamic user is known to systemd's NSS module only)."""
    uid = os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 - the owner's number, no file
    named = subprocess.run(["getent", "passwd", str(uid)], capture_output=True, text=True, check=False).stdout
    return named.split(":")[0] or str(uid)
