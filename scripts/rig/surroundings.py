"""What a machine gives a program and can take away while it runs: the time of day, name lookups, a route, a quick disk.

A library (surroundings.c) is preloaded into the daemon, and reads what is so from a file that is mapped on both sides.
"""

from __future__ import annotations

import ctypes
import mmap
from enum import IntEnum
from pathlib import Path

from scripts.rig.plugin import build_surroundings


class Lookup(IntEnum):
    """What becomes of name lookups."""

    WORKS = 0
    FAILS = 1
    """As without a DNS server: EAI_AGAIN."""
    HANGS = 2


class _Layout(ctypes.Structure):
    # struct surroundings of surroundings.c
    _fields_ = [
        ("clock_offset_s", ctypes.c_int64),
        ("lookup", ctypes.c_int32),
        ("sync_ms", ctypes.c_int32),
        ("cut_off", ctypes.c_int32),
    ]


class Surroundings:
    """Made before the daemon starts, in whose environment `environment` must be."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "surroundings"
        self._path.write_bytes(bytes(ctypes.sizeof(_Layout)))
        with self._path.open("r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), 0)
        self._now = _Layout.from_buffer(self._mapped)

    def environment(self) -> dict[str, str]:
        """Return what to add to a program's environment so that it lives in these surroundings."""
        return {"LD_PRELOAD": str(build_surroundings()), "SURROUNDINGS": str(self._path)}

    def step_clock(self, seconds: int) -> None:
        """Let the time of day jump; the monotonic clock goes on."""
        self._now.clock_offset_s += seconds

    def look_up(self, how: Lookup) -> None:
        """Let name lookups work, fail or hang."""
        self._now.lookup = how

    def cut_off(self) -> None:
        """Let there be no route to any address: new connections fail at once."""
        self._now.cut_off = 1

    def slow_disk(self, sync_ms: int) -> None:
        """Let each fsync take so much longer."""
        self._now.sync_ms = sync_ms

    def restore(self) -> None:
        """As they were at the beginning."""
        self._now.clock_offset_s = self._now.lookup = self._now.sync_ms = self._now.cut_off = 0
