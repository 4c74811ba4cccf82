"""Headphones: the microphone does not hear the loudspeaker."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from device_daemon.audio.echo.presence import EchoPresence
from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ
from scripts.rig.acoustics import Wave
from tests.unit.audio.echo.rooms import echo_of, noise, pcm, talk

SECONDS = 8.0
QUIET = np.zeros(SAMPLE_RATE_HZ)  # before the loudspeaker begins
CHUNK_BYTES = 60 * SAMPLE_RATE_HZ // 1000 * BYTES_PER_FRAME


def observed(presence: EchoPresence, near: Wave, far: Wave) -> bool:
    captured, played = pcm(near), pcm(far)
    heard = presence.heard
    for at in range(0, len(captured), CHUNK_BYTES):
        heard = presence.observe(captured[at : at + CHUNK_BYTES], played[at : at + CHUNK_BYTES])
    return heard


rooms = st.tuples(st.floats(5, 100), st.integers(0, 2**16))


@settings(max_examples=15)
@given(room=rooms)
def test_a_loudspeaker_that_is_not_heard_for_seconds_is_headphones(room: tuple[float, int]) -> None:
    level, seed = room
    far = np.concatenate([QUIET, talk(SECONDS, 3_000, seed)])
    assert not observed(EchoPresence(), noise(SECONDS + 1, level, seed + 1), far)


@settings(max_examples=25)
@given(room=rooms, delay_ms=st.floats(2, 150), above_noise_db=st.floats(10, 50))
def test_an_echo_that_can_be_heard_over_the_room_is_never_taken_for_headphones(
    room: tuple[float, int], delay_ms: float, above_noise_db: float
) -> None:
    level, seed = room
    played = talk(SECONDS, 3_000, seed)
    gain_db = 20 * np.log10(level / 3_000) + above_noise_db
    near = np.concatenate([QUIET, echo_of(played, delay_ms, gain_db, seed)]) + noise(SECONDS + 1, level, seed + 1)
    assert observed(EchoPresence(), near, np.concatenate([QUIET, played]))


@settings(max_examples=10)
@given(room=rooms)
def test_when_the_headphones_are_unplugged_the_echo_is_noticed_within_two_seconds(room: tuple[float, int]) -> None:
    level, seed = room
    presence = EchoPresence()
    far = np.concatenate([QUIET, talk(SECONDS, 3_000, seed)])
    assert not observed(presence, noise(SECONDS + 1, level, seed + 1), far)
    played = talk(3.0, 3_000, seed + 2)
    assert observed(presence, echo_of(played, 6.0, -6.0, seed) + noise(3.0, level, seed), played)


def test_a_person_who_talks_all_the_time_proves_nothing() -> None:
    far = np.concatenate([QUIET, talk(SECONDS, 3_000, 1)])
    near = noise(SECONDS + 1, 20, 2) + np.concatenate([QUIET, talk(SECONDS, 3_000, 3)])
    assert observed(EchoPresence(), near, far)


def test_a_microphone_that_is_switched_off_proves_nothing() -> None:
    far = np.concatenate([QUIET, talk(SECONDS, 3_000, 1)])
    near = noise(SECONDS + 1, 20, 2)
    near[SAMPLE_RATE_HZ:] = 0.0
    assert observed(EchoPresence(), near, far)


def test_before_the_rooms_own_noise_is_known_nothing_is_decided() -> None:
    assert observed(EchoPresence(), noise(SECONDS, 20, 2), talk(SECONDS, 3_000, 1))


def test_an_echo_whose_reference_begins_late_is_not_taken_for_the_rooms_noise() -> None:
    """Until a card's pointer has moved nobody knows when it began to play; the room is as silent as only a test's."""
    presence = EchoPresence()
    for seed in range(4):
        played = noise(3.0, 3_000, seed)
        near = np.concatenate([QUIET, echo_of(played, 10.0, -6.0, 1)])
        far = np.concatenate([QUIET, played])
        far[SAMPLE_RATE_HZ : SAMPLE_RATE_HZ + SAMPLE_RATE_HZ // 20] = 0.0
        assert observed(presence, near, far)


def test_a_person_who_speaks_before_the_loudspeaker_does_is_not_taken_for_the_rooms_noise() -> None:
    played = talk(SECONDS, 3_000, 1)
    near = np.concatenate([talk(0.5, 6_000, 3), echo_of(played, 5.0, -6.0, 1)]) + noise(SECONDS + 0.5, 20, 2)
    assert observed(EchoPresence(), near, np.concatenate([np.zeros(SAMPLE_RATE_HZ // 2), played]))
