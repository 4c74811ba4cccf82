"""Whether the daemon grows: many short conversations, then a long one."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from device_daemon.localservice.server import LocalService
from scripts.benchmark import process
from scripts.benchmark.command_line import CannotMeasure, Parser, count_or_none, progress
from scripts.benchmark.figures import flat
from scripts.benchmark.ours import Ours, ours
from scripts.benchmark.rounds import DEADLINE_S, greeted_ms
from scripts.benchmark.scene import NEAR, QUESTION, STEADY, local_service

_SAMPLES: Final = 100
_ROWS: Final = 10
_CYCLE_S: Final = 6.0
_TOLERATED: Final = {"private_mib": 2.0, "descriptors": 2.0, "threads": 0.0}
"""Bounded histories that fill in the first hundred conversations, the allocator's own coming and going, and a connection
that is just being closed. PSS also depends on others."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the daemon holds at one time; `at` counts conversations, or minutes."""

    at: float
    pss_mib: float
    private_mib: float
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Course:
    """How it went."""

    unit: str
    samples: list[Sample]
    seconds: float
    xruns: int

    def verdicts(self) -> dict[str, tuple[float, float, bool]]:
        """Return, by name: the medians of the first and the last tenth, and whether it is flat."""
        return {
            name: flat([getattr(sample, name) for sample in self.samples], tolerance)
            for name, tolerance in _TOLERATED.items()
        }

    def table(self) -> str:
        """Return ten of the samples, and the verdicts, as lines of text."""
        lines = [f"{self.unit:>14}{'PSS (MiB)':>12}{'private (MiB)':>15}{'descriptors':>13}{'threads':>10}"]
        step = max(len(self.samples) // _ROWS, 1)
        lines += [
            f"{sample.at:14.1f}{sample.pss_mib:12.1f}{sample.private_mib:15.1f}{sample.descriptors:13}{sample.threads:10}"
            for sample in self.samples[step - 1 :: step]
        ]
        for name, (first, last, is_flat) in self.verdicts().items():
            word = "flat" if is_flat else "IT GROWS"
            lines.append(f"{name}: {first:.1f} in the first tenth, {last:.1f} in the last: {word}")
        lines.append(f"{self.seconds:.0f} s, {self.xruns} xruns")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return {**asdict(self), "flat": all(is_flat for *_, is_flat in self.verdicts().values())}


async def many(speaker: Ours, conversations: int) -> Course:
    """Hold that many short conversations, of a greeting that is known and of a new one in turn."""
    began_s, samples = time.monotonic(), []
    for number in range(1, conversations + 1):
        await greeted_ms(speaker.card, speaker.press_known if number % 2 else speaker.press)
        await speaker.hang_up()
        if number % max(conversations // _SAMPLES, 1) == 0:
            samples.append(_sample(speaker, number))
            progress(f"{number} of {conversations} conversations, {samples[-1].pss_mib:.1f} MiB")
    return Course("conversations", samples, time.monotonic() - began_s, _xruns(speaker))


async def one(speaker: Ours, minutes: int) -> Course:
    """Hold one conversation of that length, in which both sides speak every six seconds."""
    began_s, samples = time.monotonic(), []
    await greeted_ms(speaker.card, speaker.press)
    await asyncio.to_thread(speaker.card.wait_for_silence, time.monotonic(), 300.0, DEADLINE_S)
    cycles = round(minutes * 60 / _CYCLE_S)
    start_s = time.monotonic()
    for number in range(1, cycles + 1):
        asked_s = speaker.card.say(QUESTION)
        await asyncio.sleep(start_s + number * _CYCLE_S - time.monotonic())
        if speaker.card.first_sound_after(asked_s) is None:
            raise CannotMeasure(
                f"after {number * _CYCLE_S / 60:.1f} minutes it no longer answers: {speaker.device.log[-3:]}"
            )
        speaker.device.log.clear()
        speaker.device.pin_changes.clear()
        if number % max(cycles // _SAMPLES, 1) == 0:
            samples.append(_sample(speaker, number * _CYCLE_S / 60))
            progress(f"{samples[-1].at:.1f} of {minutes} minutes, {samples[-1].pss_mib:.1f} MiB")
    await speaker.hang_up()
    return Course("minutes", samples, time.monotonic() - began_s, _xruns(speaker))


def _sample(speaker: Ours, at: float) -> Sample:
    pid, held = speaker.pid, process.memory(speaker.pid)
    return Sample(at, held.pss_mib, held.private_mib, process.descriptors(pid), len(process.threads(pid)))


def _xruns(speaker: Ours) -> int:
    return speaker.card.overruns + speaker.card.underruns


async def _courses(service: LocalService, conversations: int, minutes: int) -> list[Course]:
    courses = []
    with tempfile.TemporaryDirectory() as name:
        if conversations:
            service.faults = NEAR
            async with ours(Path(name) / "many", service.endpoint) as speaker:
                courses.append(await many(speaker, conversations))
        if minutes:
            service.faults = STEADY
            async with ours(Path(name) / "one", service.endpoint) as speaker:
                courses.append(await one(speaker, minutes))
    return courses


async def _run(conversations: int, minutes: int, *, as_json: bool) -> bool:
    service = local_service()
    await service.start()
    try:
        courses = await _courses(service, conversations, minutes)
    finally:
        await service.stop()
    if as_json:
        print(json.dumps([course.as_json() for course in courses]))
    else:
        print("\n\n".join(course.table() for course in courses))
    return all(is_flat for course in courses for *_, is_flat in course.verdicts().values())


def main(argv: Sequence[str]) -> int:
    """`scripts/bench soak`; the exit code is 1 where anything grows."""
    parser = Parser("soak", "many short conversations, then a long one: does the daemon grow?")
    parser.add_argument("--conversations", type=count_or_none, default=1000, help="short ones (1000); 0: none")
    parser.add_argument("--minutes", type=count_or_none, default=60, help="of the long one (60); 0: none")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    if not options.conversations and not options.minutes:
        parser.error("without --conversations and --minutes there is nothing to do")
    return 0 if asyncio.run(_run(options.conversations, options.minutes, as_json=options.json)) else 1
