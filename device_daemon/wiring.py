"""Builds the parts that the control socket and the triggers need, and joins them.

Importing it brings in most of the program: the daemon opens the buttons first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from device_daemon.audio.alsa.card_names import card_name
from device_daemon.audio.echo.control import EchoControl
from device_daemon.config.settings import Config
from device_daemon.device.controller import Controller
from device_daemon.device.requests import Requests
from device_daemon.greetings.cache import GreetingCache
from device_daemon.integrations.setup import Integrations
from device_daemon.localservice.child import LocalClient
from device_daemon.state import State
from device_daemon.system.paths import Paths
from device_daemon.system.saved_state import SavedState
from device_daemon.timers.clocks import clocks
from device_daemon.timers.timers import Timers
from device_daemon.tools.builtin import builtin_tools
from device_daemon.tools.owner_tools import OwnerTools
from device_daemon.tools.toolbox import Toolbox
from device_daemon.triggers.button import Buttons
from device_daemon.triggers.setup import TriggerSetup
from device_daemon.voicelive.client import Client, Tools
from device_daemon.voicelive.credentials import credential_for

logger = logging.getLogger(__name__)


class Wiring:
    """Lives as long as its config; made in the event loop's thread.

    Args:
        config: What to build.
        folders: Where state is kept.
        environment: Where the service's key may be.
        buttons: Opened already; their gestures are served from now on.
        show: Called with each new state.
        about: What `status` says of the daemon: version, config.
    """

    def __init__(
        self,
        config: Config,
        folders: Paths,
        environment: Mapping[str, str],
        buttons: Buttons,
        show: Callable[[State], None],
        *,
        about: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._config = config
        self._saved_state = saved_state = SavedState(folders.state)
        echo = EchoControl(config.audio.echo, card_name(config.audio.microphone.device))
        self._toolbox = toolbox = Toolbox()
        self._client = _client(config, environment, echo, self._definitions)
        greeting_cache = GreetingCache(folders.state / "greetings")
        timers = Timers(config.timers, saved_state, loop=asyncio.get_running_loop(), now=clocks())
        self.controller = Controller(
            config, self._client, saved_state, greeting_cache, show, echo=echo, timers=timers, tools=toolbox
        )
        self.requests = Requests(config, self.controller, saved_state, about)
        for tool in builtin_tools(config.tools.builtin, self.requests, timers):
            toolbox.add(tool)
        self._owner_tools = OwnerTools(
            config.tools, toolbox, environment, ca_file=config.service.ca_file, language=config.language
        )
        self._owner_tools.start()
        self.controller.health.add(self._owner_tools.health)
        self.triggers = TriggerSetup(config, buttons, self.requests, self.controller)
        self._integrations = Integrations(config, self.controller, self.requests, environment)

    def _definitions(self, assistant: str) -> Sequence[Mapping[str, Any]]:
        """Return the definitions of the tools that an assistant has: those that it names, or all."""
        names = self._config.tools_of(assistant)
        return [*self._toolbox.definitions(names), *self._owner_tools.remote_servers(names)]

    async def close(self, deadline_s: float) -> None:
        """Release the triggers, end the conversation, and close everything; what takes longer is left behind."""
        self.triggers.close()
        try:
            async with asyncio.timeout(deadline_s):
                await self.controller.close()
                await self._integrations.close()
                await self._toolbox.close()
                await self._owner_tools.close()
                await self._client.close()
        except TimeoutError:
            logger.warning("not everything could be closed within %g s; the rest is left behind", deadline_s)
        await self._saved_state.close()


def _client(config: Config, environment: Mapping[str, str], echo: EchoControl, tools: Tools) -> Client | LocalClient:
    service = config.service
    if service.local:
        return LocalClient(config, echo, tools)
    sign_in = partial(credential_for, service, environment)
    return Client(config, service.endpoint or "", sign_in, echo=echo, tools=tools)
