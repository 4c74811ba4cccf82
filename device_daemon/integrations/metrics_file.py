"""The metrics file for node_exporter's textfile collector: written anew every 15 s, atomically, in a thread."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from device_daemon.conversation.metrics import Metrics
from device_daemon.device.event_stream import EventStream, Subscription
from device_daemon.system.daemon_thread import in_daemon_thread
from device_daemon.system.file_writer import write_atomically

if TYPE_CHECKING:
    from device_daemon.integrations.metrics_text import Totals

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 15.0
FILE_MODE: Final = 0o644
"""node_exporter is another user."""


async def _wait() -> None:
    await asyncio.sleep(INTERVAL_S)


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, content, FILE_MODE)


class MetricsFile:
    """Made in the event loop's thread.

    Args:
        path: The file, whose name ends in .prom.
        events: What happens.
        metrics: Returns the figures of all conversations.
        status: Returns what `status --json` says.
        wait: Waits for the next time to write; given by tests.
        write: Writes the file, in a thread; given by tests.
    """

    def __init__(
        self,
        path: Path,
        events: EventStream,
        metrics: Callable[[], Metrics],
        status: Callable[[], Mapping[str, Any]],
        *,
        wait: Callable[[], Awaitable[None]] = _wait,
        write: Callable[[Path, bytes], None] = _write,
    ) -> None:
        self._path = path
        self._events = events
        self._metrics = metrics
        self._status = status
        self._wait = wait
        self._write = write
        self._failed = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name="metrics file")

    async def close(self) -> None:
        """Write no more; the file stays, and node_exporter reports its age."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        with self._events.subscribe() as subscription:
            # 40 ms of the start on a PC for prometheus_client, which only this needs: in a thread.
            text = await asyncio.to_thread(importlib.import_module, "device_daemon.integrations.metrics_text")
            totals: Totals = text.Totals()
            counting = asyncio.get_running_loop().create_task(_count(subscription, totals), name="metrics events")
            try:
                while True:
                    await self._put(partial(text.as_text, text.Snapshot(totals, self._metrics(), self._status())))
                    await self._wait()
            finally:
                counting.cancel()

    async def _put(self, content: Callable[[], bytes]) -> None:
        def work() -> None:
            self._write(self._path, content())

        try:
            await in_daemon_thread(work, "metrics file")
        except OSError as error:
            if not self._failed:
                logger.warning(
                    "metrics.textfile: %s cannot be written (%s); the speaker's user needs write access to its folder",
                    self._path,
                    error.strerror or error,
                )
            self._failed = True
        else:
            if self._failed:
                logger.info("metrics.textfile: %s can be written again", self._path)
            self._failed = False


async def _count(subscription: Subscription, totals: Totals) -> None:
    while True:
        totals.add(await subscription.next())
