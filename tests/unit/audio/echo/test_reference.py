from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.pcm import SAMPLE_RATE_HZ

RATE = SAMPLE_RATE_HZ
CHUNK = RATE * 60 // 1000


def ramp(start: int, frames: int) -> bytes:
    """Samples that tell their own position."""
    return array("h", [1 + (start + n) % 30_000 for n in range(frames)]).tobytes()


def samples(pcm: bytes) -> list[int]:
    return list(array("h", pcm))


def test_what_was_played_is_read_at_the_time_it_was_heard() -> None:
    track = ReferenceTrack()
    track.write(ramp(0, RATE))
    track.anchor(100.0)
    assert track.read(100.5, 10) == ramp(RATE // 2, 10)


def test_before_and_after_it_there_is_silence() -> None:
    track = ReferenceTrack()
    track.write(ramp(0, 10))
    track.anchor(100.0)
    track.cut(10)
    assert samples(track.read(100.0 - 5 / RATE, 20)) == [0] * 5 + samples(ramp(0, 10)) + [0] * 5
    assert track.read(50.0, 4) == bytes(8)


def test_what_a_flush_took_back_was_never_heard() -> None:
    track = ReferenceTrack()
    track.write(ramp(0, RATE))
    track.anchor(100.0)
    track.cut(RATE // 2)
    track.begin()
    track.write(ramp(0, 72))  # the fade
    track.anchor(100.5)
    heard = samples(track.read(100.5 - 10 / RATE, 100))
    assert heard == samples(ramp(RATE // 2 - 10, 10)) + samples(ramp(0, 72)) + [0] * 18


def test_a_run_that_was_never_heard_leaves_no_trace() -> None:
    track = ReferenceTrack()
    track.write(ramp(0, RATE))
    track.cut(0)
    track.begin()
    assert not track.sounded_since(0.0)
    assert track.read(100.0, 4) == bytes(8)


def test_what_was_heard_last_can_be_looked_at_without_disturbing_the_reader() -> None:
    track = ReferenceTrack()
    track.write(ramp(0, RATE))
    track.anchor(100.0)
    before = track.read(100.2, CHUNK)
    assert track.last(100.5, 10) == ramp(RATE // 2 - 10, 10)
    assert track.last(102.0, 10) == track.last(99.0, 10) == bytes(20)
    assert before + track.read(100.2 + CHUNK / RATE, CHUNK) == ramp(RATE // 5, 2 * CHUNK)


def test_it_tells_whether_anything_sounded_lately() -> None:
    track = ReferenceTrack()
    assert not track.sounded_since(0.0)
    track.write(ramp(0, RATE))
    track.anchor(100.0)
    track.cut(RATE)
    assert track.sounded_since(100.9)
    assert not track.sounded_since(101.1)


def test_hours_of_playback_take_bounded_memory_and_stay_in_place() -> None:
    track = ReferenceTrack()
    track.anchor(0.0)
    for second in range(60):
        track.write(ramp(second * RATE, RATE))
        track.anchor(0.0)
        read = track.read(float(second), 5)
        assert read == ramp(second * RATE, 5)
    assert len(track._runs[-1].data) <= 12 * RATE


def test_a_thousand_answers_that_nobody_reads_take_bounded_memory() -> None:
    track = ReferenceTrack()
    for answer in range(1000):
        track.begin()
        track.write(ramp(0, RATE))
        track.anchor(answer * 1.5)
        track.cut(RATE)
    assert len(track._runs) <= 4


@given(ppm=st.integers(-200, 200), jitter=st.lists(st.integers(-100, 100), min_size=50, max_size=50))
def test_between_clocks_that_drift_it_stays_within_half_a_millisecond(ppm: int, jitter: list[int]) -> None:
    """Also where each chunk is dated up to 0.1 ms wrong: the reader follows the drift, not the jitter."""
    track = ReferenceTrack()
    track.write(ramp(0, 4 * RATE))
    track.anchor(0.0)
    for number, wrong_us in enumerate(jitter):
        true_position = number * CHUNK * (1 + ppm * 1e-6)
        got = samples(track.read(true_position / RATE + wrong_us * 1e-6, CHUNK))[CHUNK // 2]
        expected = 1 + true_position + CHUNK // 2 * (1 + ppm * 1e-6)
        assert abs(got - expected % 30_000) <= RATE // 2000 or true_position + CHUNK > 29_990


@given(st.integers(0, 100))
def test_small_errors_of_the_clocks_never_tear_the_signal(wrong_us: int) -> None:
    track = ReferenceTrack()
    track.write(ramp(0, RATE))
    track.anchor(0.0)
    first = samples(track.read(0.1, CHUNK))
    second = samples(track.read(0.1 + CHUNK / RATE + wrong_us * 1e-6, CHUNK))
    assert second[0] - first[-1] == 1


def test_after_an_underrun_it_jumps_to_where_the_card_is_now() -> None:
    track = ReferenceTrack()
    track.write(ramp(0, RATE))
    track.anchor(0.0)
    track.read(0.1, CHUNK)
    track.anchor(0.030)  # the card stood still for 30 ms
    assert samples(track.read(0.2, 1)) == samples(ramp(round(0.17 * RATE), 1))
