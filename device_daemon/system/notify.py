"""Tells systemd how the daemon is: READY, STATUS, STOPPING. Does nothing where systemd did not start it."""

from __future__ import annotations

import os


def notify(*lines: str) -> None:
    """Send sd_notify lines such as "READY=1" or "STATUS=idle"."""
    if "NOTIFY_SOCKET" not in os.environ:
        return
    from systemd.daemon import notify as send  # noqa: PLC0415 - a foreground run on a laptop needs none of it

    send("\n".join(lines))
