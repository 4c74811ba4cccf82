"""`scripts/soak`: conversations back to back on one daemon, with random faults, presses and interruptions.

What must hold all along: nobody is greeted twice for one press, no bug shows in the log, the light tells the truth, the
speaker comes back to rest, and memory, descriptors and threads do not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import linear_regression, median
from typing import Any, Final

from device_daemon.localservice.faults import Faults
from device_daemon.state import RESTING, State
from scripts.benchmark import process
from scripts.rig.card import SimulatedCard
from scripts.rig.device import Device
from tests.e2e.room import ANSWER, GREETING, WORD_FRAMES, Room, service_for_tests, voice
from tests.faults.causes import Causes
from tests.faults.lights import LightWatch
from tests.faults.line import Line
from tests.faults.plan import Opening, Plan, Turn, plans
from tests.faults.row import Service

_HELD_PIN: Final = 27
_PACE: Final = Faults(speed=1.0, delta_ms=100)
_QUESTION_S: Final = 0.4
_TURN_S: Final = 5.0
_RESTS_WITHIN_S: Final = 25.0
_PATIENCE_S: Final = 2.0
"""Nobody listens to a greeting or an answer of ten minutes for longer: a press interrupts it."""
_SPEAKS: Final = frozenset({"greeting", "speaking"})
_LOOKS_EVERY_S: Final = 0.3
_BUGS: Final = ("Traceback", "bug in this program", "never retrieved", "IllegalTransition", "never awaited")
TOLERATED: Final = {"private_mib": 1.0, "descriptors": 1.0, "threads": 0.0, "pool": inf}
"""How much higher the median of the second half may be than that of the first.

The median, as one sample may hold what is kept by design: the last answer, up to 60 s of sound (2.7 MiB), for five minutes. The
pool's threads are asyncio's, started when several files are read at once and never ended: `POOL_MOST` bounds them.
"""
POOL_MOST: Final = min(32, (os.cpu_count() or 1) + 4)
"""concurrent.futures.ThreadPoolExecutor's own."""
_POOL_NAME: Final = "asyncio_"
_SETTLES_WITHIN_S: Final = 3.0
"""A connection closes, memory is given back and the state is written after the light says that the speaker rests."""

_WARM_AFTER: Final = 50
"""Conversations: before that, memory and threads grow by what is imported, cached and started when it is first needed."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the daemon holds at rest."""

    private_mib: float
    descriptors: int
    threads: int
    """Those of the program itself."""
    pool: int = 0
    """Those of asyncio's pool."""


@dataclass(slots=True)
class Course:
    """How a soak went."""

    seed: int
    conversations: int = 0
    faults: int = 0
    minutes: float = 0.0
    samples: list[Held] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def growth(self) -> dict[str, tuple[float, float]]:
        """Return, by name, the median of each half of the samples."""
        half = len(self.samples) // 2
        if not half:
            return {}
        halves = self.samples[:half], self.samples[half:]
        return {
            name: (median(getattr(s, name) for s in halves[0]), median(getattr(s, name) for s in halves[1]))
            for name in TOLERATED
        }

    def slope(self, name: str) -> float:
        """Return by how much it rises in 100 conversations: the least-squares line through all samples."""
        values = [getattr(sample, name) for sample in self.samples]
        return 100 * linear_regression(range(len(values)), values).slope

    @property
    def grows(self) -> list[str]:
        """What is higher in the second half than it may be."""
        return [
            name
            for name, (first, second) in self.growth().items()
            if second - first > TOLERATED[name] and not self._warms_up
        ]

    @property
    def _warms_up(self) -> bool:
        return len(self.samples) < _WARM_AFTER

    def report(self) -> str:
        """Return it as lines of text."""
        held = f"{self.conversations} conversations, {self.faults} faults, {self.minutes:.1f} minutes"
        lines = [f"seed {self.seed}: {held}, {len(self.problems)} problems"]
        for name, (first, second) in self.growth().items():
            verdict = "IT GROWS" if name in self.grows else "too short to tell" if self._warms_up else "flat"
            least, most = (pick(getattr(sample, name) for sample in self.samples) for pick in (min, max))
            lines.append(
                f"{name}: {first:.1f} in the first half, {second:.1f} in the second (medians; {least:.1f} to {most:.1f}, "
                f"{self.slope(name):+.2f} per 100 conversations): {verdict}"
            )
        return "\n".join([*lines, *self.problems])


async def soak(seed: int, minutes: float, first: int, folder: Path) -> Course:
    """Hold conversations for that long, or until the speaker does not come back to rest."""
    course, began_s = Course(seed), time.monotonic()
    service = service_for_tests()
    await service.start()
    line = Line(int(service.endpoint.rpartition(":")[2]))
    await line.start()
    room = Room(folder, SimulatedCard(folder / "card", history_s=120.0), service)
    held = {"type": "button", "pin": _HELD_PIN, "mode": "push-to-talk", "greeting": "none"}
    sections: dict[str, Any] = {
        "greetings": {"welcome": {"say": GREETING, "cache": seed % 2 == 0}},
        "triggers": [{"type": "button", "pin": 17, "greeting": "welcome"}, held],
        "conversation": {"idle_timeout_s": 3.0},
    }
    try:
        async with room.speaker(endpoint=line.endpoint, **sections) as device:
            await room.probed()
            for plan in plans(seed, first):
                if time.monotonic() - began_s > minutes * 60:
                    break
                problems = await _Conversation(plan, room, line, device).hold()
                course.conversations += 1
                course.faults += plan.row is not None
                course.problems += [f"conversation {plan}: {problem}" for problem in problems]
                held_now = await settled(device)
                course.samples.append(held_now)
                if held_now.pool > POOL_MOST:
                    problems.append(f"{held_now.pool} threads in asyncio's pool")
                sys.stderr.write(f"soak: {plan}: {'; '.join(problems) or 'ok'} ({held_now})\n")
                if any("at rest" in problem for problem in problems):
                    break
    except AssertionError as failure:
        course.problems.append(str(failure))
    finally:
        await line.stop()
        await service.stop()
    course.minutes = (time.monotonic() - began_s) / 60
    return course


async def settled(device: Device) -> Held:
    """What the daemon holds, when nothing of that has changed for a moment."""
    give_up_s, before = time.monotonic() + _SETTLES_WITHIN_S, None
    while True:
        names, pid = await device.threads(), device.process.pid
        pool = sum(name.startswith(_POOL_NAME) for name in names)
        now = process.descriptors(pid), len(names) - pool, pool
        if now == before or time.monotonic() > give_up_s:
            return Held(process.memory(pid).private_mib, *now)
        before = now
        await asyncio.sleep(_LOOKS_EVERY_S)


class _Conversation:
    def __init__(self, plan: Plan, room: Room, line: Line, device: Device) -> None:
        self._plan = plan
        self._room = room
        self._device = device
        self._causes = Causes(room, line, device, _PACE)
        self._pressed_s: list[float] = []

    async def hold(self) -> list[str]:
        """Hold it; returns what was wrong."""
        device, plan = self._device, self._plan
        device.log.clear()
        device.pin_changes.clear()
        self._room.service.faults = _PACE
        began_s, problems = time.monotonic(), []
        happening = asyncio.create_task(self._happen())
        async with LightWatch(self._room, device, exempt=plan.row) as watch:
            await self._open()
            for turn in plan.turns:
                await self._take(turn)
            await happening
            if not await self._rests():
                problems.append(f"not at rest {_RESTS_WITHIN_S:g} s later: {device.state}")
        problems += watch.lies
        greeted = self._greetings(began_s)
        # A service that speaks for minutes repeats the greeting's words itself.
        if greeted > len(self._pressed_s) and not self._speaks_for_minutes:
            problems.append(f"{len(self._pressed_s)} presses, greeted {greeted} times")
        problems += [f"{sign!r} in the log" for sign in _BUGS if any(sign in line for line in device.log)]
        return problems

    async def _happen(self) -> None:
        if self._plan.row is None:
            return
        await asyncio.sleep(self._plan.fault_after_s)
        await self._causes.begin(self._plan.row.cause)
        await asyncio.sleep(self._plan.fault_for_s)
        await self._causes.end()

    async def _open(self) -> None:
        device = self._device
        match self._plan.opening:
            case Opening.PRESS:
                self._pressed_s.append(await device.tap())
            case Opening.HOLD:
                await device.push(_HELD_PIN)
                await asyncio.sleep(0.2)
                said_s = self._room.says()
                await asyncio.sleep(said_s + _QUESTION_S - time.monotonic())
                await device.let_go(_HELD_PIN)
            case Opening.ANNOUNCE:
                self._announcement = asyncio.create_task(device.ask("say hello to everybody in this house"))
        await self._until({"listening", "waiting"})

    async def _take(self, turn: Turn) -> None:
        room, device = self._room, self._device
        match turn:
            case Turn.PRESS:
                self._pressed_s.append(await device.tap())
                await asyncio.sleep(0.7)
            case Turn.WAIT:
                await asyncio.sleep(1.0)
            case Turn.ASK:
                room.says()
                await self._until({"speaking"})
                await self._until({"listening", "waiting"})
            case Turn.BARGE_IN:
                room.says()
                await self._until({"speaking"})
                room.says("stop that now")
                await self._until({"listening", "waiting"})

    async def _until(self, states: set[str]) -> None:
        """Wait for one of these states, or for the end of the conversation; faults may let neither come."""
        give_up_s = time.monotonic() + _TURN_S
        await asyncio.sleep(0.3)
        while time.monotonic() < give_up_s:
            if self._device.state in states or State(self._device.state) in RESTING:
                return
            await asyncio.sleep(0.05)

    async def _rests(self) -> bool:
        give_up_s, patience_s = time.monotonic() + _RESTS_WITHIN_S, time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_s:
            if State(self._device.state) in RESTING:
                return True
            if self._speaks_for_minutes and self._device.state in _SPEAKS and time.monotonic() > patience_s:
                self._pressed_s.append(await self._device.tap())
                patience_s = time.monotonic() + _PATIENCE_S
            await asyncio.sleep(0.05)
        return False

    @property
    def _speaks_for_minutes(self) -> bool:
        row = self._plan.row
        return row is not None and isinstance(row.cause, Service) and "audio_s" in row.cause.faults

    def _greetings(self, since_s: float) -> int:
        begins = voice(GREETING)[: WORD_FRAMES * 2]
        assert begins != voice(ANSWER)[: WORD_FRAMES * 2]
        return sum(heard.frames == WORD_FRAMES for heard in self._room.all_heard(begins, since_s))


def main(argv: Sequence[str]) -> int:
    """Return 0 if everything held all along."""
    parser = argparse.ArgumentParser("scripts/soak", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, metavar="N", help="how long (60)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="which conversations and faults (1)")
    parser.add_argument(
        "--from", dest="first", type=int, default=1, metavar="N", help="begin with the N-th of them (1)"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        course = asyncio.run(soak(options.seed, options.minutes, options.first, Path(folder)))
    print(course.report())
    return 1 if course.problems or course.grows else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
