"""What is written to the simulated card is heard, and what is said is captured, to the sample: seen through the real alsa-lib."""

from __future__ import annotations

import time

import alsaaudio
import numpy as np

from scripts.rig.acoustics import impulse_response
from scripts.rig.card import SimulatedCard
from tests.integration.rig.pcm import BUFFER, PERIOD, PERIODS, MakeCard, Open, Pcm, all_heard, at_frame, ramp


def test_what_is_written_is_heard_at_once_and_to_the_sample(card: SimulatedCard, speaker: Pcm) -> None:
    before = card.now_frame()
    speaker.write(ramp(BUFFER))
    after = card.now_frame()
    heard = all_heard(card)
    start = int(np.flatnonzero(heard)[0])
    assert before <= start <= after
    assert np.array_equal(heard[start : start + BUFFER], ramp(BUFFER))
    assert not heard[start + BUFFER :].any()


def test_periods_that_are_written_in_time_join_without_a_seam(card: SimulatedCard, speaker: Pcm) -> None:
    sound = ramp(12 * PERIOD)
    speaker.play(sound)
    heard = all_heard(card)
    start = int(np.flatnonzero(heard)[0])
    assert np.array_equal(heard[start : start + len(sound)], sound)
    assert card.underruns == 0
    assert card.late_ms == 0


def test_drop_takes_back_what_was_not_yet_heard(card: SimulatedCard, speaker: Pcm) -> None:
    speaker.write(ramp(BUFFER))
    start = int(np.flatnonzero(all_heard(card))[0])
    at_frame(card, start + PERIOD)
    before = card.now_frame()
    speaker.alsa.drop()
    after = card.now_frame()
    heard = all_heard(card)[start:]
    count = int(np.count_nonzero(heard))
    assert before <= start + count <= after
    assert np.array_equal(heard[:count], ramp(count))
    assert not card.speaker_running


def test_what_is_written_after_drop_is_heard(card: SimulatedCard, speaker: Pcm) -> None:
    speaker.write(ramp(BUFFER))
    speaker.alsa.drop()
    now_s = time.monotonic()
    speaker.write(ramp(PERIOD, first=5000))
    heard = card.heard(now_s, now_s + 0.1)
    assert np.array_equal(heard[heard != 0], ramp(PERIOD, first=5000))


def test_positions_are_those_of_the_clock(card: SimulatedCard, speaker: Pcm) -> None:
    speaker.write(ramp(BUFFER))
    start = int(np.flatnonzero(all_heard(card))[0])
    for moment in range(0, 3 * PERIOD, 50):
        at_frame(card, start + moment)
        before = card.now_frame()
        position = BUFFER - speaker.pending()
        assert before <= start + position <= card.now_frame()


def test_coarse_positions_move_in_whole_periods(make_card: MakeCard, open_pcm: Open) -> None:
    card = make_card(coarse_pointer=True)
    speaker = open_pcm(alsaaudio.PCM_PLAYBACK)
    speaker.write(ramp(BUFFER))
    start = int(np.flatnonzero(all_heard(card))[0])
    for moment in range(0, 3 * PERIOD, 50):
        at_frame(card, start + moment)
        assert speaker.pending() % PERIOD == 0
    assert np.array_equal(all_heard(card)[start : start + BUFFER], ramp(BUFFER))


def test_closing_plays_to_the_end(card: SimulatedCard) -> None:
    pcm = alsaaudio.PCM(
        alsaaudio.PCM_PLAYBACK, rate=24_000, channels=1, periodsize=PERIOD, periods=PERIODS, device="simcard"
    )
    pcm.write(ramp(3 * PERIOD + 7).tobytes())
    pcm.close()
    heard = all_heard(card)
    assert np.array_equal(heard[heard != 0], ramp(3 * PERIOD + 7))
    assert int(np.flatnonzero(heard)[-1]) < card.now_frame()
    assert card.underruns == 0


def test_an_underrun_is_told_once_and_the_speaker_goes_on(card: SimulatedCard, speaker: Pcm) -> None:
    speaker.write(ramp(PERIOD))
    at_frame(card, card.now_frame() + PERIOD)
    assert speaker.write(ramp(PERIOD)) == -32
    assert card.underruns == 1
    assert speaker.write(ramp(PERIOD, first=5000)) == PERIOD
    heard = all_heard(card)
    assert np.array_equal(heard[heard != 0], np.concatenate([ramp(PERIOD), ramp(PERIOD, first=5000)]))


# Capture


def test_what_is_said_is_captured_to_the_sample(card: SimulatedCard, microphone: Pcm) -> None:
    card.say(ramp(3 * PERIOD))
    recorded = microphone.record(8 * PERIOD)
    start = int(np.flatnonzero(recorded)[0])
    assert np.array_equal(recorded[start : start + 3 * PERIOD], ramp(3 * PERIOD))
    assert card.overruns == 0


def test_a_moment_is_captured_when_it_is_over(card: SimulatedCard, microphone: Pcm) -> None:
    said_s = card.say(ramp(1))
    while not microphone.record(0).any():
        microphone.wait()
    assert time.monotonic() > said_s
    assert card.captured_until_s > said_s


def test_stop_saying_takes_back_what_was_to_be_said(card: SimulatedCard, microphone: Pcm) -> None:
    card.say(ramp(PERIOD))
    card.stop_saying()
    assert not microphone.record(4 * PERIOD).any()


def test_the_echo_comes_with_its_delay_and_gain(card: SimulatedCard, microphone: Pcm, speaker: Pcm) -> None:
    card.set_echo([(3.0, 0.5), (5.0, -0.25)])
    said_s = card.say(np.array([32_000], np.int16))
    microphone.read()
    played = np.array([10_000, 0, 0, 2000], np.int16)
    speaker.write(played)
    recorded = microphone.record(6 * PERIOD)
    mark = int(np.flatnonzero(recorded == 32_000)[0])
    start = mark + int(np.flatnonzero(all_heard(card))[0]) - card.frame_at(said_s)
    assert list(recorded[start + 72 : start + 76]) == [5000, 0, 0, 1000]
    assert list(recorded[start + 120 : start + 124]) == [-2500, 0, 0, -500]
    assert np.count_nonzero(recorded) == 5


def test_an_overrun_is_told_once_and_the_microphone_goes_on(card: SimulatedCard, microphone: Pcm) -> None:
    microphone.read()
    at_frame(card, card.now_frame() + BUFFER)
    assert microphone.alsa.read() == (-32, b"")
    assert card.overruns == 1
    card.say(ramp(PERIOD))
    recorded = microphone.record(6 * PERIOD)
    assert np.array_equal(recorded[recorded != 0], ramp(PERIOD))
    assert card.overruns == 1


def test_a_room_gives_the_echo_of_its_impulse_response(card: SimulatedCard, microphone: Pcm, speaker: Pcm) -> None:
    response = impulse_response(3.0)
    card.set_room(response)
    microphone.read()
    played = (np.random.default_rng(1).standard_normal(2 * PERIOD) * 3000).astype(np.int16)
    speaker.write(played)
    recorded = microphone.record(20 * PERIOD)
    expected = np.convolve(played, response)
    start = int(np.argmax(np.correlate(recorded.astype(float), expected[:PERIOD], "valid")))
    assert np.abs(recorded[start : start + 6 * PERIOD] - expected[: 6 * PERIOD]).max() <= 2


def test_a_loudspeaker_that_clips_gets_no_louder_than_its_ceiling(
    card: SimulatedCard, microphone: Pcm, speaker: Pcm
) -> None:
    card.set_room(np.array([1.0]), clip_ceiling=1000.0)
    microphone.read()
    speaker.write(np.array([32_000] * PERIOD, np.int16))
    assert microphone.record(6 * PERIOD).max() == 1000


def test_a_microphone_whose_clock_runs_faster_hears_the_same_sound_longer(make_card: MakeCard, open_pcm: Open) -> None:
    card = make_card()
    card.set_room(np.zeros(0), capture_ppm=20_000)  # 2 %, so that a short sound shows it
    microphone = open_pcm(alsaaudio.PCM_CAPTURE)
    tone = (np.sin(np.arange(12_000) * 2 * np.pi / 100) * 10_000).astype(np.int16)
    card.say(tone)
    recorded = microphone.record(16_000 // PERIOD * PERIOD)
    loud = np.flatnonzero(recorded)
    assert abs((loud[-1] - loud[0]) - 12_000 * 1.02) < 5
