"""Check runner: a deadline for each check, and every error becomes a finding."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from device_daemon.doctor.findings import Finding, failed
from device_daemon.errors import SpeakerError
from device_daemon.system.daemon_thread import in_daemon_thread

logger = logging.getLogger(__name__)

Check = AsyncGenerator[Finding, None]
"""A check yields findings as it goes. It closes what it opened, also when it is cancelled."""

REPORT_LINE = "voicelive-speaker doctor --report doctor.tar.gz    # and report this, with that file"

T = TypeVar("T")


class CheckRunner:
    """Collects findings and passes each to `report` at once; `remedy` returns the command for one of our errors."""

    def __init__(self, report: Callable[[Finding], None], remedy: Callable[[SpeakerError], str]) -> None:
        self._report = report
        self._remedy = remedy
        self.findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Add a finding that needs no check."""
        self.findings.append(finding)
        self._report(finding)

    async def run(self, name: str, check: Check, deadline_s: float) -> bool:
        """Run a check to its end.

        Args:
            name: the name of the finding if the check fails or times out.
            check: the check; it is closed in any case.
            deadline_s: how long it may take.

        Returns:
            Whether the check ended by itself.

        """
        try:
            async with asyncio.timeout(deadline_s) as deadline, contextlib.aclosing(check):
                async for finding in check:
                    self.add(finding)
        except SpeakerError as error:
            self.add(failed(name, error.message, self._remedy(error)))
        except Exception as error:
            logger.debug("%s", name, exc_info=error)
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            if isinstance(error, TimeoutError):  # a check's own waiting has its own sentence
                why = f"no result within {deadline_s:g} s" if deadline.expired() else str(error)
            self.add(failed(name, f"could not be checked: {why}", REPORT_LINE))
        else:
            return True
        return False


async def in_thread(work: Callable[[], T]) -> T:
    """Do blocking work without blocking the loop; nobody waits for its thread when the program ends."""
    return await in_daemon_thread(work, "doctor")
