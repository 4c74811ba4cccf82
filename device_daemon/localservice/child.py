"""`service: {local: true}`: the local service as a child process of the daemon, started when it is first needed.

It is a process of its own so that its text to speech and its VAD never delay the daemon's event loop. It stops when
the daemon does, however that ends, because its standard input closes.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from asyncio.subprocess import PIPE, Process
from typing import TYPE_CHECKING

from device_daemon.audio.echo.modes import EchoPort
from device_daemon.config.settings import SERVICE_ASSISTANT, Config
from device_daemon.errors import ServiceUnreachable
from device_daemon.voicelive.client import Client, Tools, no_tools
from device_daemon.voicelive.credentials import Key

if TYPE_CHECKING:
    from device_daemon.voicelive.connection import Connection

logger = logging.getLogger(__name__)

START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 3.0


class LocalClient:
    """Opens connections to the local service; starts it, and restarts it if it has died."""

    def __init__(
        self,
        config: Config,
        echo: EchoPort | None = None,
        tools: Tools = no_tools,
    ) -> None:
        self._config = config
        self._echo = echo
        self._tools = tools
        self._process: Process | None = None
        self._client: Client | None = None
        self._starting = asyncio.Lock()

    async def connect(self, assistant: str = SERVICE_ASSISTANT) -> Connection:
        """Return a connection on which nothing was sent yet. Raises one of errors.py."""
        async with self._starting:
            if self._client is None or self._process is None or self._process.returncode is not None:
                endpoint = await self._start()
                self._client = Client(self._config, endpoint, lambda: Key("local"), echo=self._echo, tools=self._tools)
        return await self._client.connect(assistant)

    async def close(self) -> None:
        """Stop the service."""
        if self._process is None or self._process.returncode is not None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _start(self) -> str:
        """Start the service and return its endpoint as soon as it listens."""
        command = [sys.executable, "-m", "device_daemon", "local-service", "--port", "0", "--until-stdin-closes"]
        self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        line = b""
        if self._process.stdout:
            try:
                async with asyncio.timeout(START_DEADLINE_S):
                    line = await self._process.stdout.readline()
            except TimeoutError:
                self._process.kill()
        found = re.search(rb"ws://\S+", line)
        if found is None:
            raise ServiceUnreachable(
                "the local voice service did not start; run `voicelive-speaker local-service` to see why."
            )
        endpoint = found[0].decode()
        logger.info("the local voice service listens on %s; it does not understand speech", endpoint)
        return endpoint
