"""Files that are written in the background: a slow disk delays nobody, and a power cut leaves no half file."""

from __future__ import annotations

import asyncio
import stat
import threading
from pathlib import Path

from device_daemon.system.file_writer import FileWriter, write_atomically

FILE = "memory.json"
PATIENCE_S = 5.0


class SlowDisk:
    """Writes when it is let."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.began = threading.Event()
        self.may_write = threading.Event()

    def __call__(self, _path: Path, content: bytes) -> None:
        self.began.set()
        assert self.may_write.wait(PATIENCE_S)
        self.written.append(content)


async def test_a_slow_disk_delays_nobody_and_gets_the_last_value(tmp_path: Path) -> None:
    disk = SlowDisk()
    done: list[OSError | None] = []
    writer = FileWriter(tmp_path / FILE, loop=asyncio.get_running_loop(), on_done=done.append, write=disk)
    writer.put(b"1")
    assert disk.began.wait(PATIENCE_S)
    for number in range(2, 100):
        writer.put(b"%d" % number)
    assert not await writer.flush(0.01), "it hangs, and nobody waits longer than that"
    disk.may_write.set()
    assert await writer.flush(PATIENCE_S)
    assert disk.written == [b"1", b"99"]
    assert done == [None, None]


async def test_no_thread_stays_when_everything_is_written(tmp_path: Path) -> None:
    before = threading.active_count()
    writer = FileWriter(tmp_path / FILE, loop=asyncio.get_running_loop(), on_done=lambda _: None)
    for number in range(3):
        writer.put(b"%d" % number)
        assert await writer.flush(PATIENCE_S)
    assert (tmp_path / FILE).read_bytes() == b"2"
    async with asyncio.timeout(PATIENCE_S):
        while threading.active_count() > before:  # noqa: ASYNC110 - the thread has posted its last, and is about to end
            await asyncio.sleep(0.001)


def test_a_draft_that_a_power_cut_left_is_no_hindrance_and_lends_nobody_its_mode(tmp_path: Path) -> None:
    draft = (tmp_path / FILE).with_suffix(".new")
    draft.write_text("half")
    draft.chmod(0o644)
    write_atomically(tmp_path / FILE, b"all")
    assert (tmp_path / FILE).read_bytes() == b"all"
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert not draft.exists()
