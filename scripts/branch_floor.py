"""The branch coverage of each room, from coverage.py's JSON report, and the floor under the rooms that hold the rules.

python -m scripts.branch_floor REPORT.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Final

FLOOR_PERCENT: Final = 95.0
FLOORED: Final = frozenset({"config", "conversation", "greetings"})
"""Rooms of rules without devices: every branch can be reached by a test."""


def rooms_of(report: Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]) -> dict[str, float]:
    """Return the per cent of branches taken, by room of device_daemon."""
    totals: dict[str, tuple[int, int]] = {}
    for path, file in report["files"].items():
        room = PurePath(path).parts[1].removesuffix(".py")
        taken, branches = totals.get(room, (0, 0))
        summary = file["summary"]
        totals[room] = taken + summary["covered_branches"], branches + summary["num_branches"]
    return {room: 100.0 * taken / branches for room, (taken, branches) in sorted(totals.items()) if branches}


def below_floor(rooms: Mapping[str, float]) -> list[str]:
    """Return the rooms under the floor; one that was not measured at all is under it."""
    return sorted(room for room in FLOORED if rooms.get(room, 0.0) < FLOOR_PERCENT)


def main(argv: Sequence[str]) -> int:
    """Print the table; the exit code is 1 where a room is under its floor."""
    rooms = rooms_of(json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    print("branches tested:", ", ".join(f"{room} {share:.1f} %" for room, share in rooms.items()))
    under = below_floor(rooms)
    for room in under:
        print(f"test: {room} is under the floor of {FLOOR_PERCENT:.0f} % of its branches", file=sys.stderr)
    return 1 if under else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
