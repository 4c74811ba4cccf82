"""The built-in tools: which ones the config asks for, and what they need of the device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from device_daemon.config.settings import BuiltinTool
from device_daemon.timers.timers import Timers
from device_daemon.tools.clock import clock_tools
from device_daemon.tools.timers import timer_tools
from device_daemon.tools.tool import Tool


class DevicePort(Protocol):
    """What the built-in tools do on the device and ask of it. What is refused raises SpeakerError."""

    @property
    def clock_is_set(self) -> bool:
        """The time of day can be believed."""


def local_time() -> datetime:
    """Return the time of day with the device's time zone."""
    return datetime.now().astimezone()


def builtin_tools(
    wanted: Collection[BuiltinTool], device: DevicePort, timers: Timers, *, now: Callable[[], datetime] = local_time
) -> list[Tool]:
    """Return the tools of the groups that the config names under `tools.builtin`, in a fixed order."""
    groups: Mapping[BuiltinTool, Callable[[], list[Tool]]] = {
        "time": lambda: clock_tools(now, lambda: device.clock_is_set),
        "timers": lambda: timer_tools(timers),
    }
    return [tool for group, tools in groups.items() if group in wanted for tool in tools()]
