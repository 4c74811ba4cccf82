"""The room the speaker stands in: a person who hears and talks, at the other end of the kernel's loopback card."""

from __future__ import annotations

import array
import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from tests.vm.table import Skipped

DEVICE = "plughw:CARD=Loopback,DEV=1"
"""What the program plays into DEV=0 comes out of DEV=1, and the other way round."""
RATE_HZ = 24_000
CHUNK_FRAMES = 480
LOUD = 800
"""Peak from which a chunk counts as sound: -32 dBFS."""
_FORMAT = f"-f S16_LE -c 1 -r {RATE_HZ} --period-size={CHUNK_FRAMES} --buffer-size={CHUNK_FRAMES * 10}".split()
DEAF_S = 5.0
"""Sound comes all the time, mostly silence; a recorder that gives none for so long hears nothing of what it is to hear."""
PAUSE_S = 0.7
"""A pause between two words is shorter; a silence that is longer is an end."""


class Room:
    """Hears all the time between `with Room() as room` and its end, except while everybody has `left`."""

    def __init__(self) -> None:
        self._loud_s: list[float] = []
        self._heard_until_s = 0.0
        self._enter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    @contextlib.contextmanager
    def left(self) -> Iterator[None]:
        """Nobody is there and the card is free: it can be taken out."""
        self._leave()
        try:
            yield
        finally:
            self._enter()

    def _enter(self) -> None:
        self._left = threading.Event()
        self._arecord: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._hear)
        self._thread.start()

    def _leave(self) -> None:
        self._left.set()
        if self._arecord:
            self._arecord.terminate()
        self._thread.join()

    def _hear(self) -> None:
        while not self._left.is_set():  # on a busy machine arecord gives up when nothing came for ten seconds
            command = ["arecord", "-q", "-D", DEVICE, "-t", "raw", *_FORMAT]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as self._arecord:
                if self._left.is_set():
                    self._arecord.terminate()
                assert self._arecord.stdout is not None
                self._listen(self._arecord.stdout)

    def _listen(self, sound: IO[bytes]) -> None:
        while chunk := sound.read(CHUNK_FRAMES * 2):
            samples = array.array("h", chunk)
            now_s = time.monotonic()
            if max(samples) >= LOUD or min(samples) <= -LOUD:
                self._loud_s.append(now_s)
            self._heard_until_s = now_s

    def first_sound_s(self, since_s: float, deadline_s: float = 60.0) -> float | None:
        """Wait for a sound that began after `since_s` and return when (monotonic), or None.

        Raises Skipped where the room itself was deaf: its recorder is a program of the same busy machine.
        """
        end_s = time.monotonic() + deadline_s
        while time.monotonic() < end_s:
            if heard := next((at_s for at_s in self._loud_s if at_s > since_s), None):
                return heard
            time.sleep(0.02)
        if end_s - self._heard_until_s > DEAF_S:
            raise Skipped(f"not measured: the room's recorder stood still for {end_s - self._heard_until_s:.0f} s")
        return None

    def last_sound_s(self, since_s: float, deadline_s: float = 30.0) -> float | None:
        """Wait for silence after `since_s` and return when the last sound was (monotonic), or None if it goes on."""
        end_s = time.monotonic() + deadline_s
        while time.monotonic() < end_s:
            last_s = self._loud_s[-1] if self._loud_s else since_s
            if self._heard_until_s - max(last_s, since_s) > PAUSE_S:
                return max(last_s, since_s)
            time.sleep(0.02)
        return None

    def sound_s(self, since_s: float, until_s: float) -> float:
        """How many seconds of sound there were."""
        loud = [at_s for at_s in self._loud_s if since_s < at_s <= until_s]
        return len(loud) * CHUNK_FRAMES / RATE_HZ


def talk(wav: Path) -> subprocess.Popen[bytes]:
    """Begin to say something into the microphone."""
    return subprocess.Popen(["aplay", "-q", "-D", DEVICE, wav])
