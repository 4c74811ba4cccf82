"""What MQTT costs: this speaker with a broker beside itself without one, at rest and in a conversation."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from device_daemon.localservice.server import LocalService
from scripts.benchmark.command_line import Parser, progress
from scripts.benchmark.ours import Ours, cost_at_rest, ours
from scripts.benchmark.rounds import cost_of_conversation
from scripts.benchmark.scene import local_service
from scripts.benchmark.variants import Values, compare
from scripts.rig.broker import broker

ON: Final = "mqtt on"
OFF: Final = "mqtt off"
REST_MEMORY: Final = "memory at rest, private (MiB)"
REST_CPU: Final = "processor time at rest (ms/s)"
WAKE_UPS: Final = "wake-ups at rest (1/s)"
TALK_MEMORY: Final = "memory in conversation, private (MiB)"
TALK_CPU: Final = "processor time in conversation (ms/s)"
ROWS: Final = (REST_MEMORY, REST_CPU, WAKE_UPS, TALK_MEMORY, TALK_CPU)


async def measure(rounds: int) -> Values:
    """Hold conversations with both, in turn, the first of each pair by chance."""
    values, service = Values(list), local_service()
    await service.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            async with broker(folder) as mosquitto:
                mqtt = mosquitto.config()
                async with (
                    ours(folder / "on", service.endpoint, mqtt=mqtt) as with_mqtt,
                    ours(folder / "off", service.endpoint) as without,
                ):
                    await with_mqtt.device.wait_for_log("mqtt: connected")
                    for number in range(rounds):
                        progress(f"round {number + 1} of {rounds}")
                        for variant, speaker in random.sample([(ON, with_mqtt), (OFF, without)], 2):
                            await _round(values, variant, speaker, service)
    finally:
        await service.stop()
    return values


async def _round(values: Values, variant: str, speaker: Ours, service: LocalService) -> None:
    rest = await cost_at_rest(speaker)
    values[REST_MEMORY, variant].append(rest.memory.private_mib)
    values[REST_CPU, variant].append(rest.cpu_ms_per_s)
    values[WAKE_UPS, variant].append(rest.wakeups_per_s)
    cost = await cost_of_conversation(speaker, service)
    values[TALK_MEMORY, variant].append(cost.memory.private_mib)
    values[TALK_CPU, variant] += cost.both_ms_per_s


def main(argv: Sequence[str]) -> int:
    """Return the exit code."""
    parser = Parser("mqtt", "What MQTT costs, at rest and in a conversation.")
    compare(parser, argv, measure, ROWS, (ON, OFF), rounds=5, needs="mosquitto")
    return 0
