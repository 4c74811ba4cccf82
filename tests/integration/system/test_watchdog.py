"""systemd's watchdog is fed by a device that is well, and by no other."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_daemon.system import watchdog

OFTEN = {"WATCHDOG_USEC": "3000"}  # fed every millisecond
DEADLINE_S = 5.0


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The end that systemd would listen on."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listener


async def told(systemd: socket.socket) -> bytes:
    async with asyncio.timeout(DEADLINE_S):
        return await asyncio.get_running_loop().sock_recv(systemd, 100)


def test_it_is_fed_three_times_in_each_of_its_periods() -> None:
    assert watchdog.interval_s({"WATCHDOG_USEC": "30000000"}) == 10.0
    assert watchdog.interval_s({}) is None
    assert watchdog.interval_s({"WATCHDOG_USEC": "soon"}) is None


async def test_without_a_watchdog_nothing_is_done() -> None:
    await watchdog.feed({}, lambda: "")


async def test_a_device_whose_threads_answer_feeds_it_again_and_again(systemd: socket.socket) -> None:
    feeder = asyncio.create_task(watchdog.feed(OFTEN, lambda: ""))
    assert [await told(systemd) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    feeder.cancel()


async def test_a_thread_that_hangs_does_not_feed_it_and_is_logged_once(
    systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asyncio.Queue[str]()
    troubles = ["the microphone gave nothing"] * 3 + [""]

    def unresponsive() -> str:
        trouble = troubles.pop(0) if troubles else ""
        asked.put_nowait(trouble)
        return trouble

    with caplog.at_level(logging.ERROR):
        feeder = asyncio.create_task(watchdog.feed(OFTEN, unresponsive))
        assert await told(systemd) == b"WATCHDOG=1", "when it is well again"
    assert [asked.get_nowait() for _ in range(4)][:3] == ["the microphone gave nothing"] * 3
    assert len([line for line in caplog.messages if "gave nothing" in line]) == 1
    feeder.cancel()
