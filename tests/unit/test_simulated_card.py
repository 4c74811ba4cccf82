"""The simulated card must be a card: what it promises, seen through the real alsaaudio and the real alsa-lib."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import alsaaudio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rig.card import SimulatedCard, utterance
from tests.rig.plugin import build_plugin
from tests.rig.tracks import Layout, Samples

PERIOD = 240
PERIODS = 16  # ample: on a busy machine these tests are late now and then
BUFFER = PERIOD * PERIODS
DEADLINE_S = 5.0

MakeCard = Callable[..., SimulatedCard]
Open = Callable[..., "Pcm"]


class Pcm:
    """An alsaaudio PCM, non-blocking, read and written by poll() as the program does."""

    def __init__(self, direction: int, device: str, period: int, periods: int) -> None:
        self.alsa = alsaaudio.PCM(
            direction,
            alsaaudio.PCM_NONBLOCK,
            rate=24_000,
            channels=1,
            format=alsaaudio.PCM_FORMAT_S16_LE,
            periodsize=period,
            periods=periods,
            device=device,
        )
        self.direction = direction
        self.closed = False

    def woken(self, timeout_s: float) -> list[tuple[int, int]]:
        """Poll once."""
        poll = select.poll()
        for fd, events in self.alsa.polldescriptors():
            poll.register(fd, events)
        return poll.poll(timeout_s * 1000)

    def revents(self, timeout_s: float = DEADLINE_S) -> int:
        """Poll once, and ask what it was about."""
        woken = self.woken(timeout_s)
        return int(self.alsa.polldescriptors_revents(woken)) if woken else 0

    def wait(self) -> int:
        """Poll until there is something to do."""
        give_up_s = time.monotonic() + DEADLINE_S
        while not (revents := self.revents()):
            assert time.monotonic() < give_up_s
        return revents

    def write(self, samples: Samples) -> int:
        return int(self.alsa.write(samples.tobytes()))

    def play(self, samples: Samples) -> None:
        """Write everything, in periods, as room comes."""
        for start in range(0, len(samples), PERIOD):
            self.wait()
            piece = samples[start : start + PERIOD]
            assert self.write(piece) == len(piece)

    def read(self) -> Samples:
        """Read what is there, at most a period."""
        count, data = self.alsa.read()
        assert count >= 0, "overrun"
        return np.frombuffer(data, np.int16)

    def record(self, frames: int) -> Samples:
        """Read that much and more, starting the card if it is at rest."""
        pieces = [self.read()]
        while sum(map(len, pieces)) < frames:
            self.wait()
            pieces.append(self.read())
        return np.concatenate(pieces)

    def pending(self) -> int:
        """How much was written and not yet heard, as programs reckon it."""
        return BUFFER - int(self.alsa.avail())

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            with contextlib.suppress(alsaaudio.ALSAAudioError):  # unplugged: nothing is left to drop
                self.alsa.drop()  # or close() drains
            self.alsa.close()


@pytest.fixture
def make_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeCard:
    def make(**options: Any) -> SimulatedCard:
        card = SimulatedCard(tmp_path / "card", **options)
        for name, value in card.environment().items():
            monkeypatch.setenv(name, value)
        return card

    return make


@pytest.fixture
def card(make_card: MakeCard) -> SimulatedCard:
    return make_card()


@pytest.fixture
def open_pcm() -> Iterator[Open]:
    pcms: list[Pcm] = []

    def open_(direction: int, device: str = "simcard", period: int = PERIOD, periods: int = PERIODS) -> Pcm:
        pcms.append(Pcm(direction, device, period, periods))
        return pcms[-1]

    yield open_
    for pcm in pcms:
        pcm.close()


@pytest.fixture
def speaker(card: SimulatedCard, open_pcm: Open) -> Pcm:
    assert card.rate_hz == 24_000
    return open_pcm(alsaaudio.PCM_PLAYBACK)


@pytest.fixture
def microphone(card: SimulatedCard, open_pcm: Open) -> Pcm:
    assert card.rate_hz == 24_000
    return open_pcm(alsaaudio.PCM_CAPTURE)


def ramp(frames: int, first: int = 1) -> Samples:
    """Samples that each tell which they are."""
    return np.arange(first, first + frames, dtype=np.int16)


def tone(frames: int, hz: float = 1000.0) -> Samples:
    return np.asarray(8000 * np.sin(2 * np.pi * hz * np.arange(frames) / 24_000), np.int16)


def at_frame(card: SimulatedCard, frame: int) -> None:
    """Wait for a moment on the card's clock."""
    while card.now_frame() < frame:
        time.sleep(0.001)


def all_heard(card: SimulatedCard) -> Samples:
    """Everything that was and will be heard, from the card's making on; the index is the frame."""
    return card.heard(card.time_of(0), time.monotonic() + 1.0)


# Playback


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


def test_hush_takes_back_what_was_to_be_said(card: SimulatedCard, microphone: Pcm) -> None:
    card.say(ramp(PERIOD))
    card.hush()
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


# Waking


def test_a_microphone_at_rest_wakes_nobody(microphone: Pcm) -> None:
    assert microphone.woken(0.05) == []


def test_poll_wakes_once_a_period_even_at_2_ms(card: SimulatedCard, open_pcm: Open) -> None:
    microphone = open_pcm(alsaaudio.PCM_CAPTURE, period=48, periods=80)
    microphone.read()
    found = []
    for _ in range(20):
        assert microphone.revents() == select.POLLIN
        found.append(int(microphone.alsa.avail()))
        microphone.read()
    assert 48 <= min(found) < 2 * 48
    assert card.microphone_running


@pytest.mark.parametrize(("channels", "device"), [(1, "simcard"), (1, "default"), (2, "default")])
def test_a_reader_that_leaves_a_period_is_woken_again_at_once(
    make_card: MakeCard, open_pcm: Open, channels: int, device: str
) -> None:
    card = make_card(channels=channels)
    microphone = open_pcm(alsaaudio.PCM_CAPTURE, device)
    microphone.read()
    at_frame(card, card.now_frame() + 2 * PERIOD + PERIOD // 2)
    assert len(microphone.read()) == PERIOD
    assert microphone.revents(0) == select.POLLIN


def test_a_speaker_with_room_is_ready_and_a_full_one_is_not(card: SimulatedCard, open_pcm: Open) -> None:
    speaker = open_pcm(alsaaudio.PCM_PLAYBACK, period=10 * PERIOD, periods=2)
    assert card.speaker_open
    assert speaker.revents() == select.POLLOUT
    speaker.write(ramp(20 * PERIOD))
    assert speaker.revents(0) == 0
    assert speaker.wait() == select.POLLOUT
    assert speaker.alsa.avail() >= 10 * PERIOD


def test_a_dropped_speaker_polls_as_an_error_as_a_real_card_does(speaker: Pcm) -> None:
    speaker.write(ramp(BUFFER))
    speaker.alsa.drop()
    assert speaker.revents() == select.POLLERR | select.POLLOUT


# What befalls cards


@pytest.mark.parametrize(("rate_hz", "device"), [(24_000, "simcard"), (24_000, "default"), (48_000, "default")])
def test_unplugging_fails_open_pcms_for_good_and_silences_them(
    make_card: MakeCard, open_pcm: Open, rate_hz: int, device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    card = make_card(rate_hz=rate_hz)
    microphone = open_pcm(alsaaudio.PCM_CAPTURE, device)
    speaker = open_pcm(alsaaudio.PCM_PLAYBACK, device)
    microphone.read()
    speaker.write(ramp(BUFFER))
    card.unplug()
    assert microphone.revents() & select.POLLERR
    assert speaker.revents() & select.POLLERR
    end = card.now_frame() + 1
    assert not all_heard(card)[end:].any()
    for _ in range(2):
        with pytest.raises(alsaaudio.ALSAAudioError, match="No such device"):
            microphone.alsa.read()
        with pytest.raises(alsaaudio.ALSAAudioError, match="No such device"):
            speaker.write(ramp(PERIOD))
        card.plug()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("rate_hz", "device"), [(24_000, "simcard"), (24_000, "default"), (48_000, "default")])
def test_even_a_short_unplugging_is_noticed_by_the_next_call(
    make_card: MakeCard, open_pcm: Open, rate_hz: int, device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    card = make_card(rate_hz=rate_hz)
    microphone = open_pcm(alsaaudio.PCM_CAPTURE, device)
    speaker = open_pcm(alsaaudio.PCM_PLAYBACK, device)
    microphone.read()
    speaker.write(ramp(BUFFER))
    card.unplug()
    card.plug()
    with pytest.raises(alsaaudio.ALSAAudioError, match="No such device"):
        microphone.alsa.read()
    with pytest.raises(alsaaudio.ALSAAudioError, match="No such device"):
        speaker.write(ramp(PERIOD))
    assert capfd.readouterr() == ("", "")


def test_unplugging_wakes_a_program_whose_pcm_is_at_rest(card: SimulatedCard, microphone: Pcm) -> None:
    assert microphone.revents(0) == 0
    card.unplug()
    assert microphone.revents() & select.POLLERR


def test_an_unplugged_card_opens_again_when_it_is_back(card: SimulatedCard, open_pcm: Open) -> None:
    card.unplug()
    with pytest.raises(alsaaudio.ALSAAudioError, match="No such device"):
        open_pcm(alsaaudio.PCM_PLAYBACK)
    card.plug()
    assert open_pcm(alsaaudio.PCM_PLAYBACK).write(ramp(PERIOD)) == PERIOD


def test_a_busy_card_does_not_open(card: SimulatedCard, open_pcm: Open) -> None:
    card.busy = True
    with pytest.raises(alsaaudio.ALSAAudioError, match="busy"):
        open_pcm(alsaaudio.PCM_CAPTURE)
    card.busy = False
    open_pcm(alsaaudio.PCM_CAPTURE)


def test_each_direction_can_be_open_once(card: SimulatedCard, open_pcm: Open) -> None:
    microphone = open_pcm(alsaaudio.PCM_CAPTURE, "default")
    open_pcm(alsaaudio.PCM_PLAYBACK, "default")
    with pytest.raises(alsaaudio.ALSAAudioError, match="busy"):
        open_pcm(alsaaudio.PCM_CAPTURE, "default")
    microphone.close()
    open_pcm(alsaaudio.PCM_CAPTURE, "default")
    assert card.microphone_open


def test_a_stuck_card_lets_a_reader_time_out_and_a_player_fall_silent(
    card: SimulatedCard, microphone: Pcm, open_pcm: Open
) -> None:
    speaker = open_pcm(alsaaudio.PCM_PLAYBACK, period=10 * PERIOD, periods=2)
    microphone.record(PERIOD)
    speaker.write(ramp(20 * PERIOD))
    card.stuck = True
    assert speaker.revents(0) == 0
    silent_from = card.now_frame() + 1
    assert not all_heard(card)[silent_from:].any()
    while microphone.revents(0.05):
        microphone.read()
    assert microphone.woken(0.05) == []
    card.stuck = False
    assert microphone.wait()


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
    build = "from tests.rig.plugin import build_plugin; print(build_plugin())"
    builders = [
        subprocess.Popen(
            [sys.executable, "-c", build], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
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
