"""What a process costs, as /proc tells it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_CPUCLOCK_SCHED: Final = 2
_SIMULATED_CARD: Final = "/memfd:simcard"


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, all its threads together, those that have ended as well.

    To the nanosecond, as clock_getcpuclockid(3) does it: /proc counts in ticks of 10 ms.
    """
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process, without the simulated card's tracks.

    Those are the room's memory of all that was said and heard: no real card has them.
    """

    pss_mib: float
    """What it shares counted by its share: it falls when another program comes that uses the same libraries."""
    rss_mib: float
    """All of it, as if no other program used the same libraries."""
    private_mib: float
    """What it shares with nobody."""


def memory(pid: int) -> Memory:
    """Return how much memory a process has now."""
    with (_PROC / str(pid) / "smaps").open(encoding="utf-8") as lines:
        return memory_in(lines)


def memory_in(smaps: Iterable[str]) -> Memory:
    """Return the sums over the mappings of an smaps file."""
    kib, counts = {"Rss:": 0, "Pss:": 0, "Private_Clean:": 0, "Private_Dirty:": 0}, True
    for line in smaps:
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            counts = _SIMULATED_CARD not in rest
        elif counts and name in kib:
            kib[name] += int(rest.split()[0])
    private_kib = kib["Private_Clean:"] + kib["Private_Dirty:"]
    return Memory(kib["Pss:"] / 1024, kib["Rss:"] / 1024, private_kib / 1024)


def threads(pid: int) -> list[int]:
    """The ids of its threads."""
    return [int(task.name) for task in (_PROC / str(pid) / "task").iterdir()]


def descriptors(pid: int) -> int:
    """How many file descriptors it has open."""
    return sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())


def switches(pid: int) -> int:
    """How often its threads went to sleep or were sent to: each wake-up is one."""
    total = 0
    for thread in threads(pid):
        status = (_PROC / str(pid) / "task" / str(thread) / "status").read_text(encoding="utf-8")
        total += sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches:" in line)
    return total


def realtime_threads(pid: int) -> list[int]:
    """The ids of its threads that run with real-time priority."""
    ordinary = {os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE}
    return [
        thread for thread in threads(pid) if os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK not in ordinary
    ]
