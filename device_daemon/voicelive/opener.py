"""Opens connections with what the SDK and aiohttp are needed for: imported late, by `client`."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from socket import gethostname

from device_daemon.audio.echo.modes import EchoMode, EchoPort
from device_daemon.config.settings import Config
from device_daemon.greetings.opening import values as placeholder_values
from device_daemon.language.language import language_for
from device_daemon.system.daemon_thread import in_daemon_thread
from device_daemon.voicelive.connection import Connection
from device_daemon.voicelive.handshake import open_socket
from device_daemon.voicelive.limits import LineLimits
from device_daemon.voicelive.resolver import DaemonResolver
from device_daemon.voicelive.session import Tools, session_for
from device_daemon.voicelive.tls import tls_context

CLIENT_REFERENCE_QUERY = "&features=client_ec_reference:true"
"""Asked for by the Voice Live API reference 2026-07-15; Microsoft's own sample does without."""


class Opener:
    """Made once for a config, in the event loop."""

    def __init__(self, config: Config, host: str, limits: LineLimits, echo: EchoPort) -> None:
        self._host = host
        self._proxy = config.service.proxy
        self._echo = echo
        self._limits = limits
        self._resolver = DaemonResolver()
        self._ca_file = config.service.ca_file
        self._tls: ssl.SSLContext | None = None

    async def open(self, config: Config, url: str, headers: Mapping[str, str], tools: Tools) -> Connection:
        """Return a connection on which nothing was sent yet. Raises one of errors.py.

        Args:
            config: The one given, as it is for the assistant that the session is for.
            url: Of that assistant.
            headers: They sign in.
            tools: Definitions of what its model may call.
        """
        if self._ca_file and self._tls is None:
            self._tls = await in_daemon_thread(partial(tls_context, self._ca_file), "CA file")
        mode = self._echo.choice().mode
        http, socket = await open_socket(
            url + (CLIENT_REFERENCE_QUERY if mode is EchoMode.CLIENT_REFERENCE else ""),
            host=self._host,
            headers=headers,
            proxy=self._proxy,
            resolver=self._resolver,
            tls=self._tls,
            limits=self._limits,
        )
        # Filled in for each session: a time of day in the instructions is that of its opening.
        language = language_for(config.language)
        values = placeholder_values(datetime.now().astimezone(), gethostname(), None, config.names, language)
        session = session_for(config, values, echo=mode, tools=tools)
        return Connection(http, socket, session, self._limits, self._echo.refused)

    async def close(self) -> None:
        """Leave off looking names up."""
        await self._resolver.close()
