"""Opens connections to Azure Voice Live as the config asks for them.

The SDK and aiohttp take 240 ms to import on a PC and several times that on a Pi: `opener` and what it imports are
imported when they are first needed, in a thread, so that neither the start nor the first press waits for them.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from device_daemon.audio.echo.modes import EchoPort, FixedEchoMode
from device_daemon.config.settings import SERVICE_ASSISTANT, Config, Service
from device_daemon.errors import AuthRefused
from device_daemon.system.daemon_thread import in_daemon_thread
from device_daemon.system.memory_trim import keep_for_good
from device_daemon.voicelive.credentials import Credential
from device_daemon.voicelive.limits import LineLimits

if TYPE_CHECKING:
    from device_daemon.voicelive.connection import Connection
    from device_daemon.voicelive.opener import Opener

API_VERSION = "2026-07-15"
Tools = Callable[[str], Sequence[Mapping[str, Any]]]


def no_tools(_assistant: str) -> Sequence[Mapping[str, Any]]:
    """Return what a session without tools lists."""
    return ()


def url_for(service: Service, endpoint: str) -> str:
    """Return the WebSocket address of a session as the SDK's connect() makes it, in the scheme that proxies go by."""
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
    """Opens connections; keeps the credential and the name resolver between them."""

    def __init__(
        self,
        config: Config,
        endpoint: str,
        sign_in: Callable[[], Credential],
        limits: LineLimits | None = None,
        echo: EchoPort | None = None,
        *,
        tools: Tools = no_tools,
    ) -> None:
        """`sign_in` reads the credential: when it is first needed, and again after it was refused.

        `tools` returns the function definitions that the next session with an assistant is to have.
        """
        self.host = urlsplit(endpoint).netloc
        self._config = config
        self._endpoint = endpoint
        self._sign_in = sign_in
        self._limits = limits or LineLimits()
        self._echo = echo or FixedEchoMode()
        self._tools = tools
        self._credential: Credential | None = None
        self._opener: Opener | None = None

    @staticmethod
    async def warm_up() -> None:
        """Import the SDK in a thread: the first press should not wait for it, nor the event loop."""
        await asyncio.to_thread(_import_sdk)

    async def connect(self, assistant: str = SERVICE_ASSISTANT) -> Connection:
        """Return a connection to an assistant on which nothing was sent yet. Raises one of errors.py."""
        await self.warm_up()
        from device_daemon.voicelive.opener import Opener  # noqa: PLC0415 - 240 ms, imported by now

        if self._opener is None:
            self._opener = Opener(self._config, self.host, self._limits, self._echo)
        if self._credential is None:
            self._credential = await in_daemon_thread(self._sign_in, "key file")
        config = self._config.of(assistant)
        headers = await self._credential.headers()
        try:
            url = url_for(config.service, self._endpoint)
            return await self._opener.open(config, url, headers, self._tools(assistant))
        except AuthRefused:
            await self._sign_out()  # the owner may replace the key meanwhile
            raise

    async def close(self) -> None:
        """Let go of what the credential and the resolver hold."""
        await self._sign_out()
        if self._opener:
            await self._opener.close()

    async def _sign_out(self) -> None:
        if self._credential:
            credential, self._credential = self._credential, None
            await credential.close()


@cache
def _import_sdk() -> None:
    importlib.import_module("device_daemon.voicelive.opener")
    keep_for_good()
