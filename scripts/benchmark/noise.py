"""How quiet the machine is: its load, what its host steals, and how late a sleep of 1 ms comes back.

`python -m scripts.benchmark.noise` is the one that sleeps: a process of its own, since in the benchmark's it would
measure the benchmark.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from scripts import REPOSITORY
from scripts.benchmark.figures import summary

_SLEEP_S: Final = 0.001
_PAUSE_S: Final = 0.009
_KEPT: Final = 1_000_000
_BEFORE_S: Final = 2.0
_DEADLINE_S: Final = 10.0
MOST_LOAD_PER_CORE: Final = 0.6
MOST_STEAL_PERCENT: Final = 1.0
MOST_LATE_MS: Final = 1.0
"""The 99th percentile of how late a 1 ms sleep comes, of a machine that is quiet enough."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """How quiet it was over some time."""

    load: float
    """The load average of one minute, at the end."""
    steal_percent: float
    """Processor time that the machine's host took for others, of all."""
    late_median_ms: float
    late_p99_ms: float
    late_most_ms: float

    def complaint(self, when: str, cores: int, *, of_load: bool = True) -> str | None:
        """Return a sentence that says why figures taken then are worse than the program is, or None."""
        reasons = []
        if of_load and self.load > MOST_LOAD_PER_CORE * cores:
            reasons.append(f"the load is {self.load:.1f} on {cores} cores")
        if self.steal_percent > MOST_STEAL_PERCENT:
            reasons.append(f"its host takes {self.steal_percent:.1f} % of the processor away")
        if self.late_p99_ms > MOST_LATE_MS:
            reasons.append(f"one sleep of 1 ms in a hundred comes {self.late_p99_ms:.1f} ms late or later")
        return f"this machine is noisy {when} ({'; '.join(reasons)}): expect worse figures" if reasons else None

    def as_json(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return asdict(self)


class Watch:
    """What the machine did while it was watched; `found` is there when the watching is over."""

    found: Quiet | None = None


@asynccontextmanager
async def watched() -> AsyncIterator[Watch]:
    """Watch the machine for as long as this lasts."""
    watch, ticks = Watch(), _steal_ticks()
    sleeper = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield watch
    finally:
        async with asyncio.timeout(_DEADLINE_S):
            out, _ = await sleeper.communicate(b"")
        watch.found = _quiet(json.loads(out), ticks, _steal_ticks())


async def before() -> Quiet:
    """Watch the machine for two seconds in which nothing is measured."""
    async with watched() as watch:
        await asyncio.sleep(_BEFORE_S)
    assert watch.found is not None
    return watch.found


def _steal_ticks() -> tuple[int, int]:
    """Return processor time that was stolen, and all there was, since the machine started."""
    fields = [int(field) for field in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)


def _quiet(late_ms: Sequence[float], before: tuple[int, int], after: tuple[int, int]) -> Quiet:
    stolen, all_of_it = after[0] - before[0], after[1] - before[1]
    ordered = sorted(late_ms)
    p99_ms = ordered[len(ordered) * 99 // 100] if ordered else 0.0
    found = summary(ordered or [0.0])
    return Quiet(os.getloadavg()[0], 100 * stolen / max(all_of_it, 1), found.median, p99_ms, found.most)


def _sleeps(ended: threading.Event) -> list[float]:
    late_ms: list[float] = []
    while not ended.is_set() and len(late_ms) < _KEPT:
        due_s = time.monotonic() + _SLEEP_S
        time.sleep(_SLEEP_S)
        late_ms.append((time.monotonic() - due_s) * 1000)
        time.sleep(_PAUSE_S)
    return late_ms


def _main() -> None:
    """Sleep until standard input ends, and say how late each sleep came, in ms."""
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    json.dump([round(late, 4) for late in _sleeps(ended)], sys.stdout)


if __name__ == "__main__":
    _main()
