"""The input audio buffer: what arrived, how much of it waits to be committed, and the turns found in it."""

from __future__ import annotations

import binascii

from device_daemon.localservice.formats import InputFormat
from device_daemon.localservice.messages import Refusal
from device_daemon.localservice.turns import (
    SILENCE_DBFS,
    TurnDetector,
    TurnSettings,
    TurnStarted,
    TurnStopped,
    levels_dbfs,
)

_LEAST_COMMIT_MS = 100
_CLIENT_ECHO_DB = -12.0


class SpeechInput:
    """One session's ear. Positions are milliseconds of received audio."""

    def __init__(self) -> None:
        self.format = InputFormat()
        self._detector: TurnDetector | None = None
        self._received_frames = 0
        self._buffer_start_ms = 0

    @property
    def position_ms(self) -> int:
        """How much audio was received."""
        return self._received_frames * 1000 // self.format.rate_hz

    @property
    def speaking(self) -> bool:
        """Whether a person's turn is going on."""
        return self._detector is not None and self._detector.speaking

    def configure(self, audio: InputFormat, settings: TurnSettings | None) -> None:
        """Take over what `session.update` said; a turn that is going on goes on. None: the client says what a turn is."""
        self.format = audio
        if settings is None:
            self._detector = None
        elif self._detector is None:
            self._detector = TurnDetector(settings, audio.rate_hz, self.position_ms)
        else:
            self._detector.settings = settings

    def append(self, data: bytes, *, assistant_speaking: bool, echo_dbfs: float) -> list[TurnStarted | TurnStopped]:
        """Take decoded bytes of an append and return the turns that began or ended in it.

        `echo_dbfs`: how loud the assistant's own voice may be in it, as far as the service knows.
        """
        if len(data) % self.format.frame_bytes:
            raise Refusal("invalid_value", f"The audio is not a multiple of {self.format.frame_bytes} bytes.", "audio")
        frames, reference = self.format.decode(data)
        self._received_frames += len(frames)
        if self._detector is None:
            return []
        if reference is not None and len(reference):
            echo_dbfs = max(echo_dbfs, levels_dbfs(reference, len(reference))[0] + _CLIENT_ECHO_DB)
        found = self._detector.feed(frames, assistant_speaking=assistant_speaking, mask_dbfs=echo_dbfs)
        for turn in found:
            if isinstance(turn, TurnStopped):
                self._buffer_start_ms = turn.audio_end_ms
        return found

    def commit(self) -> tuple[int, TurnStopped | None]:
        """Empty the buffer; return how long it was, and the turn that was going on in it."""
        buffered_ms = self.position_ms - self._buffer_start_ms
        if buffered_ms < _LEAST_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_LEAST_COMMIT_MS}ms of audio, but buffer only has {buffered_ms:.2f}ms of audio."
            )
            raise Refusal("input_audio_buffer_commit_empty", message)
        return buffered_ms, self.clear()

    def clear(self) -> TurnStopped | None:
        """Forget what was not committed; return the turn that was going on."""
        self._buffer_start_ms = self.position_ms
        return None if self._detector is None else self._detector.end_turn()


def decoded(audio: object) -> bytes:
    """Return the bytes of an append's base64, or raise Refusal."""
    if not isinstance(audio, str):
        raise Refusal("invalid_value", "audio: Input should be a valid string", "audio")
    try:
        return binascii.a2b_base64(audio, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("invalid_value", f"Invalid 'audio': it is not base64 ({error}).", "audio") from error


NO_ECHO_DBFS = SILENCE_DBFS
