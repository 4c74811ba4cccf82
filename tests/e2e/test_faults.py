"""Some of the table of faults, one or two of each part; scripts/faults brings about all of them in all states."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.causes import possible
from tests.faults.row import Row, Stage
from tests.faults.table import TABLE
from tests.faults.trial import trial

CELLS = (
    ("line cut", Stage.SPEAKING),
    ("refused", Stage.LISTENING),
    ("name lookup hangs", Stage.RESTING),
    ("certificate no longer valid", Stage.RESTING),
    ("handshake 429", Stage.RESTING),
    ("close 1011", Stage.GREETING),
    ("answer fails", Stage.THINKING),
    ("microphone unplugged", Stage.LISTENING),
    ("microphone stuck", Stage.LISTENING),
    ("speaker unplugged", Stage.SPEAKING),
    ("disk full", Stage.RESTING),
    ("button bounces", Stage.RESTING),
    ("SIGTERM", Stage.SPEAKING),
    ("SIGKILL", Stage.LISTENING),
    ("stopped for a second", Stage.LISTENING),
    ("suspended", Stage.SPEAKING),
)
ROWS = {row.name: row for row in TABLE}


@pytest.mark.parametrize(
    ("row", "stage"), [(ROWS[name], stage) for name, stage in CELLS], ids=[" ".join(cell) for cell in CELLS]
)
async def test_the_speaker_stands_a_fault(row: Row, stage: Stage, tmp_path: Path) -> None:
    if not possible(row.cause):
        pytest.skip("a file system of its own needs root")
    verdict = await trial(row, stage, tmp_path)
    assert verdict.held, "\n".join([*verdict.problems, *verdict.log])
