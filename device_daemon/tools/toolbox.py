"""The toolbox: the registry of the device's tools; validates a call, runs it with a deadline, and never raises."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from device_daemon.errors import SpeakerError
from device_daemon.system.foreign_text import safe
from device_daemon.tools.arguments import flaw
from device_daemon.tools.tool import Tool, ToolError

MOST_AT_ONCE: Final = 8
"""Calls that run at once, with those that ignored their cancellation; one more is refused."""
OUTPUT_CHARACTERS: Final = 8_000
"""What a call may say to the model; the rest is cut off."""
CLOSE_DEADLINE_S: Final = 1.0

Outcome = Literal["done", "failed", "refused", "timeout"]
"""refused: there is no such tool, its arguments are wrong, or too many run."""

logger = logging.getLogger(__name__)


class Called(Struct, frozen=True):
    """A call that is over; its arguments and its result are nobody's business."""

    tool: str
    outcome: Outcome
    duration_ms: float


class _NotCalled(Exception):
    """A call that is not made: why, for the model."""


class _Late(ToolError):
    """A call that took too long."""


class Toolbox:
    """All methods are called from the event loop's thread.

    Args:
        tools: What there is from the beginning; `add` adds more.
        most_at_once: How many calls may run at once.

    Attributes:
        on_called: Called with each call that is over.
    """

    def __init__(self, tools: Iterable[Tool] = (), *, most_at_once: int = MOST_AT_ONCE) -> None:
        self._tools: dict[str, Tool] = {}
        self._most_at_once = most_at_once
        self._running: set[asyncio.Future[str]] = set()
        self.on_called: Callable[[Called], None] = lambda _called: None
        for tool in tools:
            self.add(tool)

    @property
    def names(self) -> list[str]:
        """The tools' names, in the order in which they were added."""
        return list(self._tools)

    def add(self, tool: Tool) -> None:
        """Add a tool. Raises ValueError where its name is taken: two tools of one name are a bug or a wrong config."""
        if tool.name in self._tools:
            raise ValueError(tool.name)
        self._tools[tool.name] = tool

    def remove(self, name: str) -> None:
        """Take a tool out, if it is there: its server is gone."""
        self._tools.pop(name, None)

    def definitions(self, names: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Return the `tools` of session.update: of all tools, or of those whose name or group is named."""
        return [tool.definition() for tool in self._of(names).values()]

    async def call(self, name: str, arguments: str, names: Collection[str] | None = None) -> str:
        """Carry out a call of the model, and return what the model is to know; a failure too is a sentence for it.

        Args:
            name: As the model gave it.
            arguments: As the model gave them: the JSON of an object.
            names: Names or groups of the tools that it may call; None: all.
        """
        began_s = time.monotonic()
        output, outcome = await self._outcome(name, arguments, self._of(names))
        tool = name if name in self._tools else "unknown"
        self.on_called(Called(tool, outcome, round((time.monotonic() - began_s) * 1000, 1)))
        cut = len(output) > OUTPUT_CHARACTERS
        return f"{output[:OUTPUT_CHARACTERS]} ... (cut off)" if cut else output

    async def close(self) -> None:
        """Cancel the calls that run."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_DEADLINE_S)

    def _of(self, names: Collection[str] | None) -> Mapping[str, Tool]:
        return {
            tool.name: tool
            for tool in self._tools.values()
            if names is None or tool.name in names or tool.group in names
        }

    async def _outcome(self, name: str, arguments: str, tools: Mapping[str, Tool]) -> tuple[str, Outcome]:
        """Return what the model is to know of a call, and what came of it."""
        try:
            tool, given = self._checked(name, arguments, tools)
            return await self._run(tool, given), "done"
        except _NotCalled as refused:
            logger.info("tool %s: not called: %s", safe(name), safe(str(refused)))
            return f"error: {refused}", "refused"
        except _Late as error:
            logger.warning("tool %s: %s; it is cancelled", safe(name), error)
            return f"error: {error}", "timeout"
        except SpeakerError as error:
            logger.warning("tool %s: %s", safe(name), "it refused" if error.private else error)
            return f"error: {error}", "failed"
        except Exception as error:
            logger.exception("a bug in the tool %s; please report it", safe(name))
            return f"error: the tool failed ({type(error).__name__})", "failed"

    def _checked(self, name: str, arguments: str, tools: Mapping[str, Tool]) -> tuple[Tool, dict[str, Any]]:
        """Return the tool and the arguments of a call. Raises _NotCalled."""
        tool = tools.get(name)
        if tool is None:
            raise _NotCalled(f"there is no tool {name[:64]}; there are: {', '.join(tools) or 'none'}")
        try:
            given = msgspec.json.decode(arguments or "{}")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise _NotCalled("the arguments are no JSON") from None
        if found := flaw(given, tool.parameters):
            raise _NotCalled(found)
        if len(self._running) >= self._most_at_once:
            raise _NotCalled("too many tools are at work; try again in a moment")
        return tool, given

    async def _run(self, tool: Tool, given: dict[str, Any]) -> str:
        """Run a call. Raises _Late.

        One that ignores its cancellation is left behind, and counts as running until it ends.
        """
        task = asyncio.ensure_future(tool.call(given))
        self._running.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait({task}, timeout=tool.timeout_s)
        finally:
            task.cancel()  # no effect on one that is done
        if not task.done():
            raise _Late(f"the tool gave no answer in {tool.timeout_s:g} seconds")
        return task.result()

    def _ended(self, task: asyncio.Future[str]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # it is reported by whoever waits, or came too late for that
