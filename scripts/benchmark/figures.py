"""Figures and the table they are shown in: statistics, targets, ratios. No I/O."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

_NAME_WIDTH = 50
_COLUMN_WIDTH = 9
_COLUMNS: tuple[Literal["least", "median", "p95"], ...] = ("least", "median", "p95")


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said of many values. `p95` is one of them: 95 % are no greater."""

    n: int
    least: float
    median: float
    p95: float
    most: float


def summary(values: Sequence[float]) -> Summary:
    """Return the summary of one value or more; raises ValueError without any."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    rank = math.ceil(0.95 * len(ordered))
    return Summary(len(ordered), ordered[0], statistics.median(ordered), ordered[rank - 1], ordered[-1])


@dataclass(frozen=True, slots=True)
class Limit:
    """A target: that statistic shall be no greater."""

    statistic: Literal["median", "p95", "most"]
    at_most: float

    def met(self, ours: Summary, _quickstart: Summary | None) -> bool | None:
        """Return whether it is so."""
        return bool(getattr(ours, self.statistic) <= self.at_most)

    def __str__(self) -> str:
        return f"{self.statistic} <= {self.at_most:g}"


@dataclass(frozen=True, slots=True)
class Share:
    """A target beside the quickstart: our median shall be no greater than that share of the quickstart's."""

    at_most: float

    def met(self, ours: Summary, quickstart: Summary | None) -> bool | None:
        """Return whether it is so; None where the quickstart was not measured."""
        return None if quickstart is None else ours.median <= self.at_most * quickstart.median

    def __str__(self) -> str:
        return f"median <= {self.at_most:g} of the quickstart's"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured, of this speaker and, where it has such a thing, of the quickstart."""

    name: str
    """It ends with the unit, in brackets."""
    ours: Sequence[float]
    quickstart: Sequence[float] = ()
    limits: tuple[Limit | Share, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether all targets are met; None where there is none, or none that this run can judge."""
        ours, quickstart = summary(self.ours), summary(self.quickstart) if self.quickstart else None
        judged = [met for limit in self.limits if (met := limit.met(ours, quickstart)) is not None]
        return all(judged) if judged else None

    @property
    def ratio(self) -> float | None:
        """How many times as much the quickstart takes, by the medians."""
        if not self.quickstart or not self.ours:
            return None
        ours = summary(self.ours).median
        return summary(self.quickstart).median / ours if ours > 0 else None

    def as_json(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return {
            "name": self.name,
            "ours": asdict(summary(self.ours)),
            "quickstart": asdict(summary(self.quickstart)) if self.quickstart else None,
            "ratio": self.ratio,
            "targets": [str(limit) for limit in self.limits],
            "met": self.met,
        }


def table(title: str, rows: Sequence[Row]) -> str:
    """Return the rows as lines of text; without any figure of the quickstart it has no columns."""
    beside = any(row.quickstart for row in rows)
    group = 3 * _COLUMN_WIDTH
    groups = f"{'':{_NAME_WIDTH}}{'this speaker':>{group}}" + (f"{'the quickstart':>{group}}{'':8}" if beside else "")
    names = "".join(f"{name:>{_COLUMN_WIDTH}}" for name in ("min", "median", "p95"))
    heads = f"{'':{_NAME_WIDTH}}{names}" + (f"{names}{'ratio':>8}" if beside else "") + "  target"
    return "\n".join([title, groups.rstrip(), heads, *(_line(row, beside=beside) for row in rows)])


def _line(row: Row, *, beside: bool) -> str:
    cells = [f"{row.name:{_NAME_WIDTH}}", _numbers(row.ours)]
    if beside:
        ratio = "" if row.ratio is None else f"{row.ratio:.1f}x"
        cells += [_numbers(row.quickstart), f"{ratio:>8}"]
    if row.limits:
        verdict = {True: "met   ", False: "MISSED", None: "-     "}[row.met]
        cells.append(f"  {verdict} {', '.join(map(str, row.limits))}")
    return "".join(cells).rstrip()


def _numbers(values: Sequence[float]) -> str:
    if not values:
        return "".join(f"{'-':>{_COLUMN_WIDTH}}" for _ in _COLUMNS)
    found = summary(values)
    return "".join(f"{getattr(found, column):{_COLUMN_WIDTH}.1f}" for column in _COLUMNS)
