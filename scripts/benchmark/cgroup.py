"""A control group that gives a process a part of one processor core, under version 1 or 2 of Linux's control groups."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.benchmark import process
from scripts.benchmark.command_line import CannotMeasure

PERIOD_US: Final = 10_000
_NEEDS: Final = "run this as root on a machine whose /sys/fs/cgroup can be written, which containers often may not"
_PR_CAPBSET_DROP: Final = 24
_CAP_SYS_NICE: Final = 23


@dataclass(frozen=True, slots=True)
class Group:
    """One group; whatever is added to it shares `quota_us` of processor time in each period."""

    folder: Path
    version: int
    quota_us: int

    def limit(self) -> None:
        """Set the quota; raises OSError."""
        if self.version == 1:
            self._write("cpu.cfs_period_us", str(PERIOD_US))
            self._write("cpu.cfs_quota_us", str(self.quota_us))
        else:
            self._write("cpu.max", f"{self.quota_us} {PERIOD_US}")

    def add(self, pid: int) -> None:
        """Put a process in, with all its threads, and see that the quota holds for each; raises CannotMeasure.

        It does not hold for real-time threads: those have budgets of their own (version 1 refuses them where they have
        none, version 2 lets them through).
        """
        if found := process.realtime_threads(pid):
            raise CannotMeasure(f"{len(found)} threads of the daemon are real-time: no quota holds for them")
        try:
            self._write("cgroup.procs", str(pid))
        except OSError as error:
            raise CannotMeasure(f"the daemon cannot be put into {self.folder} ({error.strerror}): {_NEEDS}") from error
        members = "tasks" if self.version == 1 else "cgroup.threads"
        inside = {int(line) for line in (self.folder / members).read_text(encoding="ascii").split()}
        if outside := set(process.threads(pid)) - inside:
            raise CannotMeasure(f"{len(outside)} threads of the daemon are not in {self.folder}: no figure is worth it")

    def throttled(self) -> tuple[int, int]:
        """Return in how many periods it had to wait for the next one, and how many there were."""
        counters = dict(line.split() for line in (self.folder / "cpu.stat").read_text(encoding="ascii").splitlines())
        return int(counters["nr_throttled"]), int(counters["nr_periods"])

    def _write(self, name: str, value: str) -> None:
        # Unbuffered: the kernel's answer comes with the write, not with the closing.
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)


def hierarchies(mountinfo: str) -> list[tuple[Path, int]]:
    """Return where the `cpu` controller may be, with the version: the places of /proc/self/mountinfo."""
    found = []
    for line in mountinfo.splitlines():
        mount, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        place = Path(mount.split()[4])
        if kind == "cgroup2":
            found.append((place, 2))
        elif kind == "cgroup" and "cpu" in options.split(" ")[-1].split(","):
            found.append((place, 1))
    return found


@contextmanager
def group(percent: int) -> Iterator[Group]:
    """A new group with that part of one core in each 10 ms; raises CannotMeasure where there can be none."""
    reasons = []
    for place, version in hierarchies(Path("/proc/self/mountinfo").read_text(encoding="utf-8")):
        made = Group(place / f"voicelive-bench-{os.getpid()}", version, PERIOD_US * percent // 100)
        try:
            if version == 2:
                _pass_on_the_cpu(place)
            made.folder.mkdir()
        except OSError as error:
            reasons.append(f"{place}: {error.strerror}")
            continue
        try:
            try:
                made.limit()
            except OSError as error:
                reasons.append(f"{made.folder}: {error.strerror}")
                continue
            yield made
            return
        finally:
            made.folder.rmdir()
    raise CannotMeasure(f"no control group for the processor ({'; '.join(reasons) or 'none is mounted'}): {_NEEDS}")


def _pass_on_the_cpu(place: Path) -> None:
    """Let groups below this one of version 2 have the controller; raises OSError."""
    if "cpu" not in (place / "cgroup.controllers").read_text(encoding="ascii").split():
        raise FileNotFoundError(0, "the cpu controller is not there")
    control = place / "cgroup.subtree_control"
    if "cpu" not in control.read_text(encoding="ascii").split():
        control.write_text("+cpu", encoding="ascii")


def forgo_realtime() -> None:
    """Keep every program that this process starts from real-time priority, root's as well."""
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0) and os.geteuid() == 0:
        raise CannotMeasure(
            f"real-time priority cannot be given up ({os.strerror(ctypes.get_errno())}): run this as root"
        )
