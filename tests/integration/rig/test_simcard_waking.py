"""The simulated card wakes its programs, fails and comes back as a real one does: seen through the real alsa-lib."""

from __future__ import annotations

import select

import alsaaudio
import pytest

from scripts.rig.card import SimulatedCard
from scripts.rig.tracks import CAPTURE
from tests.integration.rig.pcm import BUFFER, PERIOD, MakeCard, Open, Pcm, all_heard, at_frame, ramp

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


def unplugged(make_card: MakeCard, open_pcm: Open, rate_hz: int, device: str) -> tuple[SimulatedCard, Pcm, Pcm]:
    """A card that was pulled out while its microphone and its speaker ran."""
    card = make_card(rate_hz=rate_hz)
    microphone = open_pcm(alsaaudio.PCM_CAPTURE, device)
    speaker = open_pcm(alsaaudio.PCM_PLAYBACK, device)
    microphone.read()
    speaker.write(ramp(BUFFER))
    card.unplug()
    return card, microphone, speaker


def fail_as_gone(microphone: Pcm, speaker: Pcm) -> None:
    with pytest.raises(alsaaudio.ALSAAudioError, match="No such device"):
        microphone.alsa.read()
    with pytest.raises(alsaaudio.ALSAAudioError, match="No such device"):
        speaker.write(ramp(PERIOD))


@pytest.mark.parametrize(("rate_hz", "device"), [(24_000, "simcard"), (24_000, "default"), (48_000, "default")])
def test_unplugging_fails_open_pcms_for_good_and_silences_them(
    make_card: MakeCard, open_pcm: Open, rate_hz: int, device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    card, microphone, speaker = unplugged(make_card, open_pcm, rate_hz, device)
    assert microphone.revents() & select.POLLERR
    assert speaker.revents() & select.POLLERR
    end = card.now_frame() + 1
    assert not all_heard(card)[end:].any()
    for _ in range(2):
        fail_as_gone(microphone, speaker)
        card.plug()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("rate_hz", "device"), [(24_000, "simcard"), (24_000, "default"), (48_000, "default")])
def test_even_a_short_unplugging_is_noticed_by_the_next_call(
    make_card: MakeCard, open_pcm: Open, rate_hz: int, device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    card, microphone, speaker = unplugged(make_card, open_pcm, rate_hz, device)
    card.plug()
    fail_as_gone(microphone, speaker)
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


def test_a_card_that_refuses_its_parameters_can_be_opened_again_when_it_takes_them(
    card: SimulatedCard, open_pcm: Open
) -> None:
    card.refuse(CAPTURE)
    with pytest.raises(alsaaudio.ALSAAudioError, match="Invalid argument"):
        open_pcm(alsaaudio.PCM_CAPTURE, "default")
    open_pcm(alsaaudio.PCM_PLAYBACK, "default")
    card.accept()
    open_pcm(alsaaudio.PCM_CAPTURE, "default")


def test_a_card_comes_back_under_another_number_or_under_another_name(card: SimulatedCard, open_pcm: Open) -> None:
    open_pcm(alsaaudio.PCM_CAPTURE, "default").close()
    card.renumber()
    microphone = open_pcm(alsaaudio.PCM_CAPTURE, "default")
    assert card.microphone_open
    microphone.close()
    card.rename("2")
    with pytest.raises(alsaaudio.ALSAAudioError):
        open_pcm(alsaaudio.PCM_CAPTURE, "default")
    open_pcm(alsaaudio.PCM_CAPTURE, "simplug2").close()
    card.rename("")
    open_pcm(alsaaudio.PCM_CAPTURE, "default")


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


def test_a_fault_of_one_direction_leaves_the_other_alone(card: SimulatedCard, speaker: Pcm, open_pcm: Open) -> None:
    microphone = open_pcm(alsaaudio.PCM_CAPTURE)
    microphone.record(PERIOD)
    card.stall(CAPTURE)
    speaker.play(ramp(4 * PERIOD))
    while microphone.revents(0.05):
        microphone.read()
    card.stuck = False
    card.occupy(CAPTURE)
    card.unplug(CAPTURE)
    assert microphone.revents() & select.POLLERR
    assert not speaker.revents() & select.POLLNVAL, "it may have run dry meanwhile, but it is there"
    microphone.close()
    card.plug()
    with pytest.raises(alsaaudio.ALSAAudioError, match="busy"):
        open_pcm(alsaaudio.PCM_CAPTURE)
    card.busy = False
    open_pcm(alsaaudio.PCM_CAPTURE)
