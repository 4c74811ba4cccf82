"""Many speakers on one MQTT broker: how they come back after its restart, how many events it takes, what each one costs."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import aiomqtt

from device_daemon.config.settings import Mqtt
from device_daemon.device import events as report
from device_daemon.device.event_stream import EventStream
from device_daemon.integrations.mqtt import MqttClient
from device_daemon.integrations.mqtt_commands import Commands
from scripts.benchmark import process
from scripts.benchmark.command_line import progress
from scripts.rig.broker import PASSWORD, USER, Broker, broker

_BASE: Final = "fleet"
_EVENTS: Final = 20
"""Of each speaker, at once: about those of a conversation."""
_DEADLINE_S: Final = 180.0
_DOWN_S: Final = 1.0
_STATUS: Final[dict[str, Any]] = {
    "version": "0",
    "state": "idle",
    "failure": None,
    "muted": False,
    "volume": 40,
    "conversation": None,
    "last_conversation": None,
    "conversations_today": 0,
    "timers": [],
    "button_greeting": "welcome",
    "wake_word_sensitivity": {"okay_nabu": 0.5},
}


async def _no_versions() -> None:
    return None


class Speaker:
    """The daemon's part for MQTT, with nothing behind it."""

    def __init__(self, number: int, port: int, password_file: Path) -> None:
        self.events = EventStream()
        self.client = MqttClient(
            Mqtt(host="127.0.0.1", port=port, username=USER, password_file=str(password_file), base_topic=_BASE),
            ["welcome"],
            self.events,
            status=lambda: _STATUS,
            commands=Commands(cast("Any", None)),
            versions=_no_versions,
            environment={},
            hostname=f"speaker-{number}",
        )


class Monitor:
    """Another client, which counts what the speakers publish."""

    def __init__(self) -> None:
        self.online_s: dict[str, float] = {}
        self.events = 0

    async def run(self, port: int) -> None:
        """Until the broker goes away."""
        async with aiomqtt.Client("127.0.0.1", port, username=USER, password=PASSWORD) as client:
            await client.subscribe([(f"{_BASE}/+/availability", 0), (f"{_BASE}/+/event", 0)])
            async for message in client.messages:
                topic = message.topic.value
                if topic.endswith("/event"):
                    self.events += 1
                elif message.payload == b"online":
                    self.online_s[topic] = time.monotonic()


async def on_one_broker(number: int) -> str:
    """Return the report."""
    lines = [f"{number} speakers (their MQTT part) on one mosquitto"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        async with broker(folder) as mosquitto:
            before_mib = process.memory(os.getpid()).private_mib
            began_s = time.monotonic()
            async with _monitoring(mosquitto) as monitor:
                speakers = [Speaker(each, mosquitto.port, folder / "password") for each in range(number)]
                await _until(lambda: len(monitor.online_s) == number, "all are online")
                spread = [at_s - began_s for at_s in monitor.online_s.values()]
                lines.append(f"first connection of all at once (s): {_percentiles(spread)}")
                grown_mib = process.memory(os.getpid()).private_mib - before_mib
                lines.append(
                    f"memory of a speaker's part: {grown_mib / number * 1024:.0f} KiB; of the broker:"
                    f" {process.memory(mosquitto.pid).private_mib:.1f} MiB for all"
                )
                lines.append(await _event_rate(speakers, monitor, mosquitto))
            progress("the broker is killed and started again")
            await mosquitto.kill()
            await _until(lambda: not any(each.client.health.ok for each in speakers), "all noticed")
            await asyncio.sleep(_DOWN_S)
            await mosquitto.start()
            restarted_s = time.monotonic()
            async with _monitoring(mosquitto) as monitor:
                await _until(lambda: len(monitor.online_s) == number, "all are back")
                back = [at_s - restarted_s for at_s in monitor.online_s.values()]
            lines.append(f"back after a restart of the broker (s): {_percentiles(back)}")
            lines.append(f"of these within one second: {_most_within(back, 1.0)} at most")
            lines += _histogram(back)
            await asyncio.gather(*(each.client.close() for each in speakers))
    return "\n".join([*lines, ""])


async def _event_rate(speakers: Sequence[Speaker], monitor: Monitor, mosquitto: Broker) -> str:
    cpu_s = process.cpu_s(mosquitto.pid)
    began_s = time.monotonic()
    for _ in range(_EVENTS):
        for speaker in speakers:
            speaker.events.publish(report.Triggered(gesture="press", trigger="button on pin 17"))
    total = _EVENTS * len(speakers)
    await _until(lambda: monitor.events >= total, "all events arrived")
    took_s = time.monotonic() - began_s
    busy = (process.cpu_s(mosquitto.pid) - cpu_s) / took_s
    return f"events at once: {total}, each with its state, in {took_s:.1f} s: {total / took_s:.0f} a second; the broker uses {busy:.0%} of a core"


@asynccontextmanager
async def _monitoring(mosquitto: Broker) -> AsyncIterator[Monitor]:
    monitor = Monitor()
    task = asyncio.get_running_loop().create_task(monitor.run(mosquitto.port))
    try:
        yield monitor
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(_DEADLINE_S):
            while not condition():  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {_DEADLINE_S:g} s: {what}") from None


def _percentiles(values: Sequence[float]) -> str:
    ordered = sorted(values)
    at = {f"{share} %": ordered[math.ceil(share / 100 * len(ordered)) - 1] for share in (5, 50, 95)}
    return ", ".join(f"{name} {value:.1f}" for name, value in at.items()) + f", last {ordered[-1]:.1f}"


def _most_within(values: Sequence[float], seconds: float) -> int:
    return max(sum(at <= other < at + seconds for other in values) for at in values)


def _histogram(values: Sequence[float]) -> list[str]:
    last = math.ceil(max(values))
    counts = [sum(second <= value < second + 2 for value in values) for second in range(0, last, 2)]
    return [f"{2 * index:>4} s {count:>4} {'#' * count}" for index, count in enumerate(counts)]
