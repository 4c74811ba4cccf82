"""sd_notify: READY, STATUS, STOPPING and WATCHDOG for systemd. Does nothing where systemd did not start the daemon."""

from __future__ import annotations

import os

from systemd.daemon import notify as send_to_systemd


def notify(*lines: str) -> None:
    """Send sd_notify lines such as "READY=1" or "STATUS=idle"."""
    if "NOTIFY_SOCKET" not in os.environ:
        return
    send_to_systemd("\n".join(lines))
