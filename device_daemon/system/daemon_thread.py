"""Blocking work (name lookups, drivers, files) in a daemon thread, which is not joined when the program ends.

asyncio.to_thread and loop.getaddrinfo use an executor whose threads are joined at the end: a lookup that hangs for half
a minute would delay SIGTERM by as much.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from device_daemon.system.loop_bridge import post_to_loop

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T], name: str) -> T:
    """Return what `work` returns, or raise what it raises; a cancelled wait leaves the thread behind."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not done.done():
            set_it(value)

    def run() -> None:
        try:
            outcome = partial(settle, done.set_result, work())
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            outcome = partial(settle, done.set_exception, error)
        post_to_loop(loop, outcome)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
