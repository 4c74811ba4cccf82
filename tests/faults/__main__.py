"""`scripts/faults`: the whole table of faults in every state of a conversation, against the daemon as it ships."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.faults.causes import possible
from tests.faults.row import Row, Stage
from tests.faults.table import TABLE
from tests.faults.trial import Verdict, trial

_MARKS: Final = {True: "ok", False: "FAIL"}
_CELL_S: Final = 120.0


def cells(only: str, stage: str) -> list[tuple[Row, Stage]]:
    """Return the cells whose fault has `only` in its name and, if one is named, of that stage."""
    return [(row, there) for row in TABLE if only in row.name for there in row.stages if not stage or there == stage]


async def _run(wanted: Sequence[tuple[Row, Stage]], jobs: int, logs: Path | None) -> list[Verdict]:
    slots, done = asyncio.Semaphore(jobs), 0

    async def one(row: Row, stage: Stage) -> Verdict:
        nonlocal done
        async with slots:
            with tempfile.TemporaryDirectory(prefix="faults-") as folder:
                try:
                    async with asyncio.timeout(_CELL_S):
                        verdict = await trial(row, stage, Path(folder))
                except TimeoutError:
                    verdict = Verdict(row, stage, [f"not done after {_CELL_S:g} s"], seconds=_CELL_S)
            done += 1
            said = "; ".join(verdict.problems) or str(verdict.end)
            mark = _MARKS[verdict.held]
            sys.stderr.write(f"{done}/{len(wanted)} {mark:5}{row.name}, {stage}: {said} ({verdict.seconds:.1f} s)\n")
            if logs and not verdict.held:
                logs.mkdir(parents=True, exist_ok=True)
                text = "\n".join([*verdict.problems, "", *verdict.log])
                (logs / f"{row.name}-{stage}.log".replace(" ", "-").replace("/", "-")).write_text(text)
            return verdict

    return await asyncio.gather(*(one(row, stage) for row, stage in wanted))


def table(verdicts: Sequence[Verdict]) -> str:
    """Return a line for each fault, with a mark for each state."""
    found = {(verdict.row.name, verdict.stage): verdict for verdict in verdicts}
    width = max(len(verdict.row.name) for verdict in verdicts) + 2
    lines = [f"{'':{width}}" + "".join(f"{stage:>12}" for stage in Stage)]
    for name in dict.fromkeys(verdict.row.name for verdict in verdicts):
        marks = [found.get((name, stage)) for stage in Stage]
        lines.append(f"{name:{width}}" + "".join(f"{'-' if v is None else _MARKS[v.held]:>12}" for v in marks))
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Return 0 if the speaker stood every fault."""
    parser = argparse.ArgumentParser(
        "scripts/faults", description="Brings about each fault of the table in each state of a conversation."
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="faults with this in their name")
    parser.add_argument("--stage", default="", choices=["", *Stage], help="one state of the conversation")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many speakers at once (1)")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="write the log of each failure there")
    parser.add_argument("--list", action="store_true", help="print the table and do nothing")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    wanted = cells(options.only, options.stage)
    if options.list:
        print("\n".join(f"{row.name} ({row.part}): {row.happens} {row.person} {row.remedy}" for row in TABLE))
        return 0
    runnable = [(row, stage) for row, stage in wanted if possible(row.cause)]
    if not runnable:
        parser.error("there is no such fault; --list shows them")
    began_s = time.monotonic()
    verdicts = asyncio.run(_run(runnable, options.jobs, options.logs))
    failed = [verdict for verdict in verdicts if not verdict.held]
    if options.json:
        print(json.dumps([{"fault": v.row.name, "stage": v.stage, "problems": v.problems} for v in verdicts]))
    else:
        print(table(verdicts))
        left_out = len(wanted) - len(runnable)
        print(f"{len(verdicts)} faults, {len(verdicts) - len(failed)} held, {len(failed)} not", end="")
        print(f", {left_out} left out (not root)" if left_out else "", f"in {time.monotonic() - began_s:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
