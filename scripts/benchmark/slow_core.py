"""The daemon on a core as slow as they come: alone in a control group with a small part of one."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.benchmark import noise, process
from scripts.benchmark.cgroup import PERIOD_US, Group, forgo_realtime, group
from scripts.benchmark.command_line import CannotMeasure, Parser, count, progress
from scripts.benchmark.figures import Limit, Row, table
from scripts.benchmark.ours import cores, ours
from scripts.benchmark.rounds import Phases, one_round
from scripts.benchmark.scene import local_service
from scripts.benchmark.side_by_side import CLICK_TO_WIRE, KNOWN, MESSAGE_TO_WIRE, NEW, SILENCE, TARGETS, XRUNS

_TIMES: Final = 3
"""No latency may be greater than so many times what 95 % are to be within on a core of its own."""
_LATENCIES: Final = (KNOWN, NEW, SILENCE, CLICK_TO_WIRE, MESSAGE_TO_WIRE)
_MOST_PERCENT: Final = 100
_ALLOWED_EXCESS: Final = 1.05


def limits(name: str) -> tuple[Limit, ...]:
    """Return what is wanted of a row on a slow core."""
    if name == XRUNS:
        return (Limit("most", 0),)
    wanted = (limit for limit in TARGETS[name] if isinstance(limit, Limit))
    return tuple(Limit("most", _TIMES * limit.at_most) for limit in wanted if limit.statistic == "p95")


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured."""

    rows: list[Row]
    used_percent: float
    """How much of a core the daemon used."""
    overruns: int
    underruns: int


async def measure(rounds: int, held: Group) -> Found:
    """Hold the conversations while the group holds the daemon."""
    values: dict[str, list[float]] = {name: [] for name in (*_LATENCIES, XRUNS)}
    service, phases = local_service(), Phases(random.random())
    await service.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            async with ours(Path(name), service.endpoint) as speaker:
                held.add(speaker.pid)
                began_s, used_s = time.monotonic(), process.cpu_s(speaker.pid)
                await speaker.learn()
                for number in range(rounds):
                    progress(f"slow core: round {number + 1} of {rounds}")
                    values[KNOWN].append(await speaker.known_round_ms())
                    one = await one_round(speaker, service, phases)
                    values[NEW].append(one.greeting_ms)
                    values[SILENCE].append(one.silence_ms)
                    values[CLICK_TO_WIRE] += one.click_to_wire_ms
                    values[MESSAGE_TO_WIRE] += one.message_to_wire_ms
                held.add(speaker.pid)
                used_percent = 100 * (process.cpu_s(speaker.pid) - used_s) / (time.monotonic() - began_s)
                overruns, underruns = speaker.card.overruns, speaker.card.underruns
                values[XRUNS].append(overruns + underruns)
    finally:
        await service.stop()
    rows = [Row(name, found, limits=limits(name)) for name, found in values.items()]
    return Found(rows, used_percent, overruns, underruns)


async def _run(rounds: int, percent: int, *, as_json: bool) -> bool:
    before = await noise.before()
    forgo_realtime()
    with group(percent) as held:
        found = await measure(rounds, held)
        throttled, periods = held.throttled()
    if found.used_percent > percent * _ALLOWED_EXCESS:
        raise CannotMeasure(
            f"the daemon used {found.used_percent:.0f} % of a core: the quota of {percent} % does not hold"
        )
    complaint = before.complaint("before it begins", cores())
    if as_json:
        told: dict[str, Any] = {
            "percent": percent,
            "period_us": PERIOD_US,
            "used_percent": found.used_percent,
            "overruns": found.overruns,
            "underruns": found.underruns,
            "throttled_periods": throttled,
            "periods": periods,
            "rows": [row.as_json() for row in found.rows],
            "machine": {"before": before.as_json(), "complaints": [complaint] if complaint else []},
        }
        print(json.dumps(told))
    else:
        print(table(f"{percent} % of a core, in slices of {PERIOD_US // 1000} ms ({rounds} rounds)", found.rows))
        print(
            f"\nThe microphone was read too late {found.overruns} times, the speaker ran dry {found.underruns} times."
            f"\nOf {periods} slices it wanted more than its part in {throttled}; over all it used {found.used_percent:.1f} % of"
            f" a core (control groups, version {held.version}).\nThe daemon was denied real-time priority: the quota"
            " holds for no real-time thread, and so it holds for all of its threads together.\nIt was started before"
            " it was put there, and all imports and the prefetch of greetings were done there before the first press."
            " A row's limit is three times its 95th percentile's target, for its slowest."
        )
        if complaint:
            print(f"NOISY: {complaint}")
    return all(row.met for row in found.rows)


def main(argv: Sequence[str]) -> int:
    """`scripts/bench slow-core`; the exit code is 1 where a limit is missed."""
    parser = Parser(
        "slow-core", "the daemon alone on a small part of a core: wants no xrun, and no latency above three"
    )
    parser.add_argument("--rounds", type=count, default=30)
    parser.add_argument("--percent", type=count, default=15, help="of one core (15)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    if options.percent > _MOST_PERCENT:
        parser.error(f"argument --percent: {options.percent} is more than one core")
    return 0 if asyncio.run(_run(options.rounds, options.percent, as_json=options.json)) else 1
