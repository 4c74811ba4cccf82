"""Prints what scripts/vm-test found: `python -m tests.vm.report FOLDER ARCHITECTURE SECONDS`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

MACHINES = {"amd64": "amd64 PC", "arm64": "emulated Raspberry Pi 4 (arm64)"}


def main() -> int:
    """1 where anything failed, or the checks did not come to their end."""
    folder, architecture, total_s = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    table = folder / "table.json"
    rows = json.loads(table.read_text()) if table.exists() else []
    counts = {result: sum(row["result"] == result for row in rows) for result in ("ok", "failed", "skipped")}
    booted = folder / "booted"
    lines = ["| Check | Result | What was seen | Seconds |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {row['name']} | {row['result']} | {row['detail'].replace('|', '/')} | {row['took_s']:g} |" for row in rows
    ]
    lines.append(
        f"\n{MACHINES[architecture]}, Debian Trixie: {', '.join(f'{n} {result}' for result, n in counts.items() if n)};"
        f" booted in {booted.read_text().strip() if booted.exists() else '?'} s, {total_s} s altogether"
    )
    ended = (folder / "code").exists() and bool(rows)
    if not ended:
        log = folder / "log"
        lines.append(f"the checks did not come to their end: {log.read_text()[-2000:] if log.exists() else 'no log'}")
    sys.stdout.write("\n".join([*lines, ""]))
    return int(counts["failed"] > 0 or not ended)


if __name__ == "__main__":
    sys.exit(main())
