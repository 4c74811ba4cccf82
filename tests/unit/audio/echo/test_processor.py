"""Cancelling on the device: frames, times, and when the canceller works at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_daemon.audio.echo.cancellers import FRAME_BYTES, Aec3
from device_daemon.audio.echo.presence import EchoPresence
from device_daemon.audio.echo.processor import HANGOVER_S, TRAINING_MS, LocalCancelling
from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS, SAMPLE_RATE_HZ
from scripts.rig.acoustics import Wave, rms
from tests.unit.audio.echo.rooms import echo_of, noise, pcm, talk

TALK_S = 4.0


class Subtracting:
    """A canceller for a room without delay: takes away what sounds. It counts its frames."""

    def __init__(self) -> None:
        self.frames = 0

    def process(self, near: bytes, far: bytes) -> bytes:
        assert len(near) == len(far) == FRAME_BYTES
        self.frames += 1
        return (np.frombuffer(near, np.int16) - np.frombuffer(far, np.int16)).tobytes()


def playing(wave: Wave) -> ReferenceTrack:
    """A loudspeaker whose sound begins at 0 s."""
    track = ReferenceTrack()
    track.begin()
    track.write(pcm(wave))
    track.anchor(0.0)
    track.cut(len(wave))
    return track


@settings(max_examples=50)
@given(sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=12))
def test_every_sample_comes_out_once_in_order_and_at_its_time_however_it_is_cut(sizes: list[int]) -> None:
    played = talk(1.0, 3_000, 1)
    cancelling = LocalCancelling(playing(played), Subtracting(), EchoPresence())
    near = pcm(noise(2.0, 1_000, 2))
    came, at = b"", 0
    for frames in sizes:
        piece = near[at : at + frames * BYTES_PER_FRAME]
        out, end_s = cancelling.process(piece, at / BYTES_PER_MS / 1000)
        came, at = came + out, at + len(piece)
        assert end_s == pytest.approx(len(came) / BYTES_PER_MS / 1000)
        assert 0 <= at - len(came) < FRAME_BYTES


def test_while_nothing_sounds_no_canceller_works_and_nothing_is_changed() -> None:
    canceller = Subtracting()
    cancelling = LocalCancelling(playing(talk(0.5, 3_000, 1)), canceller, EchoPresence())
    near = pcm(noise(0.1, 1_000, 2))
    assert cancelling.process(near, 0.5 + HANGOVER_S + 0.01)[0] == near
    assert canceller.frames == 0
    cancelling.process(near, 0.5 + HANGOVER_S - 0.05)
    assert canceller.frames == 10


def test_until_a_new_canceller_knows_the_room_nothing_is_heard() -> None:
    played = noise(2.0, 3_000, 1)
    cancelling = LocalCancelling(playing(played), Subtracting(), EchoPresence())
    out = np.frombuffer(cancelling.process(pcm(played + noise(2.0, 500, 2)), 0.0)[0], np.int16)
    assert np.flatnonzero(out)[0] * 1000 // SAMPLE_RATE_HZ == TRAINING_MS


def test_with_headphones_no_canceller_works() -> None:
    second = SAMPLE_RATE_HZ * BYTES_PER_FRAME
    far = bytes(second) + pcm(talk(8.0, 3_000, 1))
    near = pcm(noise(9.0, 20, 2))
    canceller, track = Subtracting(), ReferenceTrack()
    cancelling = LocalCancelling(track, canceller, EchoPresence())
    for at in range(9):
        before = canceller.frames
        track.write(far[at * second : (at + 1) * second])
        track.anchor(0.0)
        passed, _ = cancelling.process(near[at * second : (at + 1) * second], float(at))
    assert passed == near[8 * second :]
    assert canceller.frames == before


@pytest.mark.parametrize(("person_db", "least"), [(0.0, 0.2), (-6.0, 0.1)])
def test_aec3_removes_the_echo_and_leaves_the_person(person_db: float, least: float) -> None:
    pytest.importorskip("pywebrtc_audio")
    played = talk(TALK_S, 3_000, 1)
    echo = echo_of(played, 6.0, 0.0, 2)
    person = talk(1.0, rms(echo) * 10 ** (person_db / 20), 3)
    near = echo + noise(TALK_S, 10, 4)
    alone, both = near.copy(), near.copy()
    both[-SAMPLE_RATE_HZ:] += person
    cancelled = {}
    for name, captured in {"alone": alone, "both": both}.items():
        cancelling = LocalCancelling(playing(played), Aec3(), EchoPresence())
        out, _ = cancelling.process(pcm(captured), 0.0)
        cancelled[name] = np.frombuffer(out, np.int16)[-SAMPLE_RATE_HZ:].astype(float)
    assert rms(cancelled["alone"]) < 0.03 * rms(echo), "30 dB and more of the echo are gone"
    assert rms(cancelled["both"]) > least * rms(person)
