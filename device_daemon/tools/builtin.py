"""The built-in tools: which ones the config asks for, and what they need of the device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from device_daemon.config.settings import BuiltinTool
from device_daemon.timers.timers import Timers
from device_daemon.tools.again import AgainPort, again_tools
from device_daemon.tools.clock import clock_tools
from device_daemon.tools.goodbye import GoodbyePort, goodbye_tools
from device_daemon.tools.mute import MutePort, mute_tools
from device_daemon.tools.remember import remember_tools
from device_daemon.tools.status import StatusPort, status_tools
from device_daemon.tools.timers import timer_tools
from device_daemon.tools.tool import Tool
from device_daemon.tools.volume import VolumePort, volume_tools


class DevicePort(VolumePort, MutePort, GoodbyePort, AgainPort, StatusPort, Protocol):
    """What the built-in tools do on the device and ask of it."""

    @property
    def clock_is_set(self) -> bool:
        """The time of day can be believed."""

    @property
    def facts(self) -> dict[str, str]:
        """What people asked the speaker to remember."""

    def save_facts(self) -> None:
        """Have them written."""


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
        "volume": lambda: volume_tools(device),
        "mute": lambda: mute_tools(device),
        "goodbye": lambda: goodbye_tools(device),
        "again": lambda: again_tools(device),
        "remember": lambda: remember_tools(device.facts, device.save_facts),
        "status": lambda: status_tools(device),
    }
    return [tool for group, tools in groups.items() if group in wanted for tool in tools()]
