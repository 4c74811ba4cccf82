"""How the device is: volume, health of its parts, for how long it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from device_daemon.tools.tool import Tool, tool_of


class StatusPort(Protocol):
    """What the device knows of itself."""

    def status(self) -> Mapping[str, Any]:
        """Everything that is known, as `status --json` prints it."""


def status_tools(device: StatusPort) -> list[Tool]:
    """Return the tool `get_device_status`."""

    def get_device_status() -> str:
        """Return how this speaker is: name, version, volume, and what does not work. Call it if the user asks for that."""
        return described(device.status())

    return [tool_of(get_device_status, group="status")]


def described(status: Mapping[str, Any]) -> str:
    """Return in some sentences what a person may ask of a status; no figures, no addresses."""
    failed = [
        f"{part} does not work: {health['reason']}" for part, health in status["health"].items() if not health["ok"]
    ]
    if status.get("config_error"):
        failed.append(f"the config file is wrong: {status['config_error']}")
    return "; ".join(
        [
            f"this is {status['hostname']}, voicelive-speaker {status['version']}",
            f"volume {status['volume']} per cent",
            f"running for {_span(status['up_s'])}",
            *(failed or ["all parts work"]),
        ]
    )


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60
    return f"{days} days" if days > 1 else f"{hours} hours" if hours > 1 else f"{minutes} minutes"
