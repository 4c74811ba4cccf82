"""Which integrations the config asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from device_daemon.config.settings import Config
from device_daemon.device.controller import Controller
from device_daemon.device.requests import Requests
from device_daemon.integrations.event_program import EventProgram
from device_daemon.integrations.metrics_file import MetricsFile
from device_daemon.integrations.mqtt import MqttClient
from device_daemon.integrations.mqtt_commands import Commands
from device_daemon.system.apt import AptCandidate
from device_daemon.system.program import environment_for_programs

PACKAGE: Final = "voicelive-speaker"
"""The Debian package."""


class Integrations:
    """Made in the event loop's thread; lives as long as its config.

    Args:
        config: Of the device.
        controller: Whose events and figures they get.
        requests: Where commands go, and which knows the status.
        environment: What of it programs get, see `environment_for_programs`.
    """

    def __init__(
        self,
        config: Config,
        controller: Controller,
        requests: Requests,
        environment: Mapping[str, str],
    ) -> None:
        self._parts: list[EventProgram | MetricsFile | MqttClient] = []
        if config.on_event:
            programs = environment_for_programs(environment)
            self._parts.append(EventProgram(config.on_event, programs, controller.events))
        if config.metrics.textfile:
            path, conversations = Path(config.metrics.textfile), controller.conversations
            self._parts.append(MetricsFile(path, controller.events, lambda: conversations.metrics, requests.status))
        if config.mqtt is not None:
            commands, greetings = Commands(requests), list(config.greetings)
            client = MqttClient(
                config.mqtt,
                greetings,
                controller.events,
                status=requests.status,
                commands=commands,
                versions=AptCandidate(PACKAGE, environment_for_programs(environment)).versions,
                environment=environment,
            )
            controller.health.add(client.health)
            self._parts.append(client)

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(part.close() for part in self._parts))
