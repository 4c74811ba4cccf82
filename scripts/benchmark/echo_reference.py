"""How exactly the echo reference fits the microphone, measured on the simulated card by cross-correlation.

The real speaker and microphone play and capture; the room's echo comes after exactly 5 ms. For every 60 ms in which the
microphone or its reference sound the lag between them is found: constant means that a canceller has nothing to find again.
Interruptions, forced underruns, clocks that differ and a card that was pulled out are what could shift it. All such pieces
count: where the reference is another sound, missing, or too far from its place, it is "not locked".
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import math
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
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
from scripts.rig.acoustics import Wave
from scripts.rig.card import SimulatedCard

DELAY_MS: Final = 5.0
PIECE_S: Final = 0.06
_WINDOW: Final = round(SAMPLE_RATE_HZ * PIECE_S)
_SEARCH: Final = SAMPLE_RATE_HZ * 20 // 1000
_LOUD: Final = 500.0
"""Effective value of what counts as sound: an eighth of the echo's, and more than any noise here."""
_SAME_SOUND: Final = 0.5
"""Least correlation between an echo and its own reference."""
_GAP_S: Final = 0.005
_stand_still_us: Final = ctypes.PyDLL(None).usleep
"""Through PyDLL, which keeps the interpreter: no thread of this process runs meanwhile."""


@dataclass(frozen=True)
class Piece:
    """60 ms in which microphone or reference sounded."""

    begins_at_s: float
    error_ms: float
    """How far the reference is from its place; infinite where it is no reference of this sound."""


@dataclass
class Offsets:
    """What was measured."""

    pieces: list[Piece] = field(default_factory=list)
    underruns: int = 0
    flushes: int = 0
    reopened: int = 0
    """How often the microphone's card was opened again."""

    def errors_ms(self) -> list[float]:
        """All errors that are finite, without their sign, in ascending order."""
        return sorted(abs(piece.error_ms) for piece in self.pieces if math.isfinite(piece.error_ms))

    def not_locked(self, limit_ms: float) -> int:
        """How many pieces have no reference within `limit_ms` of its place."""
        return sum(1 for piece in self.pieces if abs(piece.error_ms) > limit_ms)

    def longest_not_locked_ms(self, limit_ms: float) -> float:
        """The longest time from the beginning of a piece that is not locked to the next that is."""
        longest_s = 0.0
        since_s: float | None = None
        for piece in self.pieces:
            if abs(piece.error_ms) > limit_ms:
                since_s = piece.begins_at_s if since_s is None else since_s
                longest_s = max(longest_s, piece.begins_at_s + PIECE_S - since_s)
            else:
                since_s = None
        return longest_s * 1000


CASES: Final = {
    "interruptions": (0.5, {"interruptions": 50, "underruns": 10}),
    "drift": (1.0, {"interruptions": 10, "ppm": 200}),
    "losses": (0.5, {"losses": 5}),
}
"""What happens, and how far the reference may then be from its place, in ms."""


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
            await _disturb(card, speaker, seconds, interruptions, underruns, losses)
        finally:
            await microphone.close()
            found.reopened = microphone.counters.reopened
            found.flushes, found.underruns = speaker.counters.flushes, speaker.counters.underruns
            await speaker.close()
    for begins_at_s, near, far in _runs(captured):
        found.pieces += _pieces(begins_at_s, near, far)
    return found


async def _disturb(
    card: SimulatedCard,
    speaker: Speaker,
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
                case "underrun":
                    _stand_still_us(120_000)  # longer than the 60 ms that the card keeps
                case _:
                    card.unplug()
                    await asyncio.sleep(0.3)
                    card.plug()


def _delay() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    response = np.zeros(round(DELAY_MS * SAMPLE_RATE_HZ / 1000) + 1)
    response[-1] = 0.5
    return response


def _runs(periods: Sequence[Period]) -> Iterator[tuple[float, Wave, Wave]]:
    """Join what follows without a gap: when it begins, the microphone, its reference (silence where there is none)."""
    run: list[Period] = []
    for period in [*periods, None]:
        if run and (period is None or abs(period.begins_at_s - run[-1].captured_at_s) > _GAP_S):
            near = b"".join(each.pcm for each in run)
            far = b"".join(each.reference or bytes(len(each.pcm)) for each in run)
            yield (
                run[0].begins_at_s,
                np.frombuffer(near, np.int16).astype(np.float64),
                np.frombuffer(far, np.int16).astype(np.float64),
            )
            run = []
        if period is not None:
            run.append(period)


def _pieces(begins_at_s: float, near: Wave, far: Wave) -> Iterator[Piece]:
    far = np.pad(far, _SEARCH)
    for at in range(0, len(near) - _WINDOW + 1, _WINDOW):
        # The reference of this piece, and as much before and after it as it may be displaced.
        around = far[at : at + _WINDOW + 2 * _SEARCH]
        error_ms = _error_ms(near[at : at + _WINDOW], around)
        if error_ms is not None:
            yield Piece(begins_at_s + at / SAMPLE_RATE_HZ, error_ms)


def _error_ms(near: Wave, around: Wave) -> float | None:
    """Return how far the reference is from its place; None where nothing sounds."""
    place = _SEARCH - round(DELAY_MS * SAMPLE_RATE_HZ / 1000)
    if near.std() < _LOUD and around[place : place + _WINDOW].std() < _LOUD:
        return None
    size = 1 << (len(around) + len(near)).bit_length()
    products = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(near, size)), size)[: 2 * _SEARCH + 1]
    energies = np.convolve(around**2, np.ones(_WINDOW), "valid")
    similar = np.abs(products) / np.sqrt(energies * np.sum(near**2) + 1.0)
    best = int(np.argmax(similar))
    return (place - best) * 1000 / SAMPLE_RATE_HZ if similar[best] >= _SAME_SOUND else math.inf


def main(argv: Sequence[str]) -> int:
    """`scripts/bench echo-reference`."""
    parser = Parser("echo-reference", "How exactly the echo reference fits the microphone.")
    parser.add_argument("--minutes", type=count, default=10, help="how long each case takes (10)")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only this case; can be given again")
    options: argparse.Namespace = parser.parse_args(argv)
    print(
        "| case | pieces of 60 ms with sound | error ms: median, 99 %, largest | not locked within | pieces | "
        "longest, ms | interruptions | underruns | card opened again |"
    )
    print("|" + " --- |" * 9)
    for name in options.case or CASES:
        limit_ms, case = CASES[name]
        progress(name)
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(measure(Path(folder), options.minutes * 60, **case))
        errors = found.errors_ms()
        print(
            f"| {name} | {len(found.pieces)} | {errors[len(errors) // 2]:.3f}, {errors[int(len(errors) * 0.99)]:.3f}, "
            f"{errors[-1]:.3f} | {limit_ms} ms | {found.not_locked(limit_ms)} | "
            f"{found.longest_not_locked_ms(limit_ms):.0f} | {found.flushes} | {found.underruns} | {found.reopened} |",
            flush=True,
        )
    return 0
