"""The life of the process: signals, reload, systemd. Opens lights and buttons first, then builds the rest (`wiring`)."""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device_daemon import __version__
from device_daemon.config.settings import ButtonTrigger, Config
from device_daemon.device.control_socket import ControlSocket
from device_daemon.errors import ConfigError
from device_daemon.language.language import language_for
from device_daemon.leds.lights import Lights
from device_daemon.state import State
from device_daemon.system import exit_deadline, watchdog
from device_daemon.system.background_task import Background
from device_daemon.system.notify import notify
from device_daemon.system.paths import Paths
from device_daemon.triggers.button import Buttons

if TYPE_CHECKING:
    from device_daemon.wiring import Wiring

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
EXIT_DEADLINE_S = 1.9
"""From a stop signal to the end of the process, whatever hangs."""
CLOSE_DEADLINE_S = 1.2
"""Of these, for closing cards and connections; then the state is saved and the lights go out."""
RELOAD_DEADLINE_S = 6.0
"""For the same before another config is used: the cards must be free for it."""


class Daemon:
    """One running speaker. `run` returns after a stop signal or `stop`.

    Args:
        read_config: Called at once, and in a thread for each reload; raises ConfigError.
        folders: Where the control socket and the saved state are.
        environment: For systemd's variables and the service's key.
        enforce_exit: Called with the first stop signal: ends the process within so many seconds.
        config_path: For `status`.
    """

    def __init__(
        self,
        read_config: Callable[[], Config],
        folders: Paths,
        environment: Mapping[str, str] = os.environ,
        enforce_exit: Callable[[float], None] = exit_deadline.enforce,
        config_path: Path | None = None,
    ) -> None:
        self._config_path = config_path
        self._config_error: str | None = None
        self._state = State.STARTING
        self._read_config = read_config
        self._config = read_config()
        self._folders = folders
        self._environment = environment
        self._enforce_exit = enforce_exit
        self._stopped = asyncio.Event()
        self._leave = asyncio.Event()
        self._reloading = Background("reload")
        self._wiring: Wiring | None = None

    def stop(self) -> None:
        """End `run` in good order."""
        if not self._stopped.is_set():
            self._enforce_exit(EXIT_DEADLINE_S)
        self._stopped.set()
        self._leave.set()

    def reload(self) -> None:
        """Apply a changed config file, between conversations; a wrong one is logged, and the old one stays."""
        self._reloading.begin(self._reload())

    async def _reload(self) -> None:
        try:
            self._config = await asyncio.to_thread(self._read_config)
        except ConfigError as error:
            for line in [*error.problems, "the config file is wrong (above); the speaker goes on with the old one"]:
                logger.error(line)  # noqa: TRY400 - a traceback helps no owner
            self._set_config_error(error.problems[0])
            return
        self._set_config_error(None)
        logger.info("the config file was read again")
        self._leave.set()

    async def run(self) -> None:
        """Be a speaker. Raises control_protocol.Refused where another daemon already is one."""
        loop = asyncio.get_running_loop()
        for stop_signal in STOP_SIGNALS:
            loop.add_signal_handler(stop_signal, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        feeder = loop.create_task(watchdog.feed(self._environment, self._unresponsive), name="watchdog")
        # These two outlive a config: what is pressed or asked while another one is put in force waits in them.
        control, buttons = ControlSocket(self._folders.socket), Buttons([], loop=loop)
        try:
            while not self._stopped.is_set():
                self._leave.clear()
                await self._run_config(loop, control, buttons)
        finally:
            buttons.close()
            await control.close()
            feeder.cancel()
            self._reloading.stop()
            await asyncio.wait({feeder})
            logger.info("stopped")

    async def _run_config(self, loop: asyncio.AbstractEventLoop, control: ControlSocket, buttons: Buttons) -> None:
        """From one config to the next."""
        config = self._config
        buttons.release([each for each in config.triggers if isinstance(each, ButtonTrigger)])
        lights = Lights(config.lights, loop=loop, level_dbfs=self._level_dbfs)
        lights.show(State.STARTING)
        buttons.open()
        try:
            await control.listen()
            notify("READY=1", f"STATUS={State.STARTING}")
            # From here on a press waits in `buttons` and a request in the socket, until there is something behind them.
            self._wiring = wiring = await self._build(lights, buttons)
            wiring.controller.health.add(lights.health)
            wiring.controller.start()
            logger.info("ready: %s", wiring.controller.state)
            await control.serve(wiring.requests)
            wiring.triggers.start()
            await self._leave.wait()
            if not self._stopped.is_set():
                await wiring.controller.finish_conversation(self._stopped)
        finally:
            notify("STOPPING=1" if self._stopped.is_set() else _reload_message())
            if self._stopped.is_set():
                buttons.close()
                await control.close()
            else:
                buttons.hold()
                control.hold()
            if self._wiring is not None:
                await self._wiring.close(CLOSE_DEADLINE_S if self._stopped.is_set() else RELOAD_DEADLINE_S)
                self._wiring = None
            await lights.close()

    async def _build(self, lights: Lights, buttons: Buttons) -> Wiring:
        # 37 ms of the start on a PC, and a second on a Pi Zero: in a thread, so that lights move and SIGTERM is obeyed.
        wiring = await asyncio.to_thread(importlib.import_module, "device_daemon.wiring")
        for tag in self._config.languages:
            await asyncio.to_thread(language_for, tag)  # reads its files and, where one is set, babel's
        build: Callable[..., Wiring] = wiring.Wiring
        return build(
            self._config, self._folders, self._environment, buttons, partial(self._show, lights), about=self._about
        )

    def _unresponsive(self) -> str:
        return self._wiring.controller.unresponsive() if self._wiring else ""

    def _level_dbfs(self) -> float:
        return self._wiring.controller.level_dbfs() if self._wiring else -math.inf

    def _show(self, lights: Lights, state: State) -> None:
        lights.show(state)
        self._state = state
        self._notify_status()

    def _set_config_error(self, error: str | None) -> None:
        """Keep the error of the last reload, for `status` and systemctl, until a config without errors is read."""
        self._config_error = error
        self._notify_status()

    def _notify_status(self) -> None:
        notify(f"STATUS={self._state}" + (f"; the config is wrong: {self._config_error}" if self._config_error else ""))

    def _about(self) -> dict[str, Any]:
        """The part of `status` that the daemon knows."""
        service = self._config.service
        return {
            "version": __version__,
            "hostname": socket.gethostname(),
            "model": service.agent.name if service.agent else service.model,
            "config": str(self._config_path) if self._config_path else None,
            "config_error": self._config_error,
        }


def _reload_message() -> str:
    """The message for Type=notify-reload: since when, on the monotonic clock (sd_notify(3))."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
