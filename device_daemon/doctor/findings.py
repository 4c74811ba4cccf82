"""Findings of the doctor, and their output as text and as JSON. Pure."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

MOST_FAILURES: Final = 63
"""Upper limit of the exit code: from 64 on it has other meanings (sysexits: usage, no device, wrong config)."""

_NAME_WIDTH: Final = 20
_STATUS_WIDTH: Final = 9
_INDENT: Final = " " * (_NAME_WIDTH + _STATUS_WIDTH)
WIDTH: Final = 117
"""Of a report in a file."""
_NARROWEST: Final = 20


class Status(StrEnum):
    """The result of one check."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOTE = "note"
    """It works, and its owner should know something about it."""


class Finding(Struct, frozen=True):
    """The result for one thing."""

    name: str
    status: Status
    what: str
    """One sentence; several lines if there are several problems."""
    remedy: str = ""
    """The command to type, or the thing to do, that fixes it."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """The measured values, with units in their names."""


def ok(name: str, what: str, **measured: float) -> Finding:
    """A check that passed."""
    return Finding(name, Status.OK, what, measured=measured)


def failed(name: str, what: str, remedy: str, **measured: float) -> Finding:
    """A check that failed, with its remedy."""
    return Finding(name, Status.FAILED, what, remedy, measured)


def skipped(name: str, what: str, remedy: str = "") -> Finding:
    """A check that was not made; `remedy` is how it can be made."""
    return Finding(name, Status.SKIPPED, what, remedy)


def note(name: str, what: str, remedy: str = "", **measured: float) -> Finding:
    """A check that passed, with something to know."""
    return Finding(name, Status.NOTE, what, remedy, measured)


def as_text(finding: Finding, width: int = WIDTH) -> str:
    """The text of one finding in `width` columns; commands are on lines of their own and never wrapped."""
    status = finding.status.upper() if finding.status is Status.FAILED else finding.status
    lines = [
        line
        for paragraph in finding.what.splitlines() or [""]
        for line in textwrap.wrap(
            paragraph, max(_NARROWEST, width - len(_INDENT)), break_long_words=False, break_on_hyphens=False
        )
        or [""]
    ]
    head = f"{finding.name:<{_NAME_WIDTH - 1}} {status:<{_STATUS_WIDTH - 1}} {lines[0]}"
    remedies = [f"{_INDENT}-> {line}" for line in finding.remedy.splitlines()]
    return "\n".join([head, *(_INDENT + line for line in lines[1:]), *remedies])


def summary(findings: Sequence[Finding]) -> str:
    """The last line of a report."""
    count = Counter(finding.status for finding in findings)
    failures = count[Status.FAILED]
    not_checked = count[Status.SKIPPED]
    parts = ["no failure in what was checked" if not_checked else "nothing is wrong"]
    if failures:
        parts = [f"{failures} failure{'s' * (failures != 1)}"]
    if notes := count[Status.NOTE]:
        parts.append(f"{notes} note{'s' * (notes != 1)}")
    if not_checked:
        parts.append(f"{not_checked} not checked")
    return ", ".join([*parts, f"{count[Status.OK]} ok"])


def as_json(findings: Sequence[Finding]) -> str:
    """The complete report as JSON."""
    report = {
        "failures": sum(finding.status is Status.FAILED for finding in findings),
        "findings": [
            {
                "name": finding.name,
                "status": finding.status,
                "what": finding.what,
                "remedy": finding.remedy,
                "measured": dict(finding.measured),
            }
            for finding in findings
        ],
    }
    return json.dumps(report, indent=2)


def exit_code(findings: Sequence[Finding]) -> int:
    """The number of failures, at most MOST_FAILURES."""
    return min(MOST_FAILURES, sum(finding.status is Status.FAILED for finding in findings))
