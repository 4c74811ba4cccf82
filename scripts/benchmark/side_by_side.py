"""The benchmark's main command: this speaker and Microsoft's quickstart, in the same run, round by round in turn."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from device_daemon.localservice.server import LocalService
from scripts.benchmark import noise, process
from scripts.benchmark.command_line import Parser, count, count_or_none, progress
from scripts.benchmark.figures import Limit, Row, Share, table
from scripts.benchmark.ours import Ours, cores, idle_cost, ours, start_ms
from scripts.benchmark.quickstart import Quickstart, fetch, quickstart
from scripts.benchmark.quickstart import start_ms as quickstart_start_ms
from scripts.benchmark.rounds import Assistant, Phases, Round, cost_of_conversation, one_round
from scripts.benchmark.scene import NEAR, STEADY, far, local_service

KNOWN: Final = "press -> greeting that was spoken before (ms)"
NEW: Final = "press -> greeting never spoken before (ms)"
SILENCE: Final = "speech_started -> silence (ms)"
PERSON_TO_SILENCE: Final = "a person's first sample -> silence (ms)"
CLICK_TO_WIRE: Final = "click in a quiet room -> its message arrives (ms)"
MESSAGE_TO_WIRE: Final = "first sample of any message -> it arrives (ms)"
BOTH: Final = "CPU, two-way conversation (ms/s)"
LISTENING: Final = "CPU, listening only (ms/s)"
SPEAKING: Final = "CPU, speaking, microphone open (ms/s)"
IN_CONVERSATION: Final = "PSS in conversation (MiB)"
RSS: Final = "RSS in conversation (MiB)"
IDLE: Final = "PSS idle (MiB)"
WAKEUPS: Final = "idle with a button only, wake-ups (1/s)"
START: Final = "start -> button armed (ms)"
XRUNS: Final = "xruns"

TARGETS: Final[dict[str, tuple[Limit | Share, ...]]] = {
    KNOWN: (Limit("p95", 25),),
    NEW: (Limit("median", 35), Limit("p95", 60)),
    SILENCE: (Limit("p95", 6),),
    PERSON_TO_SILENCE: (),
    CLICK_TO_WIRE: (Limit("median", 20), Limit("p95", 35)),
    MESSAGE_TO_WIRE: (Limit("p95", 75),),
    BOTH: (Share(0.75),),
    LISTENING: (),
    SPEAKING: (),
    IN_CONVERSATION: (Share(0.7),),
    RSS: (),
    IDLE: (Limit("most", 40),),
    WAKEUPS: (Limit("most", 1),),
    START: (Limit("median", 350),),
    XRUNS: (Limit("most", 0),),
}
"""What must hold beside a service without network delay."""

_STARTS: Final = 10
_LONG_CONVERSATIONS: Final = 2
_NOTES: Final = """\
The greeting that was spoken before comes from the speaker's memory; the quickstart has none, so both rows stand beside
the same figures of it.
A press of the quickstart is a call of its start() in a warm process, all imports done; it is armed when that could be
called. It has no idle state and no button: its idle memory is that of the warm process.
"""
_NOTES_OF_ALL: Final = """\
A click falls anywhere in a message. "Any message" is every one that came from the first click on, in silence and in
speech. A person's first sample -> silence contains the local service's turn detection.
Processor time is of the whole process with all threads, so it includes the simulated card's driver and the mock
pins. Memory is without the simulated card's tracks. PSS counts a library that others use too by its share, and the
benchmark itself uses this speaker's: RSS counts it in full.
"""
_NOTES_OF_CARDS: Final = """\
Both have a simulated card of their own and take turns with the same service. The quickstart's card has a position that
moves in whole periods, as PortAudio is used to.
"""


@dataclass(slots=True)
class Found:
    """All values so far, by the names of the rows."""

    ours: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    quickstart: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def rows(self, *, with_targets: bool) -> list[Row]:
        """Return them in the order of the table."""
        return [
            Row(name, self.ours[name], self.quickstart[name], limits if with_targets else ())
            for name, limits in TARGETS.items()
            if self.ours[name]
        ]


async def latencies(rounds: int, service: LocalService, mine: Ours, other: Quickstart | None, what: str) -> Found:
    """Hold that many conversations of each kind, in turn."""
    found, phases, other_phases = Found(), Phases(random.random()), Phases(random.random())
    for number in range(rounds):
        progress(f"{what}: round {number + 1} of {rounds}")
        found.ours[KNOWN].append(await mine.known_round_ms())
        one = await one_round(mine, service, phases)
        found.ours[NEW].append(one.greeting_ms)
        _add(found.ours, one)
        if other is None:
            continue
        one = await one_round(other, service, other_phases)
        found.quickstart[KNOWN].append(one.greeting_ms)
        found.quickstart[NEW].append(one.greeting_ms)
        _add(found.quickstart, one)
    return found


def _add(values: defaultdict[str, list[float]], one: Round) -> None:
    values[SILENCE].append(one.silence_ms)
    values[PERSON_TO_SILENCE].append(one.person_to_silence_ms)
    values[CLICK_TO_WIRE] += one.click_to_wire_ms
    values[MESSAGE_TO_WIRE] += one.message_to_wire_ms


async def costs(found: Found, service: LocalService, mine: Ours, other: Quickstart | None) -> float:
    """Add what a conversation costs; return how much of it the speaker sounded, in percent."""
    service.faults = STEADY
    sounding_percent = 0.0
    assistants: list[tuple[Assistant | None, defaultdict[str, list[float]], str]] = [
        (other, found.quickstart, "the quickstart"),
        (mine, found.ours, "this speaker"),
    ]
    for assistant, values, name in assistants * _LONG_CONVERSATIONS:
        if assistant is None:
            continue
        progress(f"a conversation of a minute with {name}")
        cost = await cost_of_conversation(assistant, service)
        values[BOTH] += cost.both_ms_per_s
        values[LISTENING] += cost.listening_ms_per_s
        values[SPEAKING] += cost.speaking_ms_per_s
        values[IN_CONVERSATION].append(cost.memory.pss_mib)
        values[RSS].append(cost.memory.rss_mib)
        sounding_percent = cost.sounding_percent
    service.faults = NEAR
    return sounding_percent


async def starts(found: Found, folder: Path, service: LocalService, sample: Path | None) -> None:
    """Add how long starting takes, and what idling costs."""
    progress("one start of each that does not count: it brings the files into memory")
    await start_ms(folder / "starts", service.endpoint)
    if sample is not None:
        await quickstart_start_ms(folder / "starts", service.endpoint, sample)
    for number in range(_STARTS):
        progress(f"start {number + 1} of {_STARTS}")
        found.ours[START].append(await start_ms(folder / "starts", service.endpoint))
        if sample is not None:
            found.quickstart[START].append(await quickstart_start_ms(folder / "starts", service.endpoint, sample))
    progress("half a minute of idling")
    idle = await idle_cost(folder / "idle", service.endpoint)
    found.ours[WAKEUPS].append(idle.wakeups_per_s)
    found.ours[IDLE].append(idle.memory.pss_mib)


@dataclass(frozen=True, slots=True)
class Result:
    """What one run has found."""

    near: Found
    far: Found
    sounding_percent: float


async def measure(rounds: int, network_ms: int, synthesis_ms: int, sample: Path | None) -> Result:
    """Run it all."""
    service = local_service()
    await service.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder, idle = Path(name), Found()
            await starts(idle, folder, service, sample)
            async with AsyncExitStack() as stack:
                mine = await stack.enter_async_context(ours(folder / "ours", service.endpoint))
                await mine.learn()
                other = None
                if sample is not None:
                    other = await stack.enter_async_context(quickstart(folder / "theirs", service.endpoint, sample))
                    idle.quickstart[IDLE].append(process.memory(other.pid).pss_mib)
                near = await latencies(rounds, service, mine, other, "no delay")
                sounding_percent = await costs(near, service, mine, other)
                service.faults = far(network_ms, synthesis_ms)
                distant = await latencies(rounds, service, mine, other, "with delays")
                near.ours[XRUNS].append(mine.card.overruns + mine.card.underruns)
                if other is not None:
                    near.quickstart[XRUNS].append(other.card.overruns + other.card.underruns)
            near.ours.update(idle.ours)
            near.quickstart.update(idle.quickstart)
    finally:
        await service.stop()
    return Result(near, distant, sounding_percent)


async def _run(rounds: int, network_ms: int, synthesis_ms: int, sample: Path | None, *, as_json: bool) -> None:
    before = await noise.before()
    complaints = [before.complaint("before it begins", cores())]
    async with noise.watched() as watch:
        result = await measure(rounds, network_ms, synthesis_ms, sample)
    assert watch.found is not None
    complaints.append(watch.found.complaint("while it is measured", cores(), of_load=False))
    noises = [complaint for complaint in complaints if complaint]
    near, distant = result.near.rows(with_targets=True), result.far.rows(with_targets=False)
    progress("done")
    if as_json:
        found = {
            "rounds": rounds,
            "near": [row.as_json() for row in near],
            "far": [row.as_json() for row in distant],
            "network_ms": network_ms,
            "synthesis_ms": synthesis_ms,
            "sounding_percent": result.sounding_percent,
            "machine": {"before": before.as_json(), "during": watch.found.as_json(), "complaints": noises},
        }
        print(json.dumps(found))
        return
    print(table(f"No network, and a voice that is made in no time ({rounds} rounds)", near))
    print()
    title = f"{network_ms} ms there and back, three of them to connect, and {synthesis_ms} ms until the voice is made"
    print(table(title, distant))
    print()
    print(f"In the two-way conversation the speaker sounded {result.sounding_percent:.0f} % of the time.")
    print(_NOTES_OF_ALL if sample is None else _NOTES + _NOTES_OF_ALL + _NOTES_OF_CARDS, end="")
    print(*(f"NOISY: {complaint}" for complaint in noises), sep="\n", end="\n" if noises else "")


def main(argv: Sequence[str]) -> int:
    """The command without a name."""
    parser = Parser("", "latencies and costs, side by side with Microsoft's quickstart")
    parser.add_argument("--rounds", type=count, default=20, help="conversations of each kind (20)")
    parser.add_argument("--ours-only", action="store_true", help="without the quickstart: fetches and installs nothing")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the tables")
    parser.add_argument("--network-ms", type=count_or_none, default=80, help="there and back (80)")
    parser.add_argument("--synthesis-ms", type=count_or_none, default=300, help="until a voice is made (300)")
    options = parser.parse_args(argv)
    sample = None if options.ours_only else fetch()
    asyncio.run(_run(options.rounds, options.network_ms, options.synthesis_ms, sample, as_json=options.json))
    sys.stdout.flush()
    return 0
