"""A client with a loudspeaker beside its microphone, which sends its own echo reference: real voices, real AEC."""

from __future__ import annotations

import numpy as np
import pytest

from device_daemon.audio.voice import speak
from tests.integration.localservice.wire import connected, in_session, service
from tests.unit.localservice.client_messages import append

RATE_HZ = 24_000
APPEND_FRAMES = RATE_HZ * 60 // 1000
STEREO = {"type": "server_echo_cancellation", "reference_source": "client", "channels": 2}
STORY = "Once upon a time a small speaker stood on a kitchen shelf. It heard the kettle sing and the rain tap."
PERSON = "Stop please, what time is it now?"


def echo_of(played: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What a microphone in a small room hears of a loudspeaker: 5 ms away, 120 ms of reverberation, some noise."""
    rng = np.random.default_rng(2)
    taps = RATE_HZ * 120 // 1000
    room = rng.normal(0, 0.02, taps) * np.exp(-np.arange(taps) / (0.02 * RATE_HZ))
    room[RATE_HZ * 5 // 1000] += 0.5
    return np.convolve(played, room)[: len(played)] + rng.normal(0, 8, len(played))


@pytest.mark.parametrize("person_db", [None, 0, -6])
async def test_the_assistants_own_voice_starts_no_turn_and_a_person_over_it_does(person_db: int | None) -> None:
    played = np.frombuffer(await speak(STORY), "<i2").astype(float)
    microphone = echo_of(played)
    person = np.frombuffer(await speak(PERSON, voice="en-us+f3"), "<i2").astype(float)
    person_ms = 2_500
    if person_db is not None:
        level = microphone.std() / person.std() * 10 ** (person_db / 20)
        start = RATE_HZ * person_ms // 1000
        microphone[start : start + len(person)] += person * level
    frames = np.column_stack([microphone, played]).clip(-32_768, 32_767).astype("<i2")
    async with service() as local, in_session(local, input_audio_echo_cancellation=STEREO) as client:
        for first in range(0, len(frames), APPEND_FRAMES):
            await client.send(append(frames[first : first + APPEND_FRAMES].tobytes()))
        await client.send({"type": "input_audio_buffer.clear"})
        await client.until("input_audio_buffer.cleared")
    started = [event for event in client.seen if event["type"] == "input_audio_buffer.speech_started"]
    if person_db is None:
        assert started == []
    else:
        assert len(started) == 1
        assert started[0]["audio_start_ms"] == pytest.approx(person_ms, abs=500)


async def test_an_append_of_half_a_stereo_frame_is_refused() -> None:
    async with service() as local, in_session(local, input_audio_echo_cancellation=STEREO) as client:
        await client.send(append(bytes(6)))
        assert (await client.until("error"))["error"]["param"] == "audio"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"channels": 1}, "invalid_ec_reference_channels"),
        ({"reference_source": "server"}, "invalid_ec_channels_requires_client"),
    ],
)
async def test_a_reference_that_can_not_be_is_refused_by_code(change: dict[str, object], code: str) -> None:
    async with service() as local, connected(local) as client:
        session = {"input_audio_echo_cancellation": STEREO | change}
        await client.send({"type": "session.update", "session": session})
        assert (await client.until("error"))["error"]["code"] == code


async def test_the_channels_can_not_change_in_a_session() -> None:
    async with service() as local, in_session(local, input_audio_echo_cancellation=STEREO) as client:
        await client.send({"type": "session.update", "session": {"input_audio_echo_cancellation": None}})
        assert (await client.until("error"))["error"]["code"] == "change_in_ec_channels_not_allowed"
