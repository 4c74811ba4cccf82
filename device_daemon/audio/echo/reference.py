"""The echo reference: a ring buffer of what the loudspeaker played, indexed by the time at which it was heard.

An echo canceller compares what the microphone captured with what the loudspeaker played at that moment. The playback
thread writes here what it hands to the card, and says where the card is; the capture thread reads, for each chunk of
microphone audio, the same length of reference. Playback and capture cards have clocks of their own (up to 200 ppm apart),
and both are only known through pointers that move in steps, so the reader follows the position that the clocks say, but
smoothly: by single samples while the error is small, in one jump after a start, a stop or an underrun.

Audio is 24 kHz mono S16LE, times are time.monotonic().
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ, Samples

KEEP_S: Final = 2.0
"""How far back can be read: longer than any chunk waits for its reader."""
_SLIP_FRAMES: Final = 3
"""An error of more than 0.125 ms is made good by one sample in each read: 60 ms chunks follow 690 ppm."""
_JUMP_FRAMES: Final = 24
"""An error of more than 1 ms is no drift: the card started anew."""


class _Run:
    """What was played from one start of the card until it stopped."""

    def __init__(self) -> None:
        self.zero_s: float | None = None  # when its first frame was heard, by what is known now
        self.first = 0  # the frame that stands first in `data`; what is older was dropped
        self.data = bytearray()
        self.open = True
        self.next: int | None = None  # the frame at which the reader goes on

    @property
    def end(self) -> int:
        return self.first + len(self.data) // BYTES_PER_FRAME

    def end_s(self) -> float:
        return (self.zero_s or 0.0) + self.end / SAMPLE_RATE_HZ

    def position(self, at_s: float) -> int:
        """The frame to read for a chunk that begins at a time: near where the last one ended, if that is right."""
        assert self.zero_s is not None  # noqa: S101 - only anchored runs are read
        exact = (at_s - self.zero_s) * SAMPLE_RATE_HZ
        if self.next is None or abs(exact - self.next) > _JUMP_FRAMES:
            return round(exact)
        if abs(exact - self.next) > _SLIP_FRAMES:
            return self.next + (1 if exact > self.next else -1)
        return self.next

    def copy(self, start: int, out: bytearray) -> None:
        """Fill `out` with what there is from a frame on."""
        begin, end = max(start, self.first), min(start + len(out) // BYTES_PER_FRAME, self.end)
        if begin < end:
            source = memoryview(self.data)[
                (begin - self.first) * BYTES_PER_FRAME : (end - self.first) * BYTES_PER_FRAME
            ]
            at = (begin - start) * BYTES_PER_FRAME
            out[at : at + len(source)] = source
            source.release()


class ReferenceTrack:
    """Written by the playback thread, read by the capture thread; each call takes a lock for microseconds.

    `last` may be called by any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: deque[_Run] = deque()

    # The playback thread

    def begin(self) -> None:
        """The card is stopped and will start anew: what is written from now on is a new run."""
        with self._lock:
            self._close_run()
            self._runs.append(_Run())

    def write(self, pcm: Samples) -> None:
        """Append audio as loud as it was handed to the card, silence too. Begins a run where there is none."""
        with self._lock:
            if not self._runs or not self._runs[-1].open:
                self._runs.append(_Run())
            run = self._runs[-1]
            run.data += pcm
            self._drop_old(run)

    def anchor(self, zero_s: float) -> None:
        """Say when the first frame of the current run was heard, as far as the card's clock tells now."""
        with self._lock:
            if self._runs and self._runs[-1].open:
                self._runs[-1].zero_s = zero_s
                self._forget(zero_s - KEEP_S)  # in the modes without a reference nobody reads

    def split(self, frames: int) -> None:
        """The card ran dry after so many frames of the run: what was written behind them is a run of its own."""
        with self._lock:
            if not self._runs or not self._runs[-1].open:
                return
            run, rest = self._runs[-1], _Run()
            at = max(0, frames - run.first) * BYTES_PER_FRAME
            rest.data += run.data[at:]
            del run.data[at:]
            self._close_run()
            self._runs.append(rest)

    def cut(self, frames: int) -> None:
        """End the current run at a position: what was written behind it was never heard (a flush, a stop, a lost card).

        Args:
            frames: how many frames of the run were heard.
        """
        with self._lock:
            if not self._runs or not self._runs[-1].open:
                return
            run = self._runs[-1]
            del run.data[max(0, frames - run.first) * BYTES_PER_FRAME :]
            self._close_run()

    # The capture thread

    def read(self, begins_at_s: float, frames: int) -> bytes:
        """Return what was heard from a time on, `frames` frames of it; silence where nothing was played."""
        out = bytearray(frames * BYTES_PER_FRAME)
        with self._lock:
            self._forget(begins_at_s - KEEP_S)
            for run in self._runs:
                if run.zero_s is None:
                    continue
                start = run.position(begins_at_s)
                run.next = start + frames
                run.copy(start, out)
        return bytes(out)

    # Any thread

    def last(self, heard_at_s: float, frames: int) -> bytes:
        """Return the last `frames` frames that were heard until a time; silence where nothing was played."""
        out = bytearray(frames * BYTES_PER_FRAME)
        with self._lock:
            for run in self._runs:
                if run.zero_s is not None:
                    run.copy(round((heard_at_s - run.zero_s) * SAMPLE_RATE_HZ) - frames, out)
        return bytes(out)

    def sounded_since(self, since_s: float) -> bool:
        """Whether anything was being played at any moment after a time."""
        with self._lock:
            return any(run.zero_s is not None and run.data and run.end_s() > since_s for run in self._runs)

    def _close_run(self) -> None:
        if self._runs and self._runs[-1].open:
            self._runs[-1].open = False
            if self._runs[-1].zero_s is None or not self._runs[-1].data:
                self._runs.pop()  # nothing of it was heard

    @staticmethod
    def _drop_old(run: _Run) -> None:
        """Keep a bounded part of a run: what a card holds ahead (at most a few seconds) and `KEEP_S` behind."""
        excess = len(run.data) - round(2 * KEEP_S * SAMPLE_RATE_HZ) * BYTES_PER_FRAME
        if excess > SAMPLE_RATE_HZ * BYTES_PER_FRAME:  # seldom, and then a second at once
            del run.data[:excess]
            run.first += excess // BYTES_PER_FRAME

    def _forget(self, before_s: float) -> None:
        while self._runs and not self._runs[0].open and self._runs[0].end_s() < before_s:
            self._runs.popleft()
