"""From a card's thread into the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest

from device_daemon.system.loop_bridge import LoopBridge


class Receiver:
    """What a bridge of at most five items delivered."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()
        self.came = asyncio.Event()
        self.bridge: LoopBridge[int] = LoopBridge(asyncio.get_running_loop(), self._take, 5)

    def _take(self, items: list[int]) -> None:
        self.batches.append(items)
        self.threads.add(threading.get_ident())
        self.came.set()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.bridge.close()


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def from_a_thread(receiver: Receiver, count: int) -> None:
    """Put 0, 1, 2… in another thread while the loop is blocked."""

    def put_all() -> None:
        for i in range(count):
            receiver.bridge.put(i)

    thread = threading.Thread(target=put_all)
    thread.start()
    thread.join()


async def test_what_waits_is_delivered_at_once_in_order_and_in_the_loops_thread(receiver: Receiver) -> None:
    from_a_thread(receiver, 5)
    await asyncio.wait_for(receiver.came.wait(), 5)
    assert receiver.batches == [[0, 1, 2, 3, 4]]
    assert receiver.threads == {threading.get_ident()}


class BusyLoop:
    """A loop that never comes to what it is woken for."""

    def __init__(self) -> None:
        self.wake_fd = -1

    def add_reader(self, fd: int, _callback: Callable[[], None]) -> None:
        self.wake_fd = fd

    def remove_reader(self, fd: int) -> None:
        assert fd == self.wake_fd

    def is_closed(self) -> bool:
        return False


def test_a_loop_that_has_not_come_to_it_yet_is_not_woken_again() -> None:
    loop = BusyLoop()
    bridge: LoopBridge[int] = LoopBridge(cast(asyncio.AbstractEventLoop, loop), lambda _: None, 10)
    for i in range(5):
        bridge.put(i)
    assert os.eventfd_read(loop.wake_fd) == 1
    bridge.close()


async def test_a_busy_loop_loses_the_oldest_and_it_is_counted(receiver: Receiver) -> None:
    from_a_thread(receiver, 10)
    await asyncio.wait_for(receiver.came.wait(), 5)
    assert receiver.batches == [[5, 6, 7, 8, 9]]
    assert receiver.bridge.dropped == 5


@pytest.mark.parametrize("piece", [b"a", b"a" * 7, b"a" * 50])
async def test_of_items_of_any_size_as_much_waits_however_they_are_cut(piece: bytes) -> None:
    delivered: list[bytes] = []
    came = asyncio.Event()

    def deliver(pieces: list[bytes]) -> None:
        delivered.extend(pieces)
        came.set()

    bridge = LoopBridge(asyncio.get_running_loop(), deliver, 100, len)
    for _ in range(2):  # what was delivered takes no room any more
        for _ in range(300):
            bridge.put(piece)
        await asyncio.wait_for(came.wait(), 5)
        assert 100 - len(piece) < len(b"".join(delivered)) <= 100
        delivered.clear()
        came.clear()
    bridge.close()


async def test_after_close_nothing_is_delivered_any_more(receiver: Receiver) -> None:
    from_a_thread(receiver, 2)
    receiver.bridge.close()
    from_a_thread(receiver, 2)
    later = asyncio.Event()
    asyncio.get_running_loop().call_soon(later.set)
    await later.wait()
    assert receiver.batches == []


async def test_a_later_item_wakes_the_loop_again(receiver: Receiver) -> None:
    from_a_thread(receiver, 1)
    await asyncio.wait_for(receiver.came.wait(), 5)
    receiver.came.clear()
    from_a_thread(receiver, 1)
    await asyncio.wait_for(receiver.came.wait(), 5)
    assert receiver.batches == [[0], [0]]


def test_a_loop_that_is_closed_is_put_up_with() -> None:
    loop = asyncio.new_event_loop()
    bridge: LoopBridge[int] = LoopBridge(loop, lambda _: None, 10)
    loop.close()
    bridge.put(1)
    bridge.put(2)
    bridge.close()


async def test_close_gives_back_what_the_bridge_took_and_a_second_close_does_nothing() -> None:
    before = open_files()
    receiver = Receiver()
    from_a_thread(receiver, 1)
    receiver.bridge.close()
    receiver.bridge.close()
    assert open_files() == before
