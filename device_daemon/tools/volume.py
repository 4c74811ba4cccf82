"""The volume: what it is, set to a value, and up or down by some."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Protocol

from msgspec import Meta

from device_daemon.tools.tool import Tool, tool_of

STEP_PERCENT: Final = 10
LOWEST_PERCENT: Final = 5
"""By "quieter" it never falls silent: nobody would hear that it still answers. "Volume zero" does that."""

Percent = Annotated[int, Meta(ge=0, le=100)]
Step = Annotated[int, Meta(ge=1, le=100)]


class VolumePort(Protocol):
    """The loudspeaker's volume, in per cent."""

    @property
    def volume(self) -> int:
        """Per cent."""

    def set_volume(self, percent: int) -> object:
        """Set the volume, and keep it for the next start."""


def stepped(percent: int, direction: Literal["up", "down"], step: int) -> int:
    """Return the volume that is louder or quieter by a step, in per cent."""
    if direction == "up":
        return min(100, percent + step)
    return max(min(percent, LOWEST_PERCENT), percent - step)


def volume_tools(device: VolumePort) -> list[Tool]:
    """Return the tools `get_volume`, `set_volume` and `change_volume`."""

    def get_volume() -> str:
        """Return the volume of this speaker."""
        return f"the volume is {device.volume} per cent"

    def set_volume(percent: Percent) -> str:
        """Set the volume of this speaker to a value. Call it if the user names one.

        Args:
            percent: 0 is silent, 100 is the loudest.
        """
        device.set_volume(percent)
        return f"the volume is {device.volume} per cent now"

    def change_volume(direction: Literal["up", "down"], percent: Step = STEP_PERCENT) -> str:
        """Make this speaker louder or quieter. Call it if the user names no value.

        Args:
            direction: up is louder.
            percent: By how much.
        """
        before = device.volume
        device.set_volume(stepped(before, direction, percent))
        if device.volume == before:
            return f"the volume stays at {before} per cent: it goes no further {direction}"
        return f"the volume is {device.volume} per cent now, it was {before}"

    return [tool_of(each, group="volume") for each in (get_volume, set_volume, change_volume)]
