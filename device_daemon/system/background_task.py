"""A background task of which at most one runs: starting it again cancels the one before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class Background:
    """At most one task runs; cancelled ones may still be cleaning up. Used in the event loop's thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def over(self) -> bool:
        """Nothing runs any more, not even the clean-up of a cancelled task."""
        return not self._tasks

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Cancel the task that runs, and start this one."""
        self.stop()
        self._task = asyncio.get_running_loop().create_task(work, name=self._name)
        self._tasks.add(self._task)
        self._task.add_done_callback(self._over)

    def stop(self) -> None:
        """Cancel the task that runs; its clean-up goes on."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def close(self, deadline_s: float) -> None:
        """Cancel the task, and wait for all clean-ups until `deadline_s`; a task that does not end in time is left behind."""
        self.stop()
        if self._tasks:
            _, stuck = await asyncio.wait(self._tasks, timeout=deadline_s)
            if stuck:
                logger.warning("%d tasks of the %s did not end in time; they are left behind", len(stuck), self._name)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a bug in this program; please report it", exc_info=error)
