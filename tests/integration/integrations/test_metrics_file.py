"""The file is written again and again, atomically, and a real node_exporter reads it."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import stat
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_daemon.conversation.metrics import Metrics
from device_daemon.device.event_stream import EventStream
from device_daemon.integrations.metrics_file import MetricsFile
from tests.integration.integrations.waiting import DEADLINE_S
from tests.unit.integrations.test_metrics_text import ENDED, STATUS


class Clockwork:
    """Time that goes on when the test says so; knows how often the file was written before."""

    def __init__(self) -> None:
        self.writes = 0
        self._due = asyncio.Semaphore(0)
        self._written = asyncio.Condition()

    async def wait(self) -> None:
        async with self._written:
            self.writes += 1
            self._written.notify_all()
        await self._due.acquire()

    async def next(self) -> None:
        """Let the time for the next write come, and wait until that was tried."""
        before = self.writes
        self._due.release()
        await self.written(before + 1)

    async def written(self, times: int) -> None:
        async with asyncio.timeout(DEADLINE_S), self._written:
            await self._written.wait_for(lambda: self.writes >= times)


@asynccontextmanager
async def metrics_file(path: Path, events: EventStream | None = None) -> AsyncIterator[Clockwork]:
    clockwork = Clockwork()
    file = MetricsFile(path, events or EventStream(), Metrics, lambda: STATUS, wait=clockwork.wait)
    try:
        await clockwork.written(1)
        yield clockwork
    finally:
        await file.close()


async def test_it_holds_what_happened_and_other_users_may_read_it(tmp_path: Path) -> None:
    path, events = tmp_path / "speaker.prom", EventStream()
    async with metrics_file(path, events) as clockwork:
        assert b'end="idle"' not in path.read_bytes()
        events.publish(ENDED)
        await clockwork.next()
        assert b'conversations_total{end="idle",trigger="button on pin 17"} 1.0' in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]
    assert events.readers == 0


async def test_a_folder_that_takes_no_file_is_logged_once_and_when_it_takes_one_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "textfile"
    folder.write_text("no folder", encoding="utf-8")
    async with metrics_file(folder / "speaker.prom") as clockwork:
        await clockwork.next()
        folder.unlink()
        folder.mkdir()
        await clockwork.next()
    assert [record.message.split(" (")[0] for record in caplog.records] == [
        f"metrics.textfile: {folder}/speaker.prom cannot be written",
        f"metrics.textfile: {folder}/speaker.prom can be written again",
    ]


@pytest.mark.skipif(shutil.which("prometheus-node-exporter") is None, reason="node_exporter is not installed")
async def test_node_exporter_shows_it(tmp_path: Path) -> None:
    async with metrics_file(tmp_path / "speaker.prom"):
        exporter = await asyncio.create_subprocess_exec(
            "prometheus-node-exporter",
            "--web.listen-address=127.0.0.1:0",
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={tmp_path}",
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            shown = await asyncio.to_thread(_scrape, await _address(exporter))
        finally:
            exporter.terminate()
            await exporter.wait()
    assert 'voicelive_speaker_state{state="idle"} 1' in shown
    assert "node_textfile_scrape_error 0" in shown


async def _address(exporter: asyncio.subprocess.Process) -> str:
    assert exporter.stderr is not None
    async with asyncio.timeout(DEADLINE_S):
        async for line in exporter.stderr:
            if found := re.search(rb"127\.0\.0\.1:[1-9]\d*", line):
                return found[0].decode()
    raise AssertionError("node_exporter did not start")


def _scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=DEADLINE_S) as answer:
        return str(answer.read().decode())
