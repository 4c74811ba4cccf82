"""systemd's watchdog: fed while the event loop turns and the threads answer, whatever devices are missing.

The most-reported failure of speakers like this one is a service that is "active" and hears nothing, since a thread hangs.
A missing card is another matter: a restart of the service does not bring it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from device_daemon.system.notify import notify

logger = logging.getLogger(__name__)


def interval_s(environment: Mapping[str, str]) -> float | None:
    """Return how often to feed it: three times in each of its periods; None where there is no watchdog."""
    try:
        return int(environment["WATCHDOG_USEC"]) / 3_000_000
    except (KeyError, ValueError):
        return None


async def feed(environment: Mapping[str, str], unresponsive: Callable[[], str]) -> None:
    """Feed it until cancelled. `unresponsive` returns which thread hangs, "" for none."""
    every_s = interval_s(environment)
    if every_s is None:
        return
    logged = False
    while True:
        if problem := unresponsive():
            if not logged:
                logger.error("%s; if that lasts, systemd's watchdog restarts this service", problem)
        else:
            notify("WATCHDOG=1")
        logged = bool(problem)
        await asyncio.sleep(every_s)
