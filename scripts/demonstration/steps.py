"""Steps of the demo that must happen, each within its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

STEP_DEADLINE_S = 10.0
_LINES = 12


class StepMissing(Exception):
    """Something that must happen did not: one sentence, and below it the end of the daemon's log, if there is one."""


@asynccontextmanager
async def step(what: str, log: Sequence[str] = (), deadline_s: float = STEP_DEADLINE_S) -> AsyncIterator[None]:
    """Raise StepMissing, naming `what`, if the block waits in vain; `log` is the daemon's."""
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except (TimeoutError, AssertionError) as failure:
        told = (log or str(failure).splitlines())[-_LINES:]
        raise StepMissing("\n".join([f"this did not happen: {what}", *told])) from failure
