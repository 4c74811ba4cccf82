"""Looking at one thing after the other: nothing hangs, and whatever goes wrong becomes a finding."""

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
"""Looks at one area and yields what it finds, as it finds it. What it opened it closes, also when it is cut short."""

REPORT_LINE = "voicelive-speaker doctor --report doctor.tar.gz    # and report this, with that file"

T = TypeVar("T")


class CheckRunner:
    """Gathers findings and tells each at once."""

    def __init__(self, tell: Callable[[Finding], None], mend: Callable[[SpeakerError], str]) -> None:
        self._tell = tell
        self._mend = mend
        self.findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Note a finding that needed no looking."""
        self.findings.append(finding)
        self._tell(finding)

    async def look(self, name: str, check: Check, deadline_s: float) -> bool:
        """Carry out a check; False if it came to no end of its own. `name` is for the finding it then leaves."""
        try:
            async with asyncio.timeout(deadline_s), contextlib.aclosing(check):
                async for finding in check:
                    self.add(finding)
        except TimeoutError:
            self.add(failed(name, f"could not be checked: no result within {deadline_s:g} s", REPORT_LINE))
        except SpeakerError as error:
            self.add(failed(name, error.message, self._mend(error)))
        except Exception as error:
            logger.debug("%s", name, exc_info=error)
            what = f"could not be checked: {type(error).__name__}: {error}".rstrip(": ")
            self.add(failed(name, what, REPORT_LINE))
        else:
            return True
        return False


async def in_thread(work: Callable[[], T]) -> T:
    """Do blocking work without blocking the loop; nobody waits for its thread when the program ends."""
    return await in_daemon_thread(work, "doctor")
