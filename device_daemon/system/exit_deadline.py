"""A deadline for the end of the process, whatever hangs: a name lookup, a disk or a driver in a thread.

Python joins the threads of its executor when it ends, and some system calls cannot be interrupted.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


def enforce(deadline_s: float, leave: Callable[[int], object] = os._exit) -> None:
    """End the process in `deadline_s`, with 0, unless it ended before. `leave` is os._exit, or a test's own."""

    def expire() -> None:
        threads = [each.name for each in threading.enumerate() if each is not threading.current_thread()]
        logger.warning("stopped without waiting for what hangs (threads: %s)", ", ".join(threads))
        leave(0)

    timer = threading.Timer(deadline_s, expire)
    timer.daemon = True
    timer.name = "exit deadline"
    timer.start()
