"""An alsaaudio PCM on the simulated card, and what the tests of that card play on it."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable

import alsaaudio
import numpy as np

from scripts.rig.card import SimulatedCard
from scripts.rig.tracks import Samples

PERIOD = 240
PERIODS = 16  # ample: on a busy machine these tests are late now and then
BUFFER = PERIOD * PERIODS
DEADLINE_S = 5.0

MakeCard = Callable[..., SimulatedCard]
Open = Callable[..., "Pcm"]


class Pcm:
    """An alsaaudio PCM, non-blocking, read and written by poll() as the program does."""

    def __init__(self, direction: int, device: str, period: int, periods: int) -> None:
        self.alsa = alsaaudio.PCM(
            direction,
            alsaaudio.PCM_NONBLOCK,
            rate=24_000,
            channels=1,
            format=alsaaudio.PCM_FORMAT_S16_LE,
            periodsize=period,
            periods=periods,
            device=device,
        )
        self.direction = direction
        self.closed = False

    def woken(self, timeout_s: float) -> list[tuple[int, int]]:
        """Poll once."""
        poll = select.poll()
        for fd, events in self.alsa.polldescriptors():
            poll.register(fd, events)
        return poll.poll(timeout_s * 1000)

    def revents(self, timeout_s: float = DEADLINE_S) -> int:
        """Poll once, and ask what it was about."""
        woken = self.woken(timeout_s)
        return int(self.alsa.polldescriptors_revents(woken)) if woken else 0

    def wait(self) -> int:
        """Poll until there is something to do."""
        give_up_s = time.monotonic() + DEADLINE_S
        while not (revents := self.revents()):
            assert time.monotonic() < give_up_s
        return revents

    def write(self, samples: Samples) -> int:
        return int(self.alsa.write(samples.tobytes()))

    def play(self, samples: Samples) -> None:
        """Write everything, in periods, as room comes."""
        for start in range(0, len(samples), PERIOD):
            self.wait()
            piece = samples[start : start + PERIOD]
            assert self.write(piece) == len(piece)

    def read(self) -> Samples:
        """Read what is there, at most a period."""
        count, data = self.alsa.read()
        assert count >= 0, "overrun"
        return np.frombuffer(data, np.int16)

    def record(self, frames: int) -> Samples:
        """Read that much and more, starting the card if it is at rest."""
        pieces = [self.read()]
        while sum(map(len, pieces)) < frames:
            self.wait()
            pieces.append(self.read())
        return np.concatenate(pieces)

    def pending(self) -> int:
        """How much was written and not yet heard, as programs reckon it."""
        return BUFFER - int(self.alsa.avail())

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            with contextlib.suppress(alsaaudio.ALSAAudioError):  # unplugged: nothing is left to drop
                self.alsa.drop()  # or close() drains
            self.alsa.close()


def ramp(frames: int, first: int = 1) -> Samples:
    """Samples that each tell which they are."""
    return np.arange(first, first + frames, dtype=np.int16)


def tone(frames: int, hz: float = 1000.0) -> Samples:
    return np.asarray(8000 * np.sin(2 * np.pi * hz * np.arange(frames) / 24_000), np.int16)


def at_frame(card: SimulatedCard, frame: int) -> None:
    """Wait for a moment on the card's clock."""
    while card.now_frame() < frame:
        time.sleep(0.001)


def all_heard(card: SimulatedCard) -> Samples:
    """Everything that was and will be heard, from the card's making on; the index is the frame."""
    return card.heard(card.time_of(0), time.monotonic() + 1.0)
