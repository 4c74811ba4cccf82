"""Builds the parts that the control socket and the triggers need, and joins them.

Importing it brings in most of the program: the daemon opens the buttons first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from device_daemon.config.settings import Config
from device_daemon.device.controller import Controller
from device_daemon.device.requests import Requests
from device_daemon.greetings.cache import GreetingCache
from device_daemon.localservice.child import LocalClient
from device_daemon.state import State
from device_daemon.system.paths import Paths
from device_daemon.system.saved_state import SavedState
from device_daemon.triggers.button import Buttons
from device_daemon.triggers.setup import TriggerSetup
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import credential_for


class Wiring:
    """Lives as long as its config; made in the event loop's thread.

    Args:
        config: What to build.
        folders: Where state is kept.
        environment: Where the service's key may be.
        buttons: Opened already; their gestures are served from now on.
        show: Called with each new state.
    """

    def __init__(
        self,
        config: Config,
        folders: Paths,
        environment: Mapping[str, str],
        buttons: Buttons,
        show: Callable[[State], None],
    ) -> None:
        self._saved_state = saved_state = SavedState(folders.state)
        self._client = _client(config, environment)
        greeting_cache = GreetingCache(folders.state / "greetings")
        self.controller = Controller(config, self._client, saved_state, greeting_cache, show)
        self.requests = Requests(config, self.controller, saved_state)
        self.triggers = TriggerSetup(config, buttons, self.requests, self.controller)

    async def close(self) -> None:
        """Release the triggers, end the conversation, and close everything."""
        self.triggers.close()
        await self.controller.close()
        await asyncio.gather(self._client.close(), self._saved_state.close())


def _client(config: Config, environment: Mapping[str, str]) -> Client | LocalClient:
    service = config.service
    if service.local:
        return LocalClient(config)
    return Client(config, service.endpoint or "", partial(credential_for, service, environment))
