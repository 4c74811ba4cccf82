"""Builds the parts from the config, joins them, and takes them down again. It decides nothing itself."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial

from device_daemon import watchdog
from device_daemon.arming import Triggers
from device_daemon.config.settings import Config
from device_daemon.control import ControlSocket
from device_daemon.desk import Desk
from device_daemon.errors import ConfigError
from device_daemon.folders import Folders
from device_daemon.greeting_store import GreetingStore
from device_daemon.host import Host
from device_daemon.leds.lights import Lights
from device_daemon.localservice.child import LocalClient
from device_daemon.memory import Memory
from device_daemon.notify import notify
from device_daemon.state import State
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import credential_for
from device_daemon.voicelive.session import session_for

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Daemon:
    """One running speaker. `run` returns after a stop signal or `stop`.

    `read_config` is called at once, and again for each reload; it raises ConfigError.
    """

    def __init__(
        self,
        read_config: Callable[[], Config],
        folders: Folders,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._read_config = read_config
        self._config = read_config()
        self._folders = folders
        self._environment = environment
        self._stopped = asyncio.Event()
        self._leave = asyncio.Event()
        self.host: Host | None = None

    def stop(self) -> None:
        """End `run` in good order."""
        self._stopped.set()
        self._leave.set()

    def reload(self) -> None:
        """Take over a changed config file, between conversations; a wrong one is told, and the old one stays."""
        try:
            self._config = self._read_config()
        except ConfigError as error:
            for line in [*error.problems, "the config file is wrong (above); the speaker goes on with the old one"]:
                logger.error(line)  # noqa: TRY400 - a traceback helps no owner
            return
        logger.info("the config file was read again")
        self._leave.set()

    async def run(self) -> None:
        """Be a speaker. Raises control.Refused where another daemon already is one."""
        loop = asyncio.get_running_loop()
        for stop_signal in STOP_SIGNALS:
            loop.add_signal_handler(stop_signal, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        feeder = loop.create_task(watchdog.feed(self._environment, self._ailing), name="watchdog")
        try:
            while not self._stopped.is_set():
                self._leave.clear()
                await self._live(loop)
        finally:
            feeder.cancel()
            await asyncio.wait({feeder})
            logger.info("stopped")

    async def _live(self, loop: asyncio.AbstractEventLoop) -> None:
        """From one config to the next."""
        config = self._config
        lights = Lights(config.lights, loop=loop)
        lights.show(State.STARTING)
        client = _client(config, self._environment)
        memory = Memory(self._folders.state)
        store = GreetingStore(self._folders.state / "greetings")
        self.host = host = Host(config, client, memory, store, partial(self._show, lights))
        desk = Desk(config, host, memory)
        control = ControlSocket(self._folders.socket, desk)
        triggers = Triggers(config, host, desk)
        try:
            await control.start()
            triggers.arm()
            host.start()
            notify("READY=1", f"STATUS={host.state}")
            logger.info("ready: %s", host.state)
            triggers.listen()
            await self._leave.wait()
            if not self._stopped.is_set():
                await host.finish_conversation(self._stopped)
        finally:
            notify("STOPPING=1" if self._stopped.is_set() else _reloading())
            triggers.close()
            await control.close()
            await host.close()
            await client.close()
            await lights.close()

    def _ailing(self) -> str:
        return self.host.ailing() if self.host else ""

    @staticmethod
    def _show(lights: Lights, state: State) -> None:
        lights.show(state)
        notify(f"STATUS={state}")


def _client(config: Config, environment: Mapping[str, str]) -> Client | LocalClient:
    service = config.service
    if service.local:
        return LocalClient(config)
    return Client(service, service.endpoint or "", partial(credential_for, service, environment), session_for(config))


def _reloading() -> str:
    """What systemd wants to hear: since when, on the monotonic clock."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
