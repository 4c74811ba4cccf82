"""The checks' results, as a table that grows while they run."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tests.vm.unit import Failed


class Skipped(Exception):
    """The check does not apply here; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One check's result."""

    name: str
    result: Literal["ok", "failed", "skipped"]
    detail: str
    took_s: float


class Table:
    """Runs checks one after the other and writes each result down at once, so that a crash loses nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rows: list[Row] = []

    def check(self, name: str, check: Callable[[], str]) -> None:
        """Run a check, which returns what it saw, or raises Failed or Skipped."""
        begun_s = time.monotonic()
        result: Literal["ok", "failed", "skipped"] = "ok"
        try:
            detail = check()
        except Skipped as skipped:
            result, detail = "skipped", str(skipped)
        except Failed as failed:
            result, detail = "failed", str(failed)
        # One check that breaks must not keep the others from running; the traceback is in the log.
        except Exception as error:  # noqa: BLE001
            traceback.print_exc()
            result, detail = "failed", f"{type(error).__name__}: {error}"
        row = Row(name, result, " ".join(detail.split()), round(time.monotonic() - begun_s, 1))
        self.rows.append(row)
        print(*asdict(row).values(), sep=" | ", flush=True)  # noqa: T201
        (self._folder / "table.json").write_text(json.dumps([asdict(row) for row in self.rows], indent=1))

    @property
    def failures(self) -> int:
        """How many checks failed."""
        return sum(row.result == "failed" for row in self.rows)
