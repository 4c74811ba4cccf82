"""Opens connections to Azure Voice Live as the config asks for them.

What it opens them with takes half a second to import: `connection` is imported when it is first needed.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from device_daemon.config.settings import Service
from device_daemon.errors import AuthRefused
from device_daemon.voicelive.credentials import Credential

if TYPE_CHECKING:
    from device_daemon.voicelive.connection import Connection

API_VERSION = "2026-07-15"


def url_for(service: Service, endpoint: str) -> str:
    """The WebSocket address of a session: what the SDK's connect() makes, in the scheme that HTTPS_PROXY goes by."""
    parts = urlsplit(endpoint)
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    query = {"api-version": API_VERSION}
    if service.agent is None:
        query["model"] = service.model
    else:
        query |= {"agent-name": service.agent.name, "agent-project-name": service.agent.project}
        if service.agent.version:
            query["agent-version"] = service.agent.version
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/voice-live/realtime?{urlencode(query)}"


class Client:
    """Opens connections as the config asks for them."""

    def __init__(
        self, service: Service, endpoint: str, sign_in: Callable[[], Credential], session: Mapping[str, Any]
    ) -> None:
        self._url = url_for(service, endpoint)
        self.host = urlsplit(endpoint).netloc
        self._proxy = service.proxy
        self._sign_in = sign_in
        self._credential: Credential | None = None
        self._session = session

    @staticmethod
    async def warm_up() -> None:
        """Import the SDK in a thread: the first press should not wait for it, nor the loop."""
        await asyncio.to_thread(importlib.import_module, "device_daemon.voicelive.connection")

    async def connect(self) -> Connection:
        """A connection on which nothing was sent yet. Raises one of errors.py."""
        await self.warm_up()
        from device_daemon.voicelive.connection import open_connection  # noqa: PLC0415 - there by now

        if self._credential is None:
            self._credential = self._sign_in()  # here and not earlier: the owner may put the key there meanwhile
        headers = await self._credential.headers()
        try:
            return await open_connection(self._url, headers, self._proxy, self._session, self.host)
        except AuthRefused:
            await self.close()  # the owner may replace the key meanwhile
            raise

    async def close(self) -> None:
        """Let go of what the credential holds."""
        if self._credential:
            credential, self._credential = self._credential, None
            await credential.close()
