"""Feeds systemd's watchdog, while the loop turns and the microphone, when it should be open, gives sound.

The most-reported failure of speakers like this one is the deaf zombie: a service that is "active" and hears nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from device_daemon.system.notify import notify

logger = logging.getLogger(__name__)


def interval_s(environment: Mapping[str, str]) -> float | None:
    """How often to feed it: three times in each of its periods; None where there is no watchdog."""
    try:
        return int(environment["WATCHDOG_USEC"]) / 3_000_000
    except (KeyError, ValueError):
        return None


async def feed(environment: Mapping[str, str], ailing: Callable[[], str]) -> None:
    """Feed it until cancelled. `ailing` says what is wrong with the device, "" for nothing."""
    every_s = interval_s(environment)
    if every_s is None:
        return
    told = ""
    while True:
        if trouble := ailing():
            if trouble != told:
                logger.error("%s; if that lasts, systemd's watchdog starts this service anew", trouble)
        else:
            notify("WATCHDOG=1")
        told = trouble
        await asyncio.sleep(every_s)
