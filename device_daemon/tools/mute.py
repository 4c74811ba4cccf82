"""Mute by voice: closes the microphone. Only a person's hand opens it again."""

from __future__ import annotations

from typing import Protocol

from device_daemon.tools.tool import Tool, tool_of


class MutePort(Protocol):
    """The microphone's mute."""

    def mute(self, *, on: bool) -> object:
        """Close the microphone, also over restarts."""


def mute_tools(device: MutePort) -> list[Tool]:
    """Return the tool `mute_microphone`."""

    def mute_microphone() -> str:
        """Close the microphone of this speaker and end the conversation at once.

        Call it if the user asks not to be listened to. It cannot be undone by voice: holding the button does that.
        """
        device.mute(on=True)
        return "the microphone is closed"

    return [tool_of(mute_microphone, group="mute")]
