"""MCP servers on this device (`tools.mcp` with `local`): their tools appear as functions of the model.

Each server is a program that speaks the Model Context Protocol over stdin and stdout. It is started when the daemon is,
beside everything else, and again with backoff when it ends, hangs or floods.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from device_daemon.config.settings import McpServer
from device_daemon.config.tool_names import TOOL_NAME
from device_daemon.errors import SpeakerError
from device_daemon.health import Health, Part
from device_daemon.system.backoff import backoff
from device_daemon.system.foreign_text import safe
from device_daemon.system.pip_command import install_command
from device_daemon.tools.tool import Tool, ToolError
from device_daemon.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from device_daemon.tools.mcp_client import ListedTool, McpConnection

STEADY_S: Final = 60.0
"""A server that lasted so long is restarted without delay, as if it had never failed."""
_MOST_CHARACTERS: Final = 4_000
_MOST_DESCRIPTION_CHARACTERS: Final = 1_000
_MOST_SCHEMA_CHARACTERS: Final = 8_000
REQUIREMENT: Final = "mcp>=2.3,<3"
MISSING: Final = (
    "tools.mcp with `local` needs the package mcp, which is not installed: install it"
    f" (`{install_command(REQUIREMENT)}`), or remove the server from the config."
)

logger = logging.getLogger(__name__)


class McpDeadlines(Struct, frozen=True):
    """How long a server is waited for."""

    start_s: float = 30.0
    """From its start until it answers: one in Python on a Pi Zero takes its time."""
    answer_s: float = 5.0
    """A server that let a call run out of time has to list its tools within this, or is restarted."""


class McpServers:
    """The local MCP servers of a config; all methods are called in the event loop's thread.

    Args:
        servers: Those of the config with `local`.
        toolbox: Gets their tools, and loses them again.
        environment: Their variables.
        delays: Between restarts; given by tests.
        deadlines: Given by tests.
    """

    def __init__(
        self,
        servers: Sequence[McpServer],
        toolbox: Toolbox,
        environment: Mapping[str, str],
        *,
        delays: Callable[[], Iterator[float]] = backoff,
        deadlines: McpDeadlines | None = None,
    ) -> None:
        self.health = Health(Part.MCP)
        self._servers = [
            _Server(each, toolbox, environment, self._changed, delays=delays, deadlines=deadlines or McpDeadlines())
            for each in servers
        ]
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start all servers, in the background."""
        if self._servers:
            self._running = asyncio.get_running_loop().create_task(self._run(), name="MCP servers")

    async def close(self) -> None:
        """End all servers."""
        if self._running:
            self._running.cancel()
            await asyncio.wait({self._running})
            self._running = None

    async def _run(self) -> None:
        if importlib.util.find_spec("mcp") is None:
            self.health.failed(SpeakerError(MISSING), time.monotonic())
            logger.warning(MISSING)
            return
        await asyncio.to_thread(importlib.import_module, "device_daemon.tools.mcp_client")
        tasks = [asyncio.ensure_future(server.run()) for server in self._servers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _changed(self) -> None:
        """A server failed or recovered: the part is well if all are."""
        failures = [server.failure for server in self._servers if server.failure]
        now_s = time.monotonic()
        if not failures:
            self.health.recovered(now_s)
        else:
            self.health.failed(SpeakerError(" ".join(map(str, failures))), now_s)


class _Server:
    """One server, over all its restarts."""

    def __init__(
        self,
        settings: McpServer,
        toolbox: Toolbox,
        environment: Mapping[str, str],
        on_change: Callable[[], None],
        *,
        delays: Callable[[], Iterator[float]],
        deadlines: McpDeadlines,
    ) -> None:
        self._settings = settings
        self._name = f"the MCP server {settings.label}"
        self._toolbox = toolbox
        self._environment = environment
        self._delays = delays
        self._deadlines = deadlines
        self._on_change = on_change
        self._connection: McpConnection | None = None
        self._names: list[str] = []
        self._wake = asyncio.Event()
        self._hangs = False
        self.failure: SpeakerError | None = None

    async def run(self) -> None:
        """Keep the server running until cancelled."""
        loop = asyncio.get_running_loop()
        delays = self._delays()
        while True:
            began_s = loop.time()
            why = await self._live()
            if loop.time() - began_s > STEADY_S:
                delays = self._delays()
            delay_s = next(delays)
            self._failed(f"{self._name} {why.rstrip('.')}; it is started again.")
            await asyncio.sleep(delay_s)

    async def _live(self) -> str:
        """One life of the server: return why it ended."""
        from device_daemon.tools.mcp_client import McpFailure, connect  # noqa: PLC0415 - imported in a thread before

        start_s = self._deadlines.start_s
        opening = connect(self._settings.local, self._environment, timeout_s=start_s, on_tools_changed=self._wake.set)
        try:
            async with opening as connection:
                async with asyncio.timeout(start_s):
                    self._list(await connection.tools())
                self._connection, self._hangs = connection, False
                self._recovered()
                return await self._watch(connection)
        except McpFailure as failure:
            return str(failure)
        except TimeoutError:
            return f"does not list its tools within {start_s:g} seconds"
        finally:
            self._connection = None

    async def _watch(self, connection: McpConnection) -> str:
        """Wait for the server's end, for other tools, and for a call that ran out of time."""
        ended = asyncio.ensure_future(connection.ended())
        try:
            while not ended.done():
                self._wake.clear()
                waking = asyncio.ensure_future(self._wake.wait())
                await asyncio.wait({ended, waking}, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
                if not ended.done():
                    try:
                        async with asyncio.timeout(
                            self._deadlines.answer_s if self._hangs else self._deadlines.start_s
                        ):
                            self._list(await connection.tools())
                    except TimeoutError:
                        return "hangs, and was ended"
                    self._hangs = False
            return ended.result()
        finally:
            ended.cancel()

    def _list(self, listed: Sequence[ListedTool]) -> None:
        """Put the server's tools into the toolbox, in the place of those that it had before."""
        for name in self._names:
            self._toolbox.remove(name)
        self._names = []
        allowed = self._settings.allowed_tools
        for tool in listed:
            if allowed and tool.name not in allowed:
                continue
            name = re.sub(r"[^A-Za-z0-9_-]", "_", f"{self._settings.label}_{tool.name}")
            if flaw := self._flaw(name, tool):
                logger.warning("%s: its tool %s is left out: %s", self._name, safe(tool.name, 64), flaw)
                continue
            call = partial(self._call, tool.name)
            description = safe(tool.description, _MOST_DESCRIPTION_CHARACTERS)
            # The server has the deadline, and the toolbox one a little later: what the server says is the better answer.
            deadline_s = self._settings.timeout_s + 1.0
            self._toolbox.add(Tool(name, description, tool.schema, call, deadline_s, self._settings.label))
            self._names.append(name)
        if missing := set(allowed) - {tool.name for tool in listed}:
            logger.warning("%s: has no tool %s; correct allowed_tools", self._name, ", ".join(sorted(missing)))

    def _flaw(self, name: str, tool: ListedTool) -> str:
        if not re.search(TOOL_NAME, name):
            return "its name is too long"
        if name in self._toolbox.names:
            return f"there is a tool {name} already"
        if tool.schema.get("type") != "object":
            return "its parameters are no object"
        if len(str(tool.schema)) > _MOST_SCHEMA_CHARACTERS:
            return f"its schema has more than {_MOST_SCHEMA_CHARACTERS} characters"
        return ""

    async def _call(self, name: str, given: Mapping[str, Any]) -> str:
        from device_daemon.tools.mcp_client import McpFailure  # noqa: PLC0415 - imported in a thread before

        connection = self._connection
        if connection is None:
            raise ToolError(f"{self._name} does not run at the moment; it is started again.")
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                text = await connection.call(name, given, self._settings.timeout_s)
        except McpFailure as failure:
            raise ToolError(f"{self._name} {failure}") from None
        except TimeoutError:
            self._hangs = True
            self._wake.set()
            raise ToolError(f"{self._name} gave no answer within {self._settings.timeout_s:g} seconds.") from None
        return safe(text, _MOST_CHARACTERS) or "done"

    def _failed(self, sentence: str) -> None:
        if self.failure is None or str(self.failure) != sentence:
            logger.warning("%s", sentence)
        self.failure = SpeakerError(sentence)
        self._on_change()

    def _recovered(self) -> None:
        logger.info("%s runs; its tools: %s", self._name, ", ".join(self._names) or "none")
        self.failure = None
        self._on_change()
