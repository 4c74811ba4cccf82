"""Energy-based voice activity detection (VAD): finds the turns of a person in a stream of audio.

A noise floor is followed block by block; what is loud enough above it for long enough is speech. Positions are
counted in milliseconds of audio, not taken from a clock: the same audio gives the same turns however it was cut
into pieces and however fast it came. It does not recognise words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

BLOCK_MS = 20
SILENCE_DBFS = -96.0

_QUIETEST_FLOOR_DBFS = -70.0
_LOUDEST_FIRST_FLOOR_DBFS = -45.0
_FLOOR_FALLS = 0.1  # of the distance, per block: after a gap of digital silence noise is not taken for speech
_FLOOR_RISES_DB = 0.06  # per quiet block: 3 dB in a second
_FLOOR_RISES_IN_SPEECH_DB = 0.02  # per loud block: the "turn" of a fan that was switched on ends after a while
_HYSTERESIS_DB = 4.0  # speech goes on at levels at which it would not have begun
_FULL_SCALE = 32768.0


class TurnSettings(Struct, frozen=True):
    """How speech is told from noise; the names are those of `session.turn_detection`."""

    threshold: float = 0.5
    """0 detects a whisper, 1 only what is 16 dB above the noise and no quieter than -42 dBFS."""
    prefix_padding_ms: int = 400
    silence_duration_ms: int = 500
    speech_duration_ms: int = 200
    speech_duration_assistant_speaking_ms: int = 200

    @property
    def margin_db(self) -> float:
        """How far above the noise floor speech begins."""
        return 4.0 + 12.0 * self.threshold

    @property
    def least_dbfs(self) -> float:
        """What is quieter than this is no speech in any room."""
        return -66.0 + 24.0 * self.threshold


class TurnStarted(Struct, frozen=True):
    """A turn began at `audio_start_ms`, including the prefix padding."""

    audio_start_ms: int


class TurnStopped(Struct, frozen=True):
    """A turn ended at `audio_end_ms`, including the silence that ended it. `spoken_ms`: from first to last sound."""

    audio_start_ms: int
    audio_end_ms: int
    spoken_ms: int


class TurnDetector:
    """Finds turns in one stream of audio."""

    def __init__(self, settings: TurnSettings, rate_hz: int, start_ms: int = 0) -> None:
        self.settings = settings
        self._block_frames = rate_hz * BLOCK_MS // 1000
        self._rest: NDArray[np.int16] = np.empty(0, np.int16)
        self._now_ms = start_ms
        self._floor_dbfs: float | None = None
        self._speaking = False
        self._loud_ms = 0
        self._first_loud_ms = start_ms
        self._last_loud_ms = start_ms
        self._turn_start_ms = start_ms
        self._free_from_ms = start_ms

    def feed(
        self, frames: NDArray[np.int16], *, assistant_speaking: bool = False, mask_dbfs: float = SILENCE_DBFS
    ) -> list[TurnStarted | TurnStopped]:
        """Take mono audio of any length and return the turns that began or ended in it.

        Args:
            frames: shape (n,), at the detector's rate.
            assistant_speaking: while it is, speech has to last `speech_duration_assistant_speaking_ms`.
            mask_dbfs: what is no louder than this is the assistant's own echo.
        """
        if len(self._rest):
            frames = np.concatenate((self._rest, frames))
        blocks = len(frames) // self._block_frames
        end = blocks * self._block_frames
        self._rest = frames[end:]
        if not blocks:
            return []
        needed_ms = (
            self.settings.speech_duration_assistant_speaking_ms
            if assistant_speaking
            else self.settings.speech_duration_ms
        )
        found: list[TurnStarted | TurnStopped] = []
        for level_dbfs in levels_dbfs(frames[:end], self._block_frames):
            found += self._step(level_dbfs, mask_dbfs, max(needed_ms, BLOCK_MS))
        return found

    def end_turn(self) -> TurnStopped | None:
        """End the turn that is under way, as when the client commits or clears the buffer."""
        stopped = self._stop(self._now_ms) if self._speaking else None
        self._loud_ms = 0
        return stopped

    def _step(self, level_dbfs: float, mask_dbfs: float, needed_ms: int) -> list[TurnStarted | TurnStopped]:
        if self._floor_dbfs is None:
            # Audio usually begins with background noise, but somebody may be speaking already.
            self._floor_dbfs = min(level_dbfs, _LOUDEST_FIRST_FLOOR_DBFS)
        start_dbfs = max(self._floor_dbfs + self.settings.margin_db, self.settings.least_dbfs, mask_dbfs)
        loud = level_dbfs > start_dbfs - (_HYSTERESIS_DB if self._speaking else 0.0)
        if level_dbfs > mask_dbfs or level_dbfs < self._floor_dbfs:
            self._floor_dbfs = _followed(self._floor_dbfs, level_dbfs, loud=loud)
        block_start_ms = self._now_ms
        self._now_ms += BLOCK_MS
        if not loud:
            # Speech has gaps: they delay a start but do not undo it at once.
            self._loud_ms = max(0, self._loud_ms - BLOCK_MS // 2)
            if self._speaking and self._now_ms - self._last_loud_ms >= self.settings.silence_duration_ms:
                return [self._stop(self._last_loud_ms + self.settings.silence_duration_ms)]
            return []
        if not self._loud_ms and not self._speaking:
            self._first_loud_ms = block_start_ms
        self._loud_ms += BLOCK_MS
        self._last_loud_ms = self._now_ms
        if self._speaking or self._loud_ms < needed_ms:
            return []
        self._speaking = True
        self._turn_start_ms = max(self._free_from_ms, self._first_loud_ms - self.settings.prefix_padding_ms)
        return [TurnStarted(self._turn_start_ms)]

    def _stop(self, end_ms: int) -> TurnStopped:
        self._speaking = False
        self._loud_ms = 0
        end_ms = min(end_ms, self._now_ms)
        self._free_from_ms = end_ms
        return TurnStopped(self._turn_start_ms, end_ms, self._last_loud_ms - self._first_loud_ms)


def _followed(floor_dbfs: float, level_dbfs: float, *, loud: bool) -> float:
    """Return the noise floor after one more block."""
    if level_dbfs < floor_dbfs:
        floor_dbfs += _FLOOR_FALLS * (level_dbfs - floor_dbfs)
    else:
        floor_dbfs = min(level_dbfs, floor_dbfs + (_FLOOR_RISES_IN_SPEECH_DB if loud else _FLOOR_RISES_DB))
    return max(floor_dbfs, _QUIETEST_FLOOR_DBFS)


def levels_dbfs(frames: NDArray[np.int16], block_frames: int) -> Sequence[float]:
    """Return the level of each block of `frames`, whose length is a multiple of `block_frames`.

    A constant offset, which cheap microphones have, is no sound.
    """
    power = frames.reshape(-1, block_frames).astype(np.float32).var(axis=1) / _FULL_SCALE**2
    levels: list[float] = (10.0 * np.log10(np.maximum(power, 10.0 ** (SILENCE_DBFS / 10.0)))).tolist()
    return levels
