"""What is asked of the service between conversations, and when after a start."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from device_daemon.config.settings import Config, Service
from device_daemon.device.service_monitor import ServiceMonitor
from device_daemon.errors import ServiceUnreachable
from device_daemon.system.backoff import BOOT_S


class Client:
    """Notes that it was asked for a connection, and to whom."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.assistants: list[str] = []

    async def connect(self, assistant: str = "") -> Any:
        self.asked.set()
        self.assistants.append(assistant)
        raise ServiceUnreachable("not here")


class Greetings:
    """None."""

    def wanted(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("endpoint", "since_boot_s", "waits"),
    [
        ("https://example.services.ai.azure.com", 20.0, True),
        ("https://example.services.ai.azure.com", BOOT_S, False),
        ("http://localhost:8080", 20.0, False),
    ],
)
async def test_after_a_power_cut_the_service_with_a_quota_is_not_asked_by_all_at_once(
    endpoint: str, since_boot_s: float, waits: bool
) -> None:
    client = Client()
    monitor = ServiceMonitor(
        Config(service=Service(endpoint=endpoint)),
        cast("Any", client),
        cast("Any", None),
        cast("Any", Greetings()),
        lambda: None,
        since_boot_s=lambda: since_boot_s,
    )
    monitor.start()
    if waits:
        for _ in range(20):
            await asyncio.sleep(0)
        assert not client.asked.is_set()
    else:
        await asyncio.wait_for(client.asked.wait(), 5.0)
    await monitor.close()


async def test_after_a_conversation_a_session_is_kept_though_the_press_came_before_the_first_check() -> None:
    client = Client()
    service = Service(endpoint="https://example.services.ai.azure.com", standby="after-conversation")
    monitor = ServiceMonitor(
        Config(service=service),
        cast("Any", client),
        cast("Any", None),
        cast("Any", Greetings()),
        lambda: None,
        since_boot_s=lambda: 20.0,
    )
    monitor.start()
    monitor.conversation_begins()
    with pytest.raises(ServiceUnreachable):
        await monitor.client.connect("chef")
    client.asked.clear()
    monitor.conversation_ended(None)
    await asyncio.wait_for(client.asked.wait(), 5.0)
    assert client.assistants == ["chef", "chef"]
    await monitor.close()
