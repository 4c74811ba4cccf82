"""What the simulated card tells a test, its conversions by alsa-lib, and the rings its sound is kept in."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import wave
from pathlib import Path

import alsaaudio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import REPOSITORY
from scripts.rig.card import SimulatedCard, utterance
from scripts.rig.plugin import build_plugin
from scripts.rig.tracks import Layout, Samples
from tests.integration.rig.pcm import (
    BUFFER,
    DEADLINE_S,
    PERIOD,
    PERIODS,
    MakeCard,
    Open,
    Pcm,
    all_heard,
    at_frame,
    ramp,
    tone,
)

# What the card tells a test


def test_it_is_known_who_listens(card: SimulatedCard, microphone: Pcm) -> None:
    assert (card.microphone_open, card.microphone_running, card.speaker_open) == (True, False, False)
    assert card.microphone_pid == os.getpid()
    microphone.read()
    assert card.microphone_running
    microphone.alsa.drop()
    assert not card.microphone_running
    microphone.close()
    assert not card.microphone_open
    assert card.microphone_pid is None


LISTENER = """
import alsaaudio
microphone = alsaaudio.PCM(alsaaudio.PCM_CAPTURE, rate=24000, channels=1, periodsize=240, device="default")
microphone.read()
print("open", flush=True)
input()
"""


def test_a_blocking_reader_that_is_late_is_told_of_an_overrun(card: SimulatedCard) -> None:
    pcm = alsaaudio.PCM(
        alsaaudio.PCM_CAPTURE, rate=24_000, channels=1, periodsize=PERIOD, periods=PERIODS, device="default"
    )
    assert pcm.read()[0] == PERIOD
    at_frame(card, card.now_frame() + BUFFER)
    assert pcm.read()[0] == -32
    assert pcm.read()[0] == PERIOD
    pcm.close()


def test_a_killed_program_leaves_the_card_free(card: SimulatedCard, open_pcm: Open) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER],
        env=os.environ | card.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        assert card.microphone_running
        assert card.microphone_pid == process.pid
        process.kill()
        process.wait(DEADLINE_S)
    assert not card.microphone_running
    open_pcm(alsaaudio.PCM_CAPTURE)


def test_first_and_last_sound_are_those_that_were_heard(card: SimulatedCard, speaker: Pcm) -> None:
    start_s = time.monotonic()
    speaker.write(np.concatenate([np.zeros(100, np.int16), ramp(380, first=5000)]))
    first_s = card.wait_for_sound(start_s)
    end_s = card.wait_for_silence(start_s, silence_ms=50)
    heard = all_heard(card)
    assert card.frame_at(first_s) == int(np.flatnonzero(heard)[0])
    assert card.frame_at(end_s) == int(np.flatnonzero(heard)[-1]) + 1
    assert card.first_sound_after(start_s) == first_s
    assert card.last_sound_before(end_s + 0.01, after_s=start_s) == end_s
    assert card.first_sound_after(end_s) is None


def test_waiting_for_a_sound_that_does_not_come_ends(card: SimulatedCard) -> None:
    with pytest.raises(TimeoutError, match="stayed silent"):
        card.wait_for_sound(time.monotonic(), deadline_s=0.02)


def test_silence_that_was_never_broken_began_where_one_asked(card: SimulatedCard) -> None:
    asked_s = time.monotonic()
    assert card.frame_at(card.wait_for_silence(asked_s, silence_ms=20)) == card.frame_at(asked_s)


def test_a_wav_has_the_person_on_the_left_and_the_speaker_on_the_right(
    card: SimulatedCard, speaker: Pcm, tmp_path: Path
) -> None:
    start_s = time.monotonic()
    card.say(ramp(100))
    speaker.write(ramp(200, first=5000))
    card.save_wav(tmp_path / "room.wav", start_s, start_s + 0.2)
    with wave.open(str(tmp_path / "room.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (24_000, 2, 4800)
        both = np.frombuffer(file.readframes(4800), np.int16).reshape(-1, 2)
    assert np.array_equal(both[both[:, 0] != 0, 0], ramp(100))
    assert np.array_equal(both[both[:, 1] != 0, 1], ramp(200, first=5000))


# Through alsa-lib's conversions


def test_a_48_khz_stereo_card_plays_and_hears_24_khz_mono(make_card: MakeCard, open_pcm: Open) -> None:
    card = make_card(rate_hz=48_000, channels=2)
    microphone = open_pcm(alsaaudio.PCM_CAPTURE, "default")
    start_s = time.monotonic()
    card.say(tone(4800), start_s + 0.05)
    recorded = microphone.record(4800 + 2400 + BUFFER)
    at = int(np.flatnonzero(np.abs(recorded) > 100)[0]) + 480
    assert loudest_hz(recorded[at : at + 2400], 24_000) == 1000

    speaker = open_pcm(alsaaudio.PCM_PLAYBACK, "default")
    start_s = time.monotonic()
    speaker.play(tone(4800, hz=2000))
    at = card.frame_at(card.wait_for_sound(start_s)) - card.frame_at(start_s) + 960
    for channel in (0, 1):
        heard = card.heard(start_s, start_s + 0.3, channel)
        assert loudest_hz(heard[at : at + 4800], 48_000) == 2000


def loudest_hz(samples: Samples, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate_hz / len(samples)


def test_the_card_as_it_is_does_not_convert(make_card: MakeCard, open_pcm: Open) -> None:
    card = make_card(rate_hz=48_000, channels=2)
    negotiated = open_pcm(alsaaudio.PCM_PLAYBACK).alsa.info()
    assert (negotiated["rate"], negotiated["channels"]) == (card.rate_hz, card.channels)


def test_the_card_is_listed_and_has_no_mixer(card: SimulatedCard, capfd: pytest.CaptureFixture[str]) -> None:
    assert {"simcard", "simplug", "default"} <= set(alsaaudio.pcms(alsaaudio.PCM_CAPTURE))
    assert alsaaudio.mixers(device="default") == []
    assert card.environment()["ALSA_CONFIG_PATH"] == os.environ["ALSA_CONFIG_PATH"]
    assert capfd.readouterr() == ("", "")


# Rings


def test_the_speaker_can_play_on_for_many_laps_of_its_ring(make_card: MakeCard, open_pcm: Open) -> None:
    card = make_card(history_s=0.5)
    speaker = open_pcm(alsaaudio.PCM_PLAYBACK)
    speaker.play(ramp(28_800))
    end_s = card.time_of(card.now_frame())
    heard = card.heard(end_s - 0.05, end_s)
    assert np.array_equal(heard, ramp(1200, first=int(heard[0])))
    with pytest.raises(ValueError, match="history_s"):
        card.heard(end_s - 0.3, end_s)


def test_what_was_said_a_lap_ago_is_not_heard_again(make_card: MakeCard, open_pcm: Open) -> None:
    card = make_card(history_s=0.1)
    microphone = open_pcm(alsaaudio.PCM_CAPTURE)
    card.say(ramp(100))
    recorded = microphone.record(24_000 // 2)
    assert np.array_equal(recorded[recorded != 0], ramp(100))


@given(
    st.lists(st.tuples(st.integers(-500, 12_000), st.integers(1, 2000), st.booleans()), max_size=8),
    st.integers(-500, 12_000),
)
def test_a_block_of_a_track_holds_the_last_lap_it_was_written_in(
    writes: list[tuple[int, int, bool]], frame: int
) -> None:
    layout = Layout(rate_hz=1024, channels=1, history_s=4)
    track, _ = layout.tracks(memoryview(bytearray(layout.size_bytes)))
    slots: dict[int, tuple[int, dict[int, int]]] = {}
    for number, (start, count, erases) in enumerate(writes, 1):
        if erases:
            track.erase(start, count)
        else:
            track.write(start, np.full((count, 1), number, np.int16))
        for at in range(max(start, 0), start + count):
            block = at // 1024
            if slots.get(block % 4, (-1, {}))[0] != block and not erases:
                slots[block % 4] = (block, {})
            known, samples = slots.get(block % 4, (-1, {}))
            if known == block:
                samples[at] = 0 if erases else number
    expected = [slots.get(at // 1024 % 4, (-1, {}))[1].get(at, 0) for at in range(frame, frame + 3000)]
    assert track.read(frame, 3000)[:, 0].tolist() == expected


def test_the_plugin_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build = "from scripts.rig.plugin import build_plugin; print(build_plugin())"
    builders = [
        subprocess.Popen([sys.executable, "-c", build], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        for _ in range(2)
    ]
    libraries = {builder.communicate(timeout=30)[0].strip() for builder in builders}
    library = build_plugin()
    assert libraries == {str(library)}
    assert [path.name for path in (tmp_path / "voicelive-speaker").iterdir()] == [library.name]
    made = library.stat().st_mtime_ns
    assert build_plugin().stat().st_mtime_ns == made


# People


def test_people_speak_24_khz_from_their_first_sound_to_their_last() -> None:
    sentence = utterance("What time is it?")
    assert 0.5 < len(sentence) / 24_000 < 3
    assert abs(int(sentence[0])) > 0
    assert int(np.abs(sentence.astype(np.int32)).max()) > 3000
