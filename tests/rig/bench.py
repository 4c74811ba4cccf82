"""Latencies and costs of the whole daemon, on the simulated card and the local service: `scripts/bench`.

The daemon is a process of its own, as shipped; card and service add no delay, and their clocks are the daemon's
(CLOCK_MONOTONIC), so every figure is the daemon's own: from an edge on the pin, or a message leaving the service, to a
sample on the card.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from device_daemon.localservice.faults import Faults
from device_daemon.localservice.record import SessionRecord
from device_daemon.localservice.replies import Replies, Rule
from device_daemon.localservice.server import LocalService
from device_daemon.localservice.voice import Voice
from tests.rig.card import SimulatedCard
from tests.rig.device import Device, config_for, running

RATE_HZ = 24_000
DEFAULT_ROUNDS = 30
BUSY_LOAD = 1.5


async def _noise(_text: str, *, voice: str = "en", words_per_minute: int = 165) -> bytes:
    """Ten seconds of voice that costs the service nothing to make."""
    del voice, words_per_minute
    return _TALK


_TALK = np.random.default_rng(1).integers(-3000, 3000, 10 * RATE_HZ, np.int16).tobytes()
_SPEECH = np.random.default_rng(2).integers(-4000, 4000, RATE_HZ * 6 // 10, np.int16)


@dataclass(slots=True)
class Figures:
    """Samples by name, in the unit that the name ends with."""

    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.samples.setdefault(name, []).append(value)

    def summary(self) -> dict[str, dict[str, float]]:
        """Count, minimum, median, 95th percentile and maximum of each."""
        found = {}
        for name, values in self.samples.items():
            ordered = sorted(values)
            found[name] = {
                "n": len(ordered),
                "min": ordered[0],
                "median": statistics.median(ordered),
                "p95": ordered[round((len(ordered) - 1) * 0.95)],
                "max": ordered[-1],
            }
        return found

    def table(self) -> str:
        """The same, readable."""
        lines = [f"{'':44}{'n':>5}{'min':>9}{'median':>9}{'p95':>9}{'max':>9}"]
        for name, row in self.summary().items():
            numbers = "".join(f"{row[column]:9.1f}" for column in ("min", "median", "p95", "max"))
            lines.append(f"{name:44}{row['n']:5.0f}{numbers}")
        return "\n".join(lines)


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, with its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_mib(pid: int) -> float:
    """Memory of a process, what it shares counted by its share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no Pss in smaps_rollup")


async def mouth_to_wire_ms(device: Device, record: SessionRecord) -> float:
    """A click in the quiet microphone, and the arrival of the message that holds it."""
    click = np.full(24, 20_000, np.int16)
    seen = len(record.audio)
    clicked_s = device.card.say(click)
    deadline_s = time.monotonic() + 5.0
    while time.monotonic() < deadline_s:
        received = np.frombuffer(bytes(record.audio[seen:]), np.int16)
        loud = np.flatnonzero(np.abs(received.astype(np.int32)) > 10_000)
        if len(loud):
            frame = seen // 2 + int(loud[0])
            arrival = next(a for a in record.arrivals if a.first_frame <= frame < a.first_frame + a.frames)
            return (arrival.at_s - clicked_s) * 1000
        await asyncio.sleep(0.02)
    raise AssertionError("the click never arrived")


async def one_round(device: Device, service: LocalService, figures: Figures) -> None:
    """One conversation: press, greeting, talk over it, click, press."""
    states = len(device.states)
    # A finger does not come back within 20 ms; and not always at the same place of a period.
    await asyncio.sleep(random.uniform(0.1, 0.2))
    pressed_s = await device.press()
    heard_s = await device.wait_for_sound(pressed_s)
    figures.add("press -> greeting heard (ms)", (heard_s - pressed_s) * 1000)
    record = service.record.sessions[-1]
    pid = device.process.pid
    before_s, cpu_before_s = time.monotonic(), cpu_s(pid)
    spoken_s = device.card.say(_SPEECH)
    started = await service.wait_for("input_audio_buffer.speech_started", session=record.number)
    silent_s = await device.wait_for_silence(spoken_s, silence_ms=150)
    figures.add("speech_started -> silence (ms)", (silent_s - started.at_s) * 1000)
    await device.wait_for_state("speaking", states)
    await device.press()
    await device.wait_for_silence(time.monotonic() - 0.05, silence_ms=150)
    figures.add("mouth -> wire (ms)", await mouth_to_wire_ms(device, record))
    spent_s = time.monotonic() - before_s
    figures.add("CPU in conversation (ms/s)", (cpu_s(pid) - cpu_before_s) / spent_s * 1000)
    figures.add("PSS in conversation (MiB)", pss_mib(pid))
    await device.press()
    await device.wait_for_state("idle", states)


async def measure(rounds: int, faults: Faults) -> Figures:
    """Run it all on one daemon."""
    figures = Figures()
    replies = Replies([Rule(after="speech", say="An answer.")])
    service = LocalService(replies=replies, voice=Voice(_noise), faults=faults)
    await service.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            card = SimulatedCard(folder / "card")
            began_s = time.monotonic()
            async with running(folder / "device", config_for(service.endpoint), card) as device:
                figures.add("start -> button armed (ms)", (time.monotonic() - began_s) * 1000)
                await device.wait_for_state("idle")
                figures.add("PSS idle (MiB)", pss_mib(device.process.pid))
                for number in range(rounds):
                    print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
                    await one_round(device, service, figures)
                status = await device.status()
                print(file=sys.stderr)
                figures.add("xruns", status["microphone"]["overruns"] + status["speaker"]["underruns"])
    finally:
        await service.stop()
    return figures


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser("scripts/bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS)
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    parser.add_argument("--synthesis-ms", type=int, default=0, help="what the service takes to make the first sound")
    parser.add_argument("--network-ms", type=int, default=0, help="delay of the network, each way")
    args = parser.parse_args()
    if os.getloadavg()[0] > BUSY_LOAD:
        print(f"bench: this machine is busy (load {os.getloadavg()[0]:.1f}); expect worse figures", file=sys.stderr)
    faults = Faults(speed=0, synthesis_ms=args.synthesis_ms, network_delay_ms=args.network_ms)
    figures = asyncio.run(measure(args.rounds, faults))
    summary: Mapping[str, object] = figures.summary()
    print(json.dumps(summary) if args.json else figures.table())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
