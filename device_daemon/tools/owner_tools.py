"""The owner's tools: commands, Home Assistant and MCP servers, as the config names them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from device_daemon.config.settings import CommandTool, McpServer, Tools
from device_daemon.conversation import approvals
from device_daemon.errors import KeyMissing
from device_daemon.health import Health
from device_daemon.system.background_task import Background
from device_daemon.system.daemon_thread import in_daemon_thread
from device_daemon.system.program import environment_for_programs
from device_daemon.tools import mcp_remote
from device_daemon.tools.commands import command_tool
from device_daemon.tools.home_assistant import ConversationApi
from device_daemon.tools.mcp_servers import McpServers
from device_daemon.tools.tool import Tool
from device_daemon.tools.toolbox import Toolbox

logger = logging.getLogger(__name__)


class OwnerTools:
    """Puts the owner's tools into the toolbox; all methods are called in the event loop's thread.

    Args:
        settings: The config's section.
        toolbox: Has the built-in tools already, whose names go first.
        environment: Where systemd names its credentials; of it, programs get what `environment_for_programs` leaves.
        ca_file: CA certificates that are trusted as well as the system's.
        language: Of the sentences for Home Assistant, such as de-DE.
    """

    def __init__(
        self,
        settings: Tools,
        toolbox: Toolbox,
        environment: Mapping[str, str],
        *,
        ca_file: str | None = None,
        language: str | None = None,
    ) -> None:
        self._toolbox = toolbox
        self._environment = environment
        self._commands = settings.commands
        programs = environment_for_programs(environment)
        for command in settings.commands:
            self._add(command_tool(command, programs), "tools.commands")
        if settings.home_assistant:
            home = ConversationApi(settings.home_assistant, environment, ca_file=ca_file, language=language)
            self._add(home.tool(), "tools.home_assistant")
        self._local = McpServers([server for server in settings.mcp if server.local], toolbox, programs)
        self._remote = [server for server in settings.mcp if server.url]
        self._definitions: list[dict[str, Any]] = []
        self._loading = Background("the owner's tools")

    @property
    def health(self) -> Health:
        """That of the MCP servers on this device."""
        return self._local.health

    def remote_servers(self, labels: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Return the definitions of the servers that the voice service calls by itself: of all, or of those named.

        Where a person is to be asked, the function with which the model passes on the answer comes with them.
        """
        found = [each for each in self._definitions if labels is None or each["server_label"] in labels]
        asks = any(each["require_approval"] == "always" for each in found)
        return [*found, approvals.DEFINITION] if asks else found

    def start(self) -> None:
        """Start the servers, read the secrets and look for the programs, in the background."""
        self._local.start()
        self._loading.begin(self._load())

    async def close(self) -> None:
        """End what `start` started."""
        self._loading.stop()
        await self._local.close()

    def _add(self, tool: Tool, setting: str) -> None:
        if tool.name in self._toolbox.names:
            logger.error("%s: there is a tool %s already; give it another name", setting, tool.name)
        else:
            self._toolbox.add(tool)

    async def _load(self) -> None:
        found = [await self._definition(server) for server in self._remote]
        self._definitions = [each for each in found if each]
        for command in await in_daemon_thread(partial(_not_runnable, self._commands), "programs"):
            logger.warning(
                "tools.commands: %s: %s is no program that this user may run; check the path and its mode",
                command.name,
                command.run[0],
            )

    async def _definition(self, server: McpServer) -> dict[str, Any] | None:
        try:
            return await in_daemon_thread(partial(mcp_remote.definition, server, self._environment), "MCP headers")
        except KeyMissing as error:
            logger.error("the MCP server %s is left out: %s", server.label, error)  # noqa: TRY400 - no traceback
            return None


def _not_runnable(commands: Sequence[CommandTool]) -> list[CommandTool]:
    return [command for command in commands if shutil.which(command.run[0]) is None]
