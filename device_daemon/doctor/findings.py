"""What the doctor finds, and how that is told to people and to machines. Pure."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

MOST_FAILURES: Final = 63
"""Of an exit code: from 64 on it would say something else (a wrong command line, no device, a wrong config)."""

_NAME_WIDTH: Final = 20
_STATUS_WIDTH: Final = 9
_INDENT: Final = " " * (_NAME_WIDTH + _STATUS_WIDTH)
_TEXT_WIDTH: Final = 88


class Status(StrEnum):
    """What is to be thought of a thing."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOTE = "note"
    """It works, and there is something its owner should know."""


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    status: Status
    what: str
    """How it is; several lines where several things are wrong with it."""
    mend: str = ""
    """The line to type, or the thing to do, that mends it."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """Numbers behind the words, with their units in the names."""


def ok(name: str, what: str, **measured: float) -> Finding:
    """It is as it should be."""
    return Finding(name, Status.OK, what, measured=measured)


def failed(name: str, what: str, mend: str, **measured: float) -> Finding:
    """It is not, and this mends it."""
    return Finding(name, Status.FAILED, what, mend, measured)


def skipped(name: str, what: str, mend: str = "") -> Finding:
    """It was not looked at; `mend` is how it can be."""
    return Finding(name, Status.SKIPPED, what, mend)


def note(name: str, what: str, mend: str = "", **measured: float) -> Finding:
    """It is worth knowing."""
    return Finding(name, Status.NOTE, what, mend, measured)


def as_text(finding: Finding) -> str:
    """The lines of a report for one finding; what to type stands on a line of its own, unbroken."""
    status = finding.status.upper() if finding.status is Status.FAILED else finding.status
    told = [
        line
        for paragraph in finding.what.splitlines() or [""]
        for line in textwrap.wrap(paragraph, _TEXT_WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    head = f"{finding.name:<{_NAME_WIDTH - 1}} {status:<{_STATUS_WIDTH - 1}} {told[0]}"
    mends = [f"{_INDENT}-> {line}" for line in finding.mend.splitlines()]
    return "\n".join([head, *(_INDENT + line for line in told[1:]), *mends])


def summary(findings: Sequence[Finding]) -> str:
    """The last line of a report."""
    count = Counter(finding.status for finding in findings)
    failures = count[Status.FAILED]
    parts = [f"{failures} failure{'s' * (failures != 1)}" if failures else "nothing is wrong"]
    if notes := count[Status.NOTE]:
        parts.append(f"{notes} note{'s' * (notes != 1)}")
    if not_checked := count[Status.SKIPPED]:
        parts.append(f"{not_checked} not checked")
    return ", ".join([*parts, f"{count[Status.OK]} ok"])


def as_json(findings: Sequence[Finding]) -> str:
    """The whole report, for machines."""
    report = {
        "failures": sum(finding.status is Status.FAILED for finding in findings),
        "findings": [
            {
                "name": finding.name,
                "status": finding.status,
                "what": finding.what,
                "mend": finding.mend,
                "measured": dict(finding.measured),
            }
            for finding in findings
        ],
    }
    return json.dumps(report, indent=2)


def exit_code(findings: Sequence[Finding]) -> int:
    """The number of failures, as far as an exit code can say it."""
    return min(MOST_FAILURES, sum(finding.status is Status.FAILED for finding in findings))
