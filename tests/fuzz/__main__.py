"""`scripts/fuzz`: coverage-guided fuzzing of everything that reads bytes which somebody else wrote (see targets).

atheris is no dependency: it goes into .venv-bench when it is first wanted. Its engine ends the process, so each target
has one of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts import REPOSITORY
from scripts.benchmark import workshop
from scripts.benchmark.command_line import CannotMeasure
from tests.fuzz.targets import SEEDS, TARGETS

_MEMORY_MIB: Final = 512
_HANG_S: Final = 5
_MOST_BYTES: Final = 4096


def _fuzz(target: str, seconds: int) -> int:
    """Run one target in a process of its own; returns its exit code."""
    site = next((REPOSITORY / ".venv-bench" / "lib").glob("python3*/site-packages"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(site)])}
    with tempfile.TemporaryDirectory(prefix="corpus-") as corpus:
        for number, seed in enumerate(SEEDS[target]):
            (Path(corpus) / str(number)).write_bytes(seed)
        limits = [f"-rss_limit_mb={_MEMORY_MIB}", f"-timeout={_HANG_S}", f"-max_len={_MOST_BYTES}"]
        command = [sys.executable, "-m", "tests.fuzz.engine", target, *limits]
        command += [f"-max_total_time={seconds}", "-print_final_stats=1", f"-artifact_prefix={corpus}/", corpus]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds + 120, check=False
        )
        statistics = [
            line for line in done.stderr.splitlines() if "number_of_executed_units" in line or "peak_rss" in line
        ]
        print(f"{target}: {'held' if done.returncode == 0 else 'BROKEN'}", *statistics, sep="\n  ")
        if done.returncode:
            print(done.stderr[-4000:])
            for path in sorted(Path(corpus).glob("*-*")):
                print(f"  {path.name}: {path.read_bytes()[:500]!r}")
    return done.returncode


def main(argv: Sequence[str]) -> int:
    """Return 0 if every promise held."""
    parser = argparse.ArgumentParser("scripts/fuzz", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (all)")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="for each target (60)")
    options = parser.parse_args(argv)
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    try:
        workshop.install("fuzz")
    except CannotMeasure as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 1
    return max(_fuzz(target, options.seconds) for target in options.targets or TARGETS)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
