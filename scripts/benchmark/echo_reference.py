"""How exactly the echo reference fits the microphone, measured on the simulated card by cross-correlation.

The real speaker and microphone play and capture; the room's echo comes after exactly 5 ms. For every chunk of microphone
audio the lag of its reference is found: constant means that a canceller has nothing to find again. Interruptions, forced
underruns, clocks that differ and a card that was pulled out are what could shift it.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from device_daemon.audio.echo.control import EchoControl
from device_daemon.audio.microphone import Microphone
from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.audio.period import Period
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import EchoSettings, MicrophoneSettings, SpeakerSettings
from scripts.benchmark.command_line import Parser, count, progress
from scripts.rig.card import SimulatedCard

DELAY_MS: Final = 5.0
_WINDOW: Final = SAMPLE_RATE_HZ * 60 // 1000
_SEARCH: Final = SAMPLE_RATE_HZ * 20 // 1000
_LOUD: Final = 500.0
_stand_still_us: Final = ctypes.PyDLL(None).usleep
"""Through PyDLL, which keeps the interpreter: no thread of this process runs meanwhile."""


@dataclass
class Offsets:
    """What was measured: how far the reference was from its place, in ms, with the time of each chunk."""

    errors_ms: list[tuple[float, float]] = field(default_factory=list)
    disturbed_s: list[float] = field(default_factory=list)
    """When an interruption, an underrun or a loss of the card happened."""
    underruns: int = 0
    flushes: int = 0

    def settled_ms(self, settle_s: float = 0.2) -> list[float]:
        """The errors of all chunks but those within `settle_s` after a disturbance, where the reference may jump."""
        return [
            error for at_s, error in self.errors_ms if not any(0 <= at_s - when < settle_s for when in self.disturbed_s)
        ]


async def measure(
    folder: Path, seconds: float, *, interruptions: int = 0, underruns: int = 0, losses: int = 0, ppm: int = 0
) -> Offsets:
    """Play and capture for a while, disturb it so often, and return how the reference fitted."""
    card = SimulatedCard(folder, history_s=60.0)
    card.set_room(_delay(), capture_ppm=ppm)
    with card.in_this_process():
        echo = EchoControl(EchoSettings(mode="client-reference"))
        loop = asyncio.get_running_loop()
        captured: list[Period] = []
        speaker = Speaker(
            SpeakerSettings(device="simcard", volume=100, period_ms=20, periods=3),
            loop=loop,
            on_event=lambda _event: None,
            reference=echo.track,
        )
        microphone = Microphone(
            MicrophoneSettings(device="simcard", periods=16),
            loop=loop,
            on_periods=captured.extend,
            on_failure=lambda _error: None,
            on_recovery=lambda: None,
            process=echo.process,
        )
        speaker.start()
        microphone.open()
        found = Offsets()
        try:
            await _disturb(card, speaker, found, seconds, interruptions, underruns, losses)
        finally:
            await microphone.close()
            found.flushes, found.underruns = speaker.counters.flushes, speaker.counters.underruns
            await speaker.close()
    for period in captured:
        if (error := _error_ms(period)) is not None:
            found.errors_ms.append((period.captured_at_s, error))
    return found


async def _disturb(
    card: SimulatedCard,
    speaker: Speaker,
    found: Offsets,
    seconds: float,
    interruptions: int,
    underruns: int,
    losses: int,
) -> None:
    chance = random.Random(1)
    events = ["flush"] * interruptions + ["underrun"] * underruns + ["loss"] * losses
    chance.shuffle(events)
    end_s = time.monotonic() + seconds
    gap_s = seconds / (len(events) + 1)
    ticket = 0
    noise = np.random.default_rng(2)
    next_s = time.monotonic() + gap_s
    queued_until_s = time.monotonic()
    while time.monotonic() < end_s:
        while queued_until_s < time.monotonic() + 0.5:
            ticket += 1
            speaker.play("noise", noise.integers(-8000, 8001, SAMPLE_RATE_HZ // 5, np.int16).tobytes(), ticket)
            queued_until_s = max(queued_until_s, time.monotonic()) + 0.2
        await asyncio.sleep(0.05)
        if events and time.monotonic() >= next_s:
            next_s += gap_s
            match events.pop():
                case "flush":
                    ticket += 1
                    speaker.flush(ticket)
                    queued_until_s = time.monotonic()
                    found.disturbed_s.append(time.monotonic())
                case "underrun":
                    before_s = time.monotonic()
                    _stand_still_us(120_000)  # longer than the 60 ms that the card keeps
                    found.disturbed_s += [before_s, time.monotonic()]
                case _:
                    card.unplug()
                    await asyncio.sleep(0.3)
                    card.plug()
                    await asyncio.sleep(1.5)
                    found.disturbed_s += [time.monotonic() - second / 10 for second in range(19)]


def _delay() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    response = np.zeros(round(DELAY_MS * SAMPLE_RATE_HZ / 1000) + 1)
    response[-1] = 0.5
    return response


def _error_ms(period: Period) -> float | None:
    """Return how far a chunk's reference is from its place; None of a chunk with too little sound."""
    near = np.frombuffer(period.pcm, np.int16).astype(np.float64)
    far = np.frombuffer(period.reference, np.int16).astype(np.float64)
    if len(far) != len(near) or near.std() < _LOUD or far.std() < _LOUD:
        return None
    size = 2 * len(near)
    correlation = np.fft.irfft(np.fft.rfft(near, size) * np.conj(np.fft.rfft(far, size)), size)
    lags = np.concatenate([correlation[-_SEARCH:], correlation[:_SEARCH]])
    best = int(np.argmax(np.abs(lags)))
    if abs(lags[best]) < 0.5 * np.linalg.norm(near) * np.linalg.norm(far):
        return None  # half of it is another sound: it began or ended in this chunk
    return (best - _SEARCH) * 1000 / SAMPLE_RATE_HZ - DELAY_MS


def main(argv: Sequence[str]) -> int:
    """`scripts/bench echo-reference`."""
    parser = Parser("echo-reference", "How exactly the echo reference fits the microphone.")
    parser.add_argument("--minutes", type=count, default=10, help="how long each case takes (10)")
    options: argparse.Namespace = parser.parse_args(argv)
    print("| case | chunks | error ms: median, 99 %, largest | interruptions | underruns |")
    print("| --- | --- | --- | --- | --- |")
    for name, case in (
        ("50 interruptions, 10 underruns", {"interruptions": 50, "underruns": 10}),
        ("clocks 200 ppm apart", {"interruptions": 10, "ppm": 200}),
        ("card pulled out 5 times", {"losses": 5}),
    ):
        progress(name)
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(measure(Path(folder), options.minutes * 60, **case))
        errors = sorted(abs(error) for error in found.settled_ms())
        print(
            f"| {name} | {len(errors)} | {errors[len(errors) // 2]:.3f}, {errors[int(len(errors) * 0.99)]:.3f}, "
            f"{errors[-1]:.3f} | {found.flushes} | {found.underruns} |",
            flush=True,
        )
    return 0
