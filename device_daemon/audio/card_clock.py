"""The position of a running PCM, smoothed: removes the jitter of its hardware pointer. Pure: times come from outside."""

from __future__ import annotations

from typing import Final

POLL_GRACE_S: Final = 0.001
"""So long after a period's end its reader or writer looks by itself: alsa-lib's rate converter keeps a fraction of a frame,
and then poll() on the card reports two periods at once, one period too late."""
_DRIFT: Final = 300e-6
"""How much slower than its nominal rate a card may run (and be followed): crystals are within 100 ppm."""


class CardClock:
    """Turns a card's pointer, which on many cards moves in steps of a period, into a position that moves with time.

    A pointer never runs ahead of the card, and the card runs at its nominal rate. So each observation says "the card
    has done at least this much since then", and the one that says most is right, but for the microseconds it took
    to observe. That line is kept; it falls slowly, so that a card slower than nominal is followed too.

    Positions are frames since `start`, times are monotonic seconds.
    """

    def __init__(self, rate_hz: int, step_frames: int) -> None:
        """Take the card's rate and the longest step its pointer makes (a period)."""
        self._rate_hz = rate_hz
        self._step_frames = step_frames
        self.start(0.0)

    def start(self, now_s: float) -> None:
        """Say that the card has just been started and is at frame 0."""
        self._zero_s = now_s  # when the card was at frame 0, by the line
        self._line_s = now_s  # when the line was drawn
        self._frames = 0
        self._read_s = now_s
        self.moved_s = now_s
        """When the pointer was last seen to move (or was started): a card that stands still is broken."""

    def observe(self, frames: int, now_s: float) -> None:
        """Take in the pointer as it was read at a time."""
        self._read_s = now_s
        if frames <= self._frames:
            return
        zero_s = now_s - frames / self._rate_hz
        if self._frames == 0:
            # The start was no observation: a card may take its time between the order and the first sample.
            self._zero_s = zero_s
        else:
            sunk_s = self._zero_s + (now_s - self._line_s) * _DRIFT
            self._zero_s = min(sunk_s, zero_s)
        self._line_s = now_s
        self._frames = frames
        self.moved_s = now_s

    @property
    def anchored(self) -> bool:
        """Whether the pointer was seen to move: until then, positions go by the order to start."""
        return self._frames > 0

    def frames_at(self, now_s: float) -> int:
        """Return how many frames are done at a time near now.

        Never less than the pointer, and never more than it can have missed: a step, and the time since it was read.
        """
        frames = int((now_s - self._zero_s) * self._rate_hz)
        since_read = int((now_s - self._read_s) * self._rate_hz)
        return min(max(frames, self._frames), self._frames + self._step_frames + max(0, since_read))

    def time_of(self, frames: int) -> float:
        """Return when a card is done with so many frames: some time ago, or soon."""
        return self._zero_s + frames / self._rate_hz
