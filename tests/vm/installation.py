"""The package: what it puts there, as whom it runs, what it may do, what it leaves behind."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from tests.vm import sandbox, unit
from tests.vm.speaker import CONFIG, OUT, SHARE, Check, Speaker
from tests.vm.unit import Failed

MOST_EXPOSURE = 1.8


class Installation:
    """The package and its sandbox."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def in_order(self) -> list[Check]:
        """Each builds on those before it."""
        return [
            ("the package installs", self.installs),
            ("starts, and is READY when armed", self.starts),
            ("starts at boot", self.enabled),
            ("has a user of its own", self.user),
            ("cannot write elsewhere, sees no home", self.sandboxed),
            (f"exposure at most {MOST_EXPOSURE}", self.exposure),
            ("control socket and status", self.controls),
        ]

    def installs(self) -> str:
        package = next(SHARE.glob("*.deb"))
        begun_s = time.monotonic()
        unit.run("apt-get", "install", "-y", "-q", str(package), deadline_s=600)
        took_s = time.monotonic() - begun_s
        CONFIG.write_text((SHARE / "tests/vm/config.yaml").read_text())
        key = Path("/etc/credstore/voicelive-speaker.api-key")
        key.parent.mkdir(mode=0o700, exist_ok=True)
        key.write_text("no-secret")
        key.chmod(0o600)
        return f"{package.name}, {package.stat().st_size / 1e6:.1f} MB, in {took_s:.0f} s"

    def starts(self) -> str:
        begun_s = time.monotonic()
        unit.systemctl("restart")
        took_s = time.monotonic() - begun_s
        unit.wait_for("idle")
        resident_kb = sandbox.process_status(unit.pid())["VmRSS"].split()[0]
        text = unit.show("StatusText")
        if not text:
            raise Failed(f"READY after {took_s:.1f} s, but no STATUS=")
        return f'{took_s:.1f} s, status "{text}", {int(resident_kb) / 1024:.0f} MB resident'

    def enabled(self) -> str:
        enabled = subprocess.run(["systemctl", "is-enabled", unit.NAME], capture_output=True, text=True, check=False)
        if enabled.stdout.strip() != "enabled":
            raise Failed(f"systemctl is-enabled says {enabled.stdout.strip()}")
        return "enabled"

    def user(self) -> str:
        pid = unit.pid()
        status = sandbox.process_status(pid)
        flaws = [
            f"{name} is {status[name]}"
            for name, wanted in (("CapEff", 0), ("CapBnd", 0), ("CapAmb", 0))
            if int(status[name], 16) != wanted
        ]
        flaws += [
            f"{name} is {status[name]}"
            for name, wanted in (("NoNewPrivs", "1"), ("Seccomp", "2"))
            if status[name] != wanted
        ]
        user = sandbox.user_of(pid)
        if user in {"root", "0"}:
            flaws.append("runs as root")
        if flaws:
            raise Failed(", ".join(flaws))
        return f"{user}, groups {' '.join(sandbox.groups_of(pid)) or 'none'}, no capability, seccomp"

    def sandboxed(self) -> str:
        home = Path("/home/owner")
        home.mkdir(exist_ok=True)
        (home / "diary").write_text("private")
        (OUT / "mounts").write_text(Path(f"/proc/{unit.pid()}/mountinfo").read_text())
        own, root = (sandbox.probe(unit.pid(), as_root=as_root) for as_root in (False, True))
        allowed = re.compile(
            r"/(tmp|var/tmp|dev/shm|dev/mqueue|(run|var/lib|var/cache)(/private)?/voicelive-speaker)(/.*)?$"
        )
        flaws = [f"it can write {folder}" for folder in own["writable"] if not allowed.match(folder)]
        flaws += [f"it sees {name} in a home" for name in own["home"]]
        # Root without capabilities is nobody special; as root only what the mounts and the cgroup forbid is forbidden.
        flaws += [
            f"even root there can write {folder}"
            for folder in root["writable"]
            if re.match(r"/(etc|usr|opt|boot|home|root|srv)\b", folder)
        ]
        flaws += [f"{what} is open to it" for what in ("disk", "kernel") if own[what]]
        flaws += [f"{what} is open to root there" for what in ("disk",) if root[what]]
        flaws += [f"{what} is closed to it" for what in ("sound", "pins") if not own[what]]
        if flaws:
            raise Failed(", ".join(flaws[:6]))
        return f"it can write {' '.join(own['writable']) or 'nothing'}; sound and pins open, the disk not"

    def exposure(self) -> str:
        said = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", unit.NAME], capture_output=True, text=True, check=False
        ).stdout
        (OUT / "security").write_text(said)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        if not found:
            raise Failed(f"systemd-analyze says {said[-200:]}")
        if float(found[1]) > MOST_EXPOSURE:
            raise Failed(f"{found[1]}, allowed is {MOST_EXPOSURE}")
        return found[1]

    def controls(self) -> str:
        said = unit.run(unit.PROGRAM, "status").splitlines()
        socket = os.stat(unit.SOCKET)  # noqa: PTH116 - the mode, not the file
        if socket.st_mode & 0o7:
            raise Failed(f"everybody may write to the socket: mode {socket.st_mode & 0o777:o}")
        if lit := self._speaker.board.lit():
            raise Failed(f"it rests, and yet line {lit} is lit")
        return f'root asks: "{said[0]}"; socket mode {socket.st_mode & 0o777:o}; lights dark'
