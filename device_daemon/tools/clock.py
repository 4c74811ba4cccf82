"""The time and the date: the device's clock, here or in another time zone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from device_daemon.tools.tool import Tool, ToolError, tool_of


def clock_tools(now: Callable[[], datetime], is_set: Callable[[], bool]) -> list[Tool]:
    """Return the tool `get_time`.

    Args:
        now: The time of day, with the device's time zone.
        is_set: Whether the clock can be believed: a Raspberry Pi without a network does not know the time.
    """

    async def get_time(time_zone: str = "") -> str:
        """Return the current time, weekday and date. Call it whenever the answer depends on what time or day it is.

        Args:
            time_zone: A zone of the IANA database, such as Asia/Tokyo, for the time in another place; empty: here.
        """
        if not is_set():
            raise ToolError("the clock of this device is not set yet: it needs the network for that.")
        return described(now().astimezone(await _zone(time_zone)) if time_zone else now())

    return [tool_of(get_time, group="time")]


def described(moment: datetime) -> str:
    """Return a moment in words that a model reads without mistakes: "Sunday, 29 November 2026, 09:15 (UTC+0100)"."""
    return f"{moment:%A}, {moment.day} {moment:%B %Y}, {moment:%H:%M} (UTC{moment:%z})"


async def _zone(name: str) -> ZoneInfo:
    try:
        return await asyncio.to_thread(ZoneInfo, name)
    except (ValueError, OSError, LookupError):
        raise ToolError(f"there is no time zone {name[:64]!r}; allowed: names such as Europe/Berlin.") from None
