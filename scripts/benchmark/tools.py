"""What the built-in tools cost a conversation that uses none: this speaker with all of them beside itself without any."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from device_daemon.localservice.record import SessionRecord
from device_daemon.localservice.server import LocalService
from scripts.benchmark.command_line import Parser, progress
from scripts.benchmark.ours import Ours, ours
from scripts.benchmark.rounds import Phases, one_round
from scripts.benchmark.scene import local_service
from scripts.benchmark.variants import Values, compare

ALL: Final = "all tools"
NONE: Final = "no tools"
SET_UP: Final = "connection opened -> session.updated (ms)"
GREETING: Final = "press -> greeting never spoken before (ms)"
SILENCE: Final = "speech_started -> silence (ms)"
CLICK_TO_WIRE: Final = "click -> its message arrives (ms)"
UPDATE: Final = "session.update (bytes)"
ROWS: Final = (SET_UP, GREETING, SILENCE, CLICK_TO_WIRE, UPDATE)

AUDIO: Final = {"echo": "hardware"}
"""The scene's voices are noise, which a canceller takes away."""


async def measure(rounds: int) -> Values:
    """Hold conversations with both, in turn, the first of each pair by chance."""
    values, service = Values(list), local_service()
    await service.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            async with (
                ours(folder / "all", service.endpoint, audio=AUDIO) as with_tools,
                ours(folder / "none", service.endpoint, audio=AUDIO, tools={"builtin": []}) as without,
            ):
                speakers = [(ALL, with_tools, Phases(random.random())), (NONE, without, Phases(random.random()))]
                for number in range(rounds):
                    progress(f"round {number + 1} of {rounds}")
                    for variant, speaker, phases in random.sample(speakers, 2):
                        await _round(values, variant, speaker, service, phases)
    finally:
        await service.stop()
    return values


async def _round(values: Values, variant: str, speaker: Ours, service: LocalService, phases: Phases) -> None:
    began_s = time.monotonic()
    one = await one_round(speaker, service, phases)
    session = next(each for each in service.record.sessions if each.opened_s >= began_s and each.received_frames)
    values[SET_UP, variant].append(_set_up_ms(session))
    values[GREETING, variant].append(one.greeting_ms)
    values[SILENCE, variant].append(one.silence_ms)
    values[CLICK_TO_WIRE, variant] += one.click_to_wire_ms
    values[UPDATE, variant].append(len(json.dumps(session.of_type("session.update")[0].summary)))


def _set_up_ms(session: SessionRecord) -> float:
    return (session.of_type("session.updated")[0].at_s - session.opened_s) * 1000


def main(argv: Sequence[str]) -> int:
    """Return the exit code."""
    parser = Parser("tools", "What the built-in tools cost a conversation that uses none.")
    compare(parser, argv, measure, ROWS, (ALL, NONE), rounds=20)
    return 0
