"""Whether the clock is set: a Pi has no battery clock, and with a wrong time every TLS certificate looks invalid."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

RUN = Path("/run")
_TIMESYNC = "systemd/timesync"
_OTHERS = ("chrony", "ntpd.pid", "openntpd")
"""Files that other time services have there while they run."""
_STA_UNSYNC = 0x0040
NOT_BEFORE_S = 1_795_000_000  # November 2026, when this was written: an earlier clock is wrong for certain


class _Timex(ctypes.Structure):
    # linux/timex.h: struct timex; only `status` is of interest, the rest is space for the kernel to write.
    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    ]


def is_set(
    now_s: float | None = None, run: Path = RUN, *, kernel_is_synchronized: Callable[[], bool] | None = None
) -> bool:
    """Whether the clock can be trusted: set from the network, or at least not plainly wrong.

    systemd-timesyncd says so in a file; any other time service tells the kernel. Where there is neither (a
    container, a machine without network), or the kernel may not be asked (the unit's sandbox), a plausible date has
    to do.

    Args:
        now_s: Seconds since 1970; None for the clock's own.
        run: /run, where time services have their files.
        kernel_is_synchronized: Asks the kernel; given by tests.
    """
    asks_kernel = kernel_is_synchronized or _kernel_is_synchronized
    if (time.time() if now_s is None else now_s) < NOT_BEFORE_S:
        return False
    if (run / _TIMESYNC).is_dir():
        return (run / _TIMESYNC / "synchronized").exists()
    return asks_kernel() or not _is_served(run)


def is_kept(run: Path = RUN, *, kernel_is_synchronized: Callable[[], bool] | None = None) -> bool:
    """Whether there is a time service, which sets the clock sooner or later."""
    return _is_served(run) or (kernel_is_synchronized or _kernel_is_synchronized)()


def _is_served(run: Path) -> bool:
    return any((run / name).exists() for name in (_TIMESYNC, *_OTHERS))


def _kernel_is_synchronized() -> bool:
    timex = _Timex()
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.adjtimex(ctypes.byref(timex)) < 0:
            return True
    except (OSError, AttributeError):
        return True
    return not timex.status & _STA_UNSYNC
