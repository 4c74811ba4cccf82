"""Goodbye: ends the conversation once the farewell was heard."""

from __future__ import annotations

from typing import Protocol

from device_daemon.tools.tool import Tool, tool_of


class GoodbyePort(Protocol):
    """The conversation that is open."""

    def say_goodbye(self) -> None:
        """End the conversation when the farewell was heard, unless somebody speaks on."""


def goodbye_tools(device: GoodbyePort) -> list[Tool]:
    """Return the tool `end_conversation`."""

    def end_conversation() -> str:
        """End the conversation. Call it if the user says goodbye, or that nothing more is needed."""
        device.say_goodbye()
        return "say a short farewell, if you did not yet; then the conversation ends"

    return [tool_of(end_conversation, group="goodbye")]
