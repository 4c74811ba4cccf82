from __future__ import annotations

import numpy as np
import pytest

from device_daemon.errors import VoiceMissing
from device_daemon.localservice.assumed_playback import AssumedPlayback
from device_daemon.localservice.audio_formats import Encoder, InputFormat
from device_daemon.localservice.voice import Voice, espeak_voice, tones
from tests.unit.localservice.client_messages import WORD_MS, silence, speak, speech

BYTES_PER_MS = 48


async def spoken(voice: Voice, text: str, **options: str) -> list[tuple[str, bytes]]:
    return [part async for part in voice.sentences(text, {"name": "en-US-AvaNeural", **options})]


async def test_sentences_are_spoken_one_by_one_with_a_pause_between() -> None:
    parts = await spoken(Voice(speak), "One two. Three?  Four five six!")
    assert [sentence for sentence, _ in parts] == ["One two.", "Three?", "Four five six!"]
    assert [len(pcm) // BYTES_PER_MS for _, pcm in parts] == [2 * WORD_MS + 200, WORD_MS + 200, 3 * WORD_MS]


async def test_what_was_spoken_is_kept() -> None:
    asked: list[str] = []

    async def counting(text: str, *, voice: str, words_per_minute: int) -> bytes:
        asked.append(f"{text} {voice} {words_per_minute}")
        return b"\0\0"

    voice = Voice(counting)
    for _ in range(2):
        await spoken(voice, "Hello.")
        await spoken(voice, "Hello.", rate="1.2")
        await spoken(voice, "Hello.", rate="-50%")
        await spoken(voice, "Hello.", rate="fast")
    assert asked == ["Hello. en 165", "Hello. en 198", "Hello. en 82"]


async def test_without_espeak_each_word_is_a_tone() -> None:
    async def missing(text: str, *, voice: str, words_per_minute: int) -> bytes:
        raise VoiceMissing(f"{text} {voice} {words_per_minute}")

    ((_, pcm),) = await spoken(Voice(missing), "Hello there")
    assert pcm == tones("Hello there")
    assert any(pcm)


async def test_a_language_espeak_lacks_is_spoken_in_english() -> None:
    async def english(text: str, *, voice: str, words_per_minute: int) -> bytes:
        if voice != "en":
            raise VoiceMissing(f"no {voice}")
        return text.encode() * words_per_minute

    ((_, pcm),) = await spoken(Voice(english), "Hi", name="xx-XX-NobodyNeural")
    assert pcm.startswith(b"Hi")


@pytest.mark.parametrize(
    ("voice", "language"),
    [
        ({"name": "alloy"}, "en"),
        ({"name": "de-DE-KatjaNeural"}, "de"),
        ({"name": "en-us-emma:DragonHDLatestNeural"}, "en"),
        ({"name": "en-US-AvaMultilingualNeural", "locale": "fr-FR"}, "fr"),
        ({}, "en"),
    ],
)
def test_the_locale_of_a_voice_chooses_the_language(voice: dict[str, str], language: str) -> None:
    assert espeak_voice(voice) == language


@pytest.mark.parametrize("encoding", ["g711_ulaw", "g711_alaw"])
def test_g711_goes_out_and_comes_in_as_the_same_sound(encoding: str) -> None:
    sent = Encoder(encoding).encode(speech(1000), last=True)
    heard, reference = InputFormat(encoding, 8_000).decode(sent)
    expected = np.frombuffer(speech(1000, 8_000), "<i2").astype(float)
    assert reference is None
    assert np.corrcoef(heard, expected)[0, 1] > 0.999
    assert np.abs(heard).max() == pytest.approx(6_000, rel=0.05)


@pytest.mark.parametrize(
    ("output_format", "bytes_per_s"),
    [
        ("pcm16", 48_000),
        ("pcm16_8000hz", 16_000),
        ("pcm16_16000hz", 32_000),
        ("pcm16_44100hz", 88_200),
        ("g711_ulaw", 8_000),
        ("g711_alaw", 8_000),
    ],
)
def test_sound_goes_out_in_the_format_that_was_asked_for(output_format: str, bytes_per_s: int) -> None:
    encoder = Encoder(output_format)
    sent = encoder.encode(speech(600)) + encoder.encode(speech(400), last=True)
    assert len(sent) == pytest.approx(bytes_per_s, abs=4)


def test_two_channels_are_taken_apart() -> None:
    microphone, reference = InputFormat(channels=2).decode(np.array([1, 9, 2, 8], "<i2").tobytes())
    assert reference is not None
    assert (microphone.tolist(), reference.tolist()) == ([1, 2], [9, 8])


def test_playback_is_assumed_in_real_time_and_in_order() -> None:
    playback = AssumedPlayback()
    playback.sent("a", speech(1000), 10.0)
    playback.sent("b", speech(1000), 10.1)
    assert playback.heard_ms("a", 10.4) == 400
    assert playback.heard_ms("b", 11.5) == 500
    assert playback.speaking(11.9)
    assert not playback.speaking(12.1)
    assert playback.last_item_id() == "b"


def test_an_interruption_ends_what_is_assumed_to_play() -> None:
    playback = AssumedPlayback()
    playback.sent("a", speech(1000), 10.0)
    playback.sent("b", speech(1000), 10.0)
    playback.interrupted(10.5)
    assert not playback.speaking(10.6)
    assert (playback.heard_ms("a", 99.0), playback.heard_ms("b", 99.0)) == (500, 0)
    playback.sent("c", speech(100), 20.0)
    assert playback.heard_ms("c", 20.05) == 50


def test_echo_is_expected_while_sound_plays_and_shortly_after() -> None:
    playback = AssumedPlayback()
    assert playback.echo_dbfs(9.0) == -96.0
    playback.sent("a", speech(500) + silence(500), 10.0)
    assert -30 < playback.echo_dbfs(10.2) < -20
    assert playback.echo_dbfs(10.9) > -30
    assert playback.echo_dbfs(11.5) == -96.0
