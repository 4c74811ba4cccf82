"""The session's input audio buffer: received audio, voice activity detection (VAD) on it, and what waits for a commit."""

from __future__ import annotations

import binascii
from collections.abc import Callable

import numpy as np

from device_daemon.localservice.audio_formats import Frames, InputFormat
from device_daemon.localservice.echo_canceller import ReferenceEchoCanceller, webrtc_canceller
from device_daemon.localservice.messages import Refusal
from device_daemon.localservice.vad import (
    SILENCE_DBFS,
    TurnDetector,
    TurnSettings,
    TurnStarted,
    TurnStopped,
    levels_dbfs,
)

_MIN_COMMIT_MS = 100
_REFERENCE_TO_ECHO_DB = -12.0
"""How loud a client's echo may be relative to the reference it sends."""


class InputAudioBuffer:
    """The audio one client sends. Positions are milliseconds of received audio, not of a clock.

    Args:
        canceller_for: returns an echo canceller for a rate, or None: then sound that is no louder than the echo may be
            is not taken for speech.
    """

    def __init__(self, canceller_for: Callable[[int], ReferenceEchoCanceller | None] = webrtc_canceller) -> None:
        self.format = InputFormat()
        self._canceller_for = canceller_for
        self._canceller: ReferenceEchoCanceller | None = None
        self._cancels_sent = False
        self._detector: TurnDetector | None = None
        self._received_frames = 0
        self._buffer_start_ms = 0

    @property
    def position_ms(self) -> int:
        """How much audio was received."""
        return self._received_frames * 1000 // self.format.rate_hz

    def configure(self, audio: InputFormat, settings: TurnSettings | None) -> None:
        """Apply a `session.update`; a turn that is under way continues.

        Args:
            audio: what the client sends from now on.
            settings: of turn detection; None is push-to-talk: only a commit ends a turn.
        """
        if audio.channels > 1 and audio != self.format:
            self._canceller = self._canceller_for(audio.rate_hz)
        self.format = audio
        if settings is None:
            self._detector = None
        elif self._detector is None:
            self._detector = TurnDetector(settings, audio.rate_hz, self.position_ms)
        else:
            self._detector.settings = settings

    def append(
        self,
        data: bytes,
        *,
        assistant_speaking: bool,
        echo_dbfs: float,
        sent: Callable[[int], Frames | None] = lambda _frames: None,
    ) -> list[TurnStarted | TurnStopped]:
        """Append decoded audio and return the turns that started or stopped in it.

        Args:
            data: bytes in `format`.
            assistant_speaking: whether the service assumes that its own voice is being played.
            echo_dbfs: level below which sound is taken for the assistant's own voice, where nothing cancels it.
            sent: returns what the service takes for playing while the next so many frames of 24 kHz were captured, None
                if nothing is; the echo reference of a client that sends none.

        Raises:
            Refusal: the bytes are not complete frames (of 4 bytes in stereo).
        """
        frames, reference = self._decode(data)
        if self._detector is None:
            return []
        if self.format == InputFormat():
            frames, echo_dbfs = self._without_sent(frames, sent(len(frames)), echo_dbfs)
        elif reference is not None and self._canceller is not None:
            frames, echo_dbfs = self._canceller.cancel(frames, reference), SILENCE_DBFS
        elif reference is not None and len(reference):
            echo_dbfs = max(echo_dbfs, levels_dbfs(reference, len(reference))[0] + _REFERENCE_TO_ECHO_DB)
        found = self._detector.feed(frames, assistant_speaking=assistant_speaking, mask_dbfs=echo_dbfs)
        for turn in found:
            if isinstance(turn, TurnStopped):
                self._buffer_start_ms = turn.audio_end_ms
        return found

    def _without_sent(self, frames: Frames, sent: Frames | None, echo_dbfs: float) -> tuple[Frames, float]:
        """Cancel what the service sent itself; return what is left, and which level of it is no speech."""
        if sent is None:
            return (frames if self._canceller is None else np.concatenate((self._canceller.rest(), frames))), echo_dbfs
        if not self._cancels_sent:
            self._cancels_sent, self._canceller = True, self._canceller_for(self.format.rate_hz)
        if self._canceller is None:
            return frames, echo_dbfs
        return self._canceller.cancel(frames, sent), SILENCE_DBFS

    def skip_vad(self, data: bytes) -> None:
        """Append audio of a turn whose start and end the client states. Raises Refusal like `append`."""
        self._decode(data)

    def commit(self) -> tuple[int, TurnStopped | None]:
        """Empty the buffer; return its length in milliseconds and the turn that was under way.

        Raises:
            Refusal: less than 100 ms is in the buffer.
        """
        buffered_ms = self.position_ms - self._buffer_start_ms
        if buffered_ms < _MIN_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_MIN_COMMIT_MS}ms of audio, but buffer only has {buffered_ms:.2f}ms of audio."
            )
            raise Refusal("input_audio_buffer_commit_empty", message)
        return buffered_ms, self.clear()

    def clear(self) -> TurnStopped | None:
        """Discard what was not committed; return the turn that was under way."""
        self._buffer_start_ms = self.position_ms
        return None if self._detector is None else self._detector.end_turn()

    def _decode(self, data: bytes) -> tuple[Frames, Frames | None]:
        if len(data) % self.format.frame_bytes:
            raise Refusal("invalid_value", f"The audio is not a multiple of {self.format.frame_bytes} bytes.", "audio")
        frames, reference = self.format.decode(data)
        self._received_frames += len(frames)
        return frames, reference


def decoded(audio: object) -> bytes:
    """Return the bytes of an append's base64.

    Raises:
        Refusal: it is no string or no base64.
    """
    if not isinstance(audio, str):
        raise Refusal("invalid_value", "audio: Input should be a valid string", "audio")
    try:
        return binascii.a2b_base64(audio, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("invalid_value", f"Invalid 'audio': it is not base64 ({error}).", "audio") from error
