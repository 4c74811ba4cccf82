"""The player against a card in virtual time: what is heard, when, and what is told about it."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device_daemon.audio import player as player_module
from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.audio.player import FADE_MS
from device_daemon.audio.speaker_events import Flushed, Silent, Started
from device_daemon.errors import DeviceGone
from tests.unit.audio.virtual_card import MS, Bench, VirtualCard, ramp, silence


@pytest.fixture
def no_fade(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fade be silence, so that every sample heard is one that was played."""
    monkeypatch.setattr(player_module, "fade_out", silence)


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("late_frames", [0, 7])
@pytest.mark.parametrize(
    ("period_ms", "periods", "first"),
    [(10, 4, 777), (2, 4, 777), (20, 3, 777), (10, 2, 777), (2, 2, 777), (80, 3, 1777)],
)
def test_everything_is_heard_once_and_without_a_gap(
    period_ms: int, periods: int, first: int, late_frames: int, *, coarse: bool
) -> None:
    bench = Bench(VirtualCard(period_ms * MS, periods, coarse=coarse), late_frames)
    bench.play("greeting", ramp(first), 1)
    bench.play("greeting", ramp(5000, first + 1), 2)
    bench.run(first + 7223)
    frames, samples = zip(*bench.card.heard, strict=True)
    assert samples == tuple(range(1, first + 5001))
    assert frames == tuple(range(frames[0], frames[0] + first + 5000))
    end_s = (frames[-1] + 1) / SAMPLE_RATE_HZ
    (silent,) = bench.of(Silent)
    assert silent.ticket == 2
    assert silent.at_s == pytest.approx(end_s, abs=(late_frames + 5) / SAMPLE_RATE_HZ)
    assert not bench.player.running
    assert bench.player.underruns == 0


def test_sound_that_comes_just_after_the_end_is_heard_at_once() -> None:
    bench = Bench(VirtualCard())
    bench.play("one", ramp(1000), 1)
    bench.run(1010)
    assert bench.player.running
    bench.play("two", ramp(500, 1001), 2)
    bench.run(2000)
    frames, samples = zip(*bench.card.heard, strict=True)
    assert samples == tuple(range(1, 1501))
    assert frames[1000] - frames[999] == 11


@pytest.mark.parametrize("coarse", [False, True])
def test_a_full_card_is_written_to_only_when_two_thirds_of_it_were_heard(*, coarse: bool) -> None:
    bench = Bench(VirtualCard(40 * MS, 6, coarse=coarse))
    bench.play("answer", ramp(1200 * MS), 1)
    bench.run(1000 * MS)
    assert bench.card.writes <= 2 + 1000 // 160
    assert bench.player.underruns == 0


def test_a_silent_player_waits_for_ever() -> None:
    bench = Bench(VirtualCard())
    bench.play("greeting", ramp(480), 1)
    bench.run(2000)
    waits_for = bench.player.next_work()
    assert (waits_for.room, waits_for.timeout_s) == (False, None)


def test_sound_shorter_than_a_period_is_heard_whole() -> None:
    bench = Bench(VirtualCard(coarse=True))
    bench.play("tick", ramp(3), 1)
    bench.run(2000)
    assert [sample for _, sample in bench.card.heard] == [1, 2, 3]


def test_a_play_without_sound_is_answered_all_the_same() -> None:
    bench = Bench(VirtualCard())
    bench.play("nothing", array("h"), 1)
    assert [event.ticket for event in bench.of(Silent)] == [1]


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("heard_frames", [1, 100, 239, 240, 241, 2399, 5000])
def test_a_flush_tells_to_the_sample_how_much_was_heard(heard_frames: int, *, coarse: bool) -> None:
    bench = Bench(VirtualCard(coarse=coarse))
    bench.play("item", ramp(10_000), 1)
    bench.run(heard_frames)
    bench.flush(2)
    (flushed,) = bench.of(Flushed)
    assert (flushed.ticket, flushed.source, flushed.heard_ms) == (2, "item", heard_frames // MS)
    assert flushed.at_s == pytest.approx(bench.card.now_s() + FADE_MS / 1000, abs=0.0003)


def test_what_would_have_come_next_fades_out_within_3_ms() -> None:
    bench = Bench(VirtualCard())
    bench.play("item", array("h", [10_000] * 5000), 1)
    bench.run(1000)
    cut = bench.card.frame
    bench.flush(2)
    bench.run(3000)
    tail = [sample for frame, sample in bench.card.heard if frame >= cut]
    assert len(tail) == FADE_MS * MS
    assert tail == sorted(tail, reverse=True)
    assert tail[0] > 9_900
    assert tail[-1] < 100


def test_the_fade_goes_on_where_the_sound_would_have_been() -> None:
    bench = Bench(VirtualCard())
    bench.play("item", ramp(30_000), 1)
    bench.run(20_000)
    cut = bench.card.frame
    bench.flush(2)
    bench.run(3000)
    first_of_fade = next(sample for frame, sample in bench.card.heard if frame >= cut)
    assert 20_000 < first_of_fade < 20_010


def test_a_fade_that_comes_late_is_left_out_as_it_would_be_a_sound_of_its_own() -> None:
    bench = Bench(VirtualCard())
    bench.play("item", array("h", [20_000] * 100 * MS), 1)
    bench.run(50 * MS)
    cut, bench.card.drop_frames = bench.card.frame, 2 * MS
    bench.flush(2)
    bench.card.drop_frames = 0
    bench.play("next", ramp(10 * MS), 3)
    bench.run(40 * MS)
    assert [sample for frame, sample in bench.card.heard if frame >= cut] == list(ramp(10 * MS))
    assert bench.of(Flushed)[0].heard_ms == 50
    assert bench.of(Silent)[-1].ticket == 3


@pytest.mark.usefixtures("no_fade")
def test_sound_that_follows_a_flush_is_heard_behind_the_fade() -> None:
    bench = Bench(VirtualCard())
    bench.play("old", ramp(5000), 1)
    bench.run(1000)
    bench.queue.flush(2)
    bench.queue.put("new", ramp(500, 20_000).tobytes(), 3, 1.0, 0.0)
    bench.player.work()
    bench.run(3000)
    assert [sample for _, sample in bench.card.heard] == [*range(1, 1001), *range(20_000, 20_500)]
    assert [event.ticket for event in bench.of(Silent)] == [3]


def test_late_sound_of_the_same_source_is_counted_as_a_gap_and_goes_on_counting() -> None:
    bench = Bench(VirtualCard())
    bench.play("item", ramp(1200), 1)
    bench.run(3000)
    bench.play("item", ramp(1200, 1201), 2)
    bench.run(600)
    bench.flush(3)
    assert bench.player.starved == 1
    assert [(event.source, event.heard_ms) for event in bench.of(Flushed)] == [("item", 1800 // MS)]


@settings(max_examples=400)
@given(
    st.sampled_from([10, 20, 40, 80, 100]),
    st.integers(2, 6),
    st.booleans(),
    st.lists(st.integers(1, 250 * MS), min_size=1, max_size=3),
)
@example(80, 3, False, [235 * MS])
def test_no_sound_is_lost_in_a_period_that_is_not_full(
    period_ms: int, periods: int, coarse: bool, pieces: list[int]
) -> None:
    bench = Bench(VirtualCard(period_ms * MS, periods, coarse=coarse, whole_periods=True), late_frames=12)
    starts = [sum(pieces[:number]) for number in range(len(pieces))]
    for number, (start, frames) in enumerate(zip(starts, pieces, strict=True)):
        bench.play("item", ramp(frames, start + 1), number)
    bench.run(sum(pieces) + 300 * MS)
    assert [sample for _, sample in bench.card.heard] == list(range(1, sum(pieces) + 1))
    assert bench.player.underruns == 0
    assert not bench.player.running


@pytest.mark.parametrize("period_ms", [2, 10, 40, 80])
def test_sound_that_comes_too_late_waits_at_most_for_a_period_of_silence_and_10_ms(period_ms: int) -> None:
    bench = Bench(VirtualCard(period_ms * MS, 3))
    bench.play("item", ramp(300 * MS), 1)
    bench.run(290 * MS)
    bench.play("item", ramp(10 * MS, 300 * MS + 1), 2)
    bench.run(500 * MS)
    frames, samples = zip(*bench.card.heard, strict=True)
    assert samples == tuple(range(1, 310 * MS + 1))
    gap_ms = (frames[300 * MS] - frames[300 * MS - 1] - 1) / MS
    assert gap_ms <= period_ms + 10


def test_a_source_that_comes_again_later_starts_anew() -> None:
    bench = Bench(VirtualCard())
    for ticket, source in enumerate(["sound:ready", "item", "sound:ready"], start=1):
        bench.play(source, ramp(480), ticket)
        bench.run(2000)
    assert [event.source for event in bench.of(Started)] == [
        "sound:ready",
        "item",
        "sound:ready",
    ]
    assert bench.player.starved == 0
    bench.play("item", ramp(480), 4)
    bench.run(240)
    bench.flush(5)
    assert [event.heard_ms for event in bench.of(Flushed)] == [10], "not what was heard of it before"


def test_an_underrun_is_counted_and_loses_nothing() -> None:
    bench = Bench(VirtualCard())
    bench.play("item", ramp(9000), 1)
    bench.run(2000)
    bench.card.let_pass(3000)  # nobody is at work meanwhile
    bench.player.work()
    bench.run(12_000)
    assert [sample for _, sample in bench.card.heard] == list(range(1, 9001))
    assert bench.player.underruns == 1


def test_after_an_underrun_positions_still_count_from_the_first_sample() -> None:
    bench = Bench(VirtualCard())
    bench.play("item", ramp(9000), 1)
    bench.run(2000)
    bench.card.let_pass(3000)
    bench.player.work()
    bench.run(700)
    truth = len(bench.card.heard) + 700
    bench.flush(2)
    assert [event.heard_ms for event in bench.of(Flushed)] == [truth // MS]


@settings(deadline=None)
@given(stalls=st.lists(st.tuples(st.integers(500, 4_000), st.integers(1_000, 4_000)), max_size=4))
def test_the_echo_reference_is_what_was_heard_at_each_moment_whatever_ran_dry(stalls: list[tuple[int, int]]) -> None:
    bench = Bench(VirtualCard())
    bench.play("item", ramp(20_000), 1)
    for worked, stalled in stalls:
        bench.run(worked)
        bench.card.let_pass(stalled)  # nobody is at work meanwhile
        bench.player.work()
    bench.run(25_000)
    began = bench.card.heard[0][0] - 10
    track = array("h", bench.reference.read(began / SAMPLE_RATE_HZ, bench.card.heard[-1][0] + 10 - began))
    place = {sample: at for at, sample in enumerate(track) if sample}
    assert len(place) == 20_000
    assert max(abs(place[sample] - (frame - began)) for frame, sample in bench.card.heard) <= 3


def test_a_card_that_stands_still_is_taken_for_dead() -> None:
    bench = Bench(VirtualCard())
    bench.card.stuck = True
    bench.play("item", ramp(9000), 1)
    with pytest.raises(DeviceGone, match="stood still for 2 s"):
        bench.run(3 * SAMPLE_RATE_HZ)
    assert bench.card.frame <= 2.1 * SAMPLE_RATE_HZ
