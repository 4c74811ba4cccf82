"""A small Debian in a folder, in which packages are installed as an owner would, and nothing of this machine is touched."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ALONE = ("--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--uts")

# Each command mounts the layers for itself, in namespaces that end with it: nothing is left to be unmounted. Without
# a network, so that nothing can be fetched, and nothing in there can reconfigure this machine's.
ENTER = """
set -e
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
mount -t proc proc "$folder/root/proc"
mount -t tmpfs tmpfs "$folder/root/dev/shm"
exec chroot "$folder/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
  DEBIAN_FRONTEND=noninteractive sh -c "$1"
"""

# The same with systemd as the first process. It would configure any network it saw, this machine's too: it sees none.
BOOT = """
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
exec systemd-nspawn --quiet --register=no --keep-unit --directory="$folder/root" --console=read-only "$@" --boot \\
  systemd.mask=systemd-networkd.service
"""

TOLD = """
[Unit]
After=multi-user.target
SuccessAction=exit-force
FailureAction=exit-force

[Service]
Type=oneshot
ExecStart=/bin/sh -e /told
StandardOutput=file:/said
StandardError=file:/said
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command in a guest came to; `said` is what it printed, both streams."""

    code: int
    said: str


class Guest:
    """A Debian made of layers: what is written goes to the uppermost one, `folder`; those below stay as they are."""

    def __init__(self, folder: Path, *below: Path) -> None:
        self.folder = folder
        self._below = below
        lower = ":".join(map(str, below))
        self._environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "folder": str(folder), "lower": lower}
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def on_top(self, folder: Path) -> Guest:
        """Return a guest that begins where this one stands, and writes into `folder`."""
        return Guest(folder, self.folder / "upper", *self._below)

    def run(self, command: str, *, timeout_s: float = 120) -> Ran:
        """Run a line of shell as root in the guest."""
        done = subprocess.run(
            ["unshare", *ALONE, "sh", "-c", ENTER, "sh", command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    def boot(self, script: str, *, see: Sequence[Path] = (), timeout_s: float = 120) -> Ran:
        """Boot the guest, run a shell script in it as root, and shut it down; `see` are folders of this machine.

        The script ends at the first command that fails.
        """
        self.write("/told", script)
        self.write("/said", "")
        self.write("/etc/systemd/system/told.service", TOLD)
        wanted = self.folder / "upper/etc/systemd/system/multi-user.target.wants"
        wanted.mkdir(parents=True, exist_ok=True)
        (wanted / "told.service").unlink(missing_ok=True)
        (wanted / "told.service").symlink_to("../told.service")
        done = subprocess.run(
            ["unshare", "--mount", "--net", "sh", "-c", BOOT, "sh", *(f"--bind-ro={folder}" for folder in see)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            text=True,
            check=False,
        )
        said = (self.folder / "upper/said").read_text(encoding="utf-8")
        return Ran(done.returncode, said or done.stdout)

    def must(self, command: str) -> str:
        """Run a line of shell that must not fail; return what it said."""
        ran = self.run(command)
        assert ran.code == 0, f"{command}: exit {ran.code}\n{ran.said}"
        return ran.said

    def write(self, path: str, text: str) -> None:
        """Make or replace a file of the guest."""
        target = self.folder / "upper" / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def take(self, file: Path) -> str:
        """Copy a file of this machine into the guest; return its path there."""
        target = self.folder / "upper" / "root" / file.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(file, target)
        return f"/root/{file.name}"

    def files(self) -> set[str]:
        """Return the paths of all files the guest has, but for what programs note down while they work."""
        listed = self.must("find / -xdev ! -type d ! -path '/proc/*' ! -path '/dev/*'").splitlines()
        noted = ("/var/lib/dpkg/", "/var/log/", "/var/cache/", "/var/lib/apt/", "/root/", "/tmp/", "/run/")
        return {path for path in listed if not path.startswith(noted)}
