"""What the speaker must stand: the table of faults, as data.

A row says what happens, what a person then sees and hears, and what the owner can do; docs/troubleshooting is made from
those three sentences. The rest of a row is for the machine: how to bring the fault about, in which states of a
conversation it can happen, and how it may end.
"""

from __future__ import annotations

from typing import Final

from tests.faults.devices import DEVICES
from tests.faults.network import NETWORK
from tests.faults.process import PROCESS
from tests.faults.row import Row
from tests.faults.service import SERVICE

TABLE: Final[tuple[Row, ...]] = (*NETWORK, *SERVICE, *DEVICES, *PROCESS)


def as_markdown() -> str:
    """Return the table as owners read it, for docs/troubleshooting: what looks alike and has one remedy stands together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for row in TABLE:
        alike.setdefault((row.person, row.remedy), []).append(row.happens)
    lines = ["| What happens | What you see and hear | What to do |", "| --- | --- | --- |"]
    for (person, remedy), happens in alike.items():
        lines.append(f"| {'<br>'.join(dict.fromkeys(happens))} | {person} | {remedy} |")
    return "\n".join(lines)
