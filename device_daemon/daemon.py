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
from device_daemon.config.settings import Config
from device_daemon.control import ControlSocket
from device_daemon.errors import ConfigError, SpeakerError
from device_daemon.folders import Folders
from device_daemon.host import Host
from device_daemon.leds.lights import Lights
from device_daemon.localservice.child import LocalClient
from device_daemon.memory import Memory
from device_daemon.notify import notify
from device_daemon.presses import Presses
from device_daemon.state import State
from device_daemon.triggers.button import Button
from device_daemon.triggers.switch import Switch
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
        self.host = host = Host(config, client, Memory(self._folders.state), partial(self._show, lights))
        control = ControlSocket(self._folders.socket, host)
        contacts: list[Button | Switch] = []
        try:
            await control.start()
            self._arm(config, host, loop, contacts)
            host.start()
            notify("READY=1", f"STATUS={host.state}")
            logger.info("ready: %s", host.state)
            await self._leave.wait()
            if not self._stopped.is_set():
                await host.finish_conversation(self._stopped)
        finally:
            notify("STOPPING=1" if self._stopped.is_set() else _reloading())
            for contact in contacts:
                contact.close()
            await control.close()
            await host.close()
            await client.close()
            await lights.close()

    def _ailing(self) -> str:
        return self.host.ailing() if self.host else ""

    @staticmethod
    def _arm(config: Config, host: Host, loop: asyncio.AbstractEventLoop, contacts: list[Button | Switch]) -> None:
        """Take the pins. One that cannot be had is told, and the rest works without it."""
        for trigger in config.triggers:
            try:
                presses = Presses(host, trigger.greeting, f"button on pin {trigger.pin}")
                button = Button(
                    trigger, loop=loop, on_press=presses.pressed, on_release=presses.released, on_hold=presses.held
                )
                contacts.append(button)
            except SpeakerError as error:
                logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback helps no owner
        if (pin := config.mute.switch_pin) is not None:
            try:
                switch = Switch(pin, loop=loop, on_change=lambda off: host.switch(off=off))
                contacts.append(switch)
                host.switch(off=switch.on)
            except SpeakerError as error:
                # A switch that is not seen must not leave the microphone on.
                logger.error("%s The microphone stays off.", error)  # noqa: TRY400
                host.switch(off=True)

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
