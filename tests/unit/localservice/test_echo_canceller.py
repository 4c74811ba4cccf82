"""The client's echo reference: which channel is which, in pieces of any size, with and without a canceller."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.localservice.audio_formats import Frames, InputFormat
from device_daemon.localservice.echo_canceller import ReferenceEchoCanceller
from device_daemon.localservice.input_audio_buffer import InputAudioBuffer
from device_daemon.localservice.vad import SILENCE_DBFS, TurnSettings, TurnStarted, TurnStopped
from tests.unit.localservice.client_messages import speech

STEREO = InputFormat(channels=2)


def subtract(near: Frames, far: Frames) -> Frames:
    """A perfect canceller of an echo that comes at once and unchanged; it takes 10 ms at a time."""
    assert len(near) == len(far) == 240
    return near - far


def subtracting(rate_hz: int) -> ReferenceEchoCanceller:
    return ReferenceEchoCanceller(subtract, rate_hz)


def none(_rate_hz: int) -> None:
    return None


def interleaved(microphone: bytes, reference: bytes) -> bytes:
    return np.column_stack([np.frombuffer(microphone, "<i2"), np.frombuffer(reference, "<i2")]).tobytes()


def heard(buffer: InputAudioBuffer, data: bytes) -> list[TurnStarted | TurnStopped]:
    return buffer.append(data, assistant_speaking=True, echo_dbfs=SILENCE_DBFS)


def test_the_second_channel_is_taken_out_of_the_first_before_turns_are_looked_for() -> None:
    buffer = InputAudioBuffer(subtracting)
    buffer.configure(STEREO, TurnSettings())
    assert heard(buffer, interleaved(speech(1000), speech(1000))) == []
    assert heard(buffer, interleaved(speech(1000), bytes(48_000))) != []


def test_a_wrong_reference_makes_the_assistant_hear_itself() -> None:
    buffer = InputAudioBuffer(subtracting)
    buffer.configure(STEREO, TurnSettings())
    late = bytes(48 * 3) + speech(997)
    assert heard(buffer, interleaved(speech(1000), late)) != []


def test_without_a_canceller_sound_as_loud_as_the_echo_is_no_speech() -> None:
    buffer = InputAudioBuffer(none)
    buffer.configure(STEREO, TurnSettings())
    assert heard(buffer, interleaved(speech(1000, level=1_000), speech(1000))) == []
    assert heard(buffer, interleaved(speech(1000), speech(1000, level=1_000))) != []


@given(st.lists(st.integers(1, 700), max_size=12))
def test_it_does_not_matter_how_the_audio_is_cut(sizes: list[int]) -> None:
    frames = np.arange(sum(sizes), dtype=np.int16)
    canceller = subtracting(24_000)
    ends = np.cumsum([0, *sizes])
    pieces = [canceller.cancel(frames[first:end], np.zeros(end - first, np.int16)) for first, end in pairwise(ends)]
    out = np.concatenate([np.empty(0, np.int16), *pieces])
    assert np.array_equal(out, frames[: len(frames) // 240 * 240])
