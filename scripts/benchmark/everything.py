"""What everything costs that is not on by default, at rest and in a conversation: the speaker with all of it beside itself without."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from device_daemon.localservice.server import LocalService
from scripts.benchmark.command_line import Parser, progress
from scripts.benchmark.ours import Ours, config, cost_at_rest, ours
from scripts.benchmark.rounds import cost_of_conversation
from scripts.benchmark.scene import STEADY, local_service
from scripts.benchmark.variants import Values, compare
from scripts.rig.broker import broker

OFF: Final = "nothing"
ON: Final = "everything"
REST_CPU: Final = "CPU at rest (ms/s)"
REST_WAKEUPS: Final = "wake-ups at rest (1/s)"
REST_PSS: Final = "PSS at rest (MiB)"
LISTENING: Final = "CPU, listening only (ms/s)"
BOTH: Final = "CPU, two-way conversation (ms/s)"
SPEAKING: Final = "CPU, speaking, microphone open (ms/s)"
PSS: Final = "PSS in conversation (MiB)"
ROWS: Final = (REST_CPU, REST_WAKEUPS, REST_PSS, LISTENING, BOTH, SPEAKING, PSS)
_ECHO_GAIN: Final = 0.2
"""Of the room, for both: without an echo no canceller runs."""
_WHAT: Final = """\
Everything: a wake word and the stop word, all built-in tools, audio.echo: local, mqtt (a mosquitto on this machine),
metrics.textfile, on_event (a program that ends at once; its own time does not count) and limits. Nothing: none of these, with
audio.echo: service. Both have two buttons and a light. Each runs alone, in turn.
"""


def sections(variant: str, endpoint: str, folder: Path, mqtt: dict[str, Any]) -> dict[str, Any]:
    """Return what the config of a variant has beside the benchmark's usual sections."""
    if variant == OFF:
        return {"tools": {"builtin": []}}
    word = {"type": "wake-word", "word": "okay_nabu", "greeting": "none"}
    return {
        "audio": {"echo": "local"},
        "triggers": [*config(endpoint)["triggers"], word],
        "mqtt": mqtt,
        "metrics": {"textfile": str(folder / "speaker.prom")},
        "on_event": [shutil.which("true") or "/bin/true"],
        "limits": {"minutes_per_day": 1_440, "conversations_per_hour": 1_000},
    }


async def measure(rounds: int) -> Values:
    """Run each variant that often, in turn."""
    values, service = Values(list), local_service(STEADY)
    await service.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            async with broker(folder) as mosquitto:
                for number in range(rounds):
                    for variant in (OFF, ON):
                        progress(f"round {number + 1} of {rounds}: {variant}")
                        place = folder / f"{variant}-{number}"
                        more = sections(variant, service.endpoint, folder, mosquitto.config())
                        async with ours(place, service.endpoint, echo_gain=_ECHO_GAIN, **more) as speaker:
                            await _round(values, variant, speaker, service)
    finally:
        await service.stop()
    return values


async def _round(values: Values, variant: str, speaker: Ours, service: LocalService) -> None:
    if variant == ON:
        await speaker.device.wait_for_log("mqtt: connected to")
        await speaker.device.wait_for_state("wake-word")
    rest = await cost_at_rest(speaker)
    values[REST_CPU, variant].append(rest.cpu_ms_per_s)
    values[REST_WAKEUPS, variant].append(rest.wakeups_per_s)
    values[REST_PSS, variant].append(rest.memory.pss_mib)
    cost = await cost_of_conversation(speaker, service)
    values[LISTENING, variant] += cost.listening_ms_per_s
    values[BOTH, variant] += cost.both_ms_per_s
    values[SPEAKING, variant] += cost.speaking_ms_per_s
    values[PSS, variant].append(cost.memory.pss_mib)


def main(argv: Sequence[str]) -> int:
    """`scripts/bench everything`."""
    parser = Parser("everything", "What everything that can be switched on costs, at rest and in a conversation.")
    compare(parser, argv, measure, ROWS, (OFF, ON), rounds=2, needs="mosquitto")
    print(_WHAT, end="")
    return 0
