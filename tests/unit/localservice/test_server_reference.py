"""`reference_source: server`: the service cancels with what it sent, from the moment it sent it. Real AEC3, no clock."""

from __future__ import annotations

import numpy as np
import pytest

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.localservice.assumed_playback import AssumedPlayback
from device_daemon.localservice.input_audio_buffer import InputAudioBuffer
from device_daemon.localservice.vad import TurnSettings, TurnStarted
from scripts.rig.acoustics import Wave, rms
from tests.unit.audio.echo.rooms import echo_of, noise, pcm, talk

pytest.importorskip("pywebrtc_audio")

CHUNK = SAMPLE_RATE_HZ * 60 // 1000
ANSWER_S = 6.0
QUIET_S = 1.0


def turns(heard: Wave, answer: Wave, *, jitter_s: float = 0.0, pieces: int = 1) -> list[float]:
    """When (in seconds of the answer) the service found somebody to speak, in what a client's microphone heard.

    The answer was sent at once, at 0 s; a quiet second of the microphone's came before it.
    """
    playback, buffer = AssumedPlayback(), InputAudioBuffer()
    buffer.configure(buffer.format, TurnSettings())
    random = np.random.default_rng(1)
    captured = pcm(np.concatenate([noise(QUIET_S, 10, 7), heard]))
    found: list[float] = []
    for at in range(0, len(captured) // 2 - CHUNK, CHUNK):
        now_s = (at + CHUNK) / SAMPLE_RATE_HZ - QUIET_S + random.uniform(0, jitter_s)
        if now_s >= 0 and not playback.last_item_id():
            for index in range(pieces):
                piece = slice(index * len(answer) // pieces, (index + 1) * len(answer) // pieces)
                playback.sent("item", pcm(answer[piece]), 0.0)
        came = buffer.append(
            captured[at * 2 : (at + CHUNK) * 2],
            assistant_speaking=playback.speaking(now_s),
            echo_dbfs=playback.echo_dbfs(now_s),
            sent=lambda frames, now_s=now_s: playback.reference(frames, now_s),  # type: ignore[misc]
        )
        found += [now_s for turn in came if isinstance(turn, TurnStarted)]
    return found


def late(sound: Wave, delay_ms: float) -> Wave:
    return np.concatenate([np.zeros(round(delay_ms * SAMPLE_RATE_HZ / 1000)), sound])[: len(sound)]


@pytest.mark.parametrize("pieces", [1, 40])
@pytest.mark.parametrize("delay_ms", [20.0, 120.0])
def test_a_client_that_plays_at_once_does_not_interrupt_itself(delay_ms: float, pieces: int) -> None:
    answer = talk(ANSWER_S, 3_000, 1)
    heard = echo_of(answer, delay_ms, 0.0, 2) + noise(ANSWER_S, 10, 3)
    assert turns(heard, answer, jitter_s=0.03, pieces=pieces) == []


def test_a_person_who_is_as_loud_as_the_echo_is_heard_over_it() -> None:
    answer = talk(ANSWER_S, 3_000, 1)
    heard = echo_of(answer, 20.0, 0.0, 2) + noise(ANSWER_S, 10, 3)
    person = talk(1.5, rms(heard), 5)
    heard[4 * SAMPLE_RATE_HZ :][: len(person)] += person
    found = turns(heard, answer)
    assert found
    assert 4.0 < found[0] < 5.5


def test_sound_that_the_service_did_not_send_is_taken_for_a_person() -> None:
    cached_greeting = echo_of(talk(ANSWER_S, 3_000, 1), 20.0, 0.0, 2) + noise(ANSWER_S, 10, 3)
    assert turns(cached_greeting, np.zeros(1))


def test_a_client_that_plays_by_seconds_later_each_time_interrupts_itself() -> None:
    answer = talk(ANSWER_S, 3_000, 1)
    heard = echo_of(answer, 20.0, 0.0, 2)
    late_from = 3 * SAMPLE_RATE_HZ  # its playback stalled for two seconds
    heard = np.concatenate([heard[:late_from], late(heard[late_from:], 2_000)]) + noise(ANSWER_S, 10, 3)
    assert turns(heard, answer)


def test_after_the_client_was_interrupted_nothing_is_taken_for_playing() -> None:
    playback = AssumedPlayback()
    playback.sent("item", pcm(talk(ANSWER_S, 3_000, 1)), 0.0)
    assert playback.reference(CHUNK, 2.0) is not None
    playback.interrupted(2.0)
    assert not np.any(playback.reference(CHUNK, 2.1))
    assert playback.reference(CHUNK, 3.0) is None
