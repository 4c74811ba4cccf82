"""What stands behind the button and the control socket: the parts that a conversation needs, joined.

Importing it brings in most of the program, so the daemon does that when the button is armed already.
"""

from __future__ import annotations

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
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import credential_for


class Wiring:
    """Lives as long as its config; made in the event loop's thread."""

    def __init__(
        self, config: Config, folders: Paths, environment: Mapping[str, str], show: Callable[[State], None]
    ) -> None:
        memory = SavedState(folders.state)
        self._client = _client(config, environment)
        self.host = Controller(config, self._client, memory, GreetingCache(folders.state / "greetings"), show)
        self.desk = Requests(config, self.host, memory)

    async def close(self) -> None:
        """End what goes on and let go of everything."""
        await self.host.close()
        await self._client.close()


def _client(config: Config, environment: Mapping[str, str]) -> Client | LocalClient:
    service = config.service
    if service.local:
        return LocalClient(config)
    return Client(config, service.endpoint or "", partial(credential_for, service, environment))
