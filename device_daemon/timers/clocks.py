"""Reads the clocks that timers go by: CLOCK_BOOTTIME, which counts while suspended too, and the time of day."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from device_daemon.system import clock_sync
from device_daemon.system.time_zone import local_zone
from device_daemon.timers.countdown import Now

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def clocks(boot_id_file: Path = BOOT_ID) -> Callable[[], Now]:
    """Return a function that returns the moment it is called at."""
    try:
        boot_id = boot_id_file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        boot_id = os.urandom(16).hex()  # each start counts as a boot: what is left is seen by the time of day

    def now() -> Now:
        return Now(time.clock_gettime(time.CLOCK_BOOTTIME), boot_id, time.time(), local_zone(), clock_sync.is_set())

    return now
