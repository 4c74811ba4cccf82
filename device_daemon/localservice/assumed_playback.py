"""What the client is assumed to be playing: the service's audio, in real time from the moment it was sent.

The real service assumes the same (how-to "auto truncation", and its server-side echo reference). From it follow how
much of a response was heard at a barge-in (`auto_truncate`), whether the assistant is speaking, and how loud its echo
in the microphone may be.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.localservice.audio_formats import Frames
from device_daemon.localservice.vad import BLOCK_MS, SILENCE_DBFS, levels_dbfs

_BLOCK_FRAMES = SAMPLE_RATE_HZ * BLOCK_MS // 1000
_ECHO_LASTS_S = 0.6  # the client's buffers, the way through the air, reverberation
_ECHO_EARLY_S = 0.1
_ECHO_DB = -12.0  # louder than this, relative to what was sent, is taken for a person
_ARRIVES_WITHIN_S = 0.1  # jitter of the network; more is a client that was away
_KEPT_BLOCKS = 60_000 // BLOCK_MS


class _Stretch(Struct, frozen=True):
    item_id: str
    start_s: float
    end_s: float


class AssumedPlayback:
    """A model of the client's loudspeaker. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._end_s = 0.0
        self._stretches: deque[_Stretch] = deque(maxlen=2_000)
        self._levels: deque[tuple[float, float]] = deque(maxlen=_KEPT_BLOCKS)
        self._sounds: deque[tuple[float, Frames]] = deque()
        """What plays, with when it begins."""
        self._captured_until_s: float | None = None

    def sent(self, item_id: str, pcm: bytes, now_s: float) -> None:
        """Add audio that was sent (pcm, 24 kHz, mono, 16 bit): it plays after what plays already."""
        start_s = max(now_s, self._end_s)
        self._end_s = start_s + len(pcm) / 2 / SAMPLE_RATE_HZ
        self._stretches.append(_Stretch(item_id, start_s, self._end_s))
        frames = np.frombuffer(pcm, np.dtype("<i2"))
        self._sounds.append((start_s, frames))
        complete = len(frames) // _BLOCK_FRAMES * _BLOCK_FRAMES
        for index, level_dbfs in enumerate(levels_dbfs(frames[:complete], _BLOCK_FRAMES)):
            self._levels.append((start_s + index * BLOCK_MS / 1000, level_dbfs))

    def speaking(self, now_s: float) -> bool:
        """Return whether something is assumed to be playing."""
        return now_s < self._end_s

    def last_item_id(self) -> str | None:
        """Return the item that was sent last."""
        return self._stretches[-1].item_id if self._stretches else None

    def heard_ms(self, item_id: str, now_s: float) -> int:
        """Return how much of an item was heard by `now_s`."""
        heard_s = sum(
            max(0.0, min(part.end_s, now_s) - part.start_s) for part in self._stretches if part.item_id == item_id
        )
        return round(heard_s * 1000)

    def interrupted(self, now_s: float) -> None:
        """Assume that the client stopped playing."""
        self._end_s = min(self._end_s, now_s)
        while self._stretches and self._stretches[-1].start_s >= now_s:
            self._stretches.pop()
        if self._stretches:
            self._stretches.append(replace(self._stretches.pop(), end_s=self._end_s))
        while self._levels and self._levels[-1][0] >= now_s:
            self._levels.pop()
        while self._sounds and self._sounds[-1][0] >= now_s:
            self._sounds.pop()
        if self._sounds:
            start_s, frames = self._sounds.pop()
            self._sounds.append((start_s, frames[: round((now_s - start_s) * SAMPLE_RATE_HZ)]))

    def reference(self, frames: int, now_s: float) -> Frames | None:
        """Return what was playing while audio that arrives now was captured, for an echo canceller.

        The service does not know when that was: it takes it for captured just now, in one go with what came before. A
        client whose audio comes late, or plays late by a different time each time, has a reference that does not fit.

        Args:
            frames: how much arrived, at 24 kHz.
            now_s: when it arrived.

        Returns:
            shape (frames,); None if nothing has been playing for so long that the room is silent again.
        """
        length_s = frames / SAMPLE_RATE_HZ
        begins_s = now_s - length_s
        if self._captured_until_s is not None and abs(begins_s - self._captured_until_s) < _ARRIVES_WITHIN_S:
            begins_s = self._captured_until_s
        self._captured_until_s = begins_s + length_s
        while self._sounds and self._sounds[0][0] + len(self._sounds[0][1]) / SAMPLE_RATE_HZ < begins_s - _ECHO_LASTS_S:
            self._sounds.popleft()
        if not self._sounds or self._sounds[0][0] > self._captured_until_s:
            return None
        out = np.zeros(frames, np.int16)
        for start_s, sound in self._sounds:
            at = round((start_s - begins_s) * SAMPLE_RATE_HZ)
            if at >= frames:
                break
            piece = sound[max(0, -at) : frames - at]
            out[max(0, at) : max(0, at) + len(piece)] = piece
        return out

    def echo_dbfs(self, now_s: float) -> float:
        """Return the level below which sound in the microphone is taken for echo."""
        earliest_s = now_s - _ECHO_LASTS_S
        while self._levels and self._levels[0][0] < earliest_s:
            self._levels.popleft()
        loudest_dbfs = SILENCE_DBFS
        for at_s, level_dbfs in self._levels:
            if at_s > now_s + _ECHO_EARLY_S:
                break
            loudest_dbfs = max(loudest_dbfs, level_dbfs)
        return max(SILENCE_DBFS, loudest_dbfs + _ECHO_DB)
