"""Builds the parts from the config, front first, joins them, and takes them down again. It decides nothing itself."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from device_daemon.config.settings import Config
from device_daemon.device.control_socket import ControlSocket
from device_daemon.errors import ConfigError
from device_daemon.leds.lights import Lights
from device_daemon.state import State
from device_daemon.system import watchdog
from device_daemon.system.notify import notify
from device_daemon.system.paths import Paths
from device_daemon.triggers.setup import TriggerSetup

if TYPE_CHECKING:
    from device_daemon.wiring import Wiring

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Daemon:
    """One running speaker. `run` returns after a stop signal or `stop`.

    `read_config` is called at once, and again for each reload; it raises ConfigError.
    """

    def __init__(
        self,
        read_config: Callable[[], Config],
        folders: Paths,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._read_config = read_config
        self._config = read_config()
        self._folders = folders
        self._environment = environment
        self._stopped = asyncio.Event()
        self._leave = asyncio.Event()
        self._house: Wiring | None = None

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
        lights = Lights(self._config.lights, loop=loop)
        lights.show(State.STARTING)
        control = ControlSocket(self._folders.socket)
        triggers = TriggerSetup(self._config)
        try:
            await control.listen()
            triggers.arm()
            notify("READY=1", f"STATUS={State.STARTING}")
            # Nothing is awaited until the house stands: who presses or asks meanwhile waits in the loop and the socket.
            self._house = house = self._build(lights)
            triggers.serve(house.desk, house.host)
            house.host.start()
            logger.info("ready: %s", house.host.state)
            await control.serve(house.desk)
            triggers.listen(house.desk, house.host)
            await self._leave.wait()
            if not self._stopped.is_set():
                await house.host.finish_conversation(self._stopped)
        finally:
            notify("STOPPING=1" if self._stopped.is_set() else _reloading())
            triggers.close()
            await control.close()
            if self._house is not None:
                await self._house.close()
                self._house = None
            await lights.close()

    def _build(self, lights: Lights) -> Wiring:
        from device_daemon.wiring import Wiring  # noqa: PLC0415 - a third of the start, which no button waits for

        return Wiring(self._config, self._folders, self._environment, partial(self._show, lights))

    def _ailing(self) -> str:
        return self._house.host.ailing() if self._house else ""

    @staticmethod
    def _show(lights: Lights, state: State) -> None:
        lights.show(state)
        notify(f"STATUS={state}")


def _reloading() -> str:
    """What systemd wants to hear: since when, on the monotonic clock."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
