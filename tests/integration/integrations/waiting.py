"""Waits for what another process or a state makes true, which tells nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

DEADLINE_S: Final = 20.0


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again. Raises TimeoutError."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
