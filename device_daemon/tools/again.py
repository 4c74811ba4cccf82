"""Say that again: the last answer once more in the same words, also slower."""

from __future__ import annotations

import asyncio
from typing import Final, Literal, Protocol

from device_daemon.tools.tool import Tool, ToolError, tool_of

SLOWER: Final = 1.35
"""How much longer a slow answer takes: clearly slower, and it still sounds like the voice."""


class AgainPort(Protocol):
    """The answer that was heard last."""

    def last_answer(self) -> bytes:
        """Return its sound, 24 kHz mono S16LE; empty if there is none."""

    def repeat(self, pcm: bytes) -> None:
        """Play it instead of what is being said."""


def again_tools(device: AgainPort) -> list[Tool]:
    """Return the tool `repeat_answer`."""

    async def repeat_answer(speed: Literal["same", "slower"] = "same") -> str:
        """Play your last answer again, in exactly the same words. Say nothing before or after it.

        Args:
            speed: slower if the user asks you to speak slower.
        """
        pcm = device.last_answer()
        if not pcm:
            raise ToolError("there is no answer to repeat yet.")
        device.repeat(await asyncio.to_thread(_slower, pcm) if speed == "slower" else pcm)
        return "it is being repeated; say nothing more"

    return [tool_of(repeat_answer, group="again")]


def _slower(pcm: bytes) -> bytes:
    from device_daemon.audio.time_stretch import slower  # noqa: PLC0415 - numpy: 110 ms, and not in the event loop

    return slower(pcm, SLOWER)
