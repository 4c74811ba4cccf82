"""What is still to be played, shared by two threads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.audio.playback_queue import PlaybackQueue


def taken(queue: PlaybackQueue, frames: int = 1000) -> list[tuple[str, bytes, int]]:
    pieces = []
    while (piece := queue.take(frames)) is not None:
        pieces.append((piece.source, bytes(piece.pcm), piece.ticket))
    return pieces


def test_sound_comes_out_in_the_order_it_went_in() -> None:
    queue = PlaybackQueue()
    queue.put("a", b"aabb", 1, 1.0, 0.0)
    queue.put("b", b"ccdd", 2, 0.5, 0.0)
    assert taken(queue) == [("a", b"aabb", 1), ("b", b"ccdd", 2)]
    assert queue.empty


def test_nothing_is_given_out_while_a_flush_waits() -> None:
    queue = PlaybackQueue()
    queue.put("old", b"aabb", 1, 1.0, 0.0)
    queue.flush(2)
    queue.put("new", b"ccdd", 3, 1.0, 0.0)
    assert queue.take(100) is None
    assert queue.take_flushes() == [2]
    assert taken(queue) == [("new", b"ccdd", 3)]


def test_what_is_too_much_is_cut_off_and_counted_but_its_ticket_counts() -> None:
    queue = PlaybackQueue(capacity_ms=10)
    queue.put("a", bytes(8 * BYTES_PER_MS), 1, 1.0, 0.0)
    queue.put("a", bytes(8 * BYTES_PER_MS), 2, 1.0, 0.0)
    queue.put("a", bytes(8 * BYTES_PER_MS), 3, 1.0, 0.0)
    pieces = taken(queue)
    assert [(len(pcm), ticket) for _, pcm, ticket in pieces] == [(8 * BYTES_PER_MS, 1), (2 * BYTES_PER_MS, 3)]
    assert queue.dropped_ms == 14


def test_how_much_is_queued_is_known_until_it_is_taken_or_flushed() -> None:
    queue = PlaybackQueue()
    queue.put("a", bytes(8 * BYTES_PER_MS), 1, 1.0, 0.0)
    queue.put("a", bytes(4 * BYTES_PER_MS), 2, 1.0, 0.0)
    assert queue.queued_ms == 12
    queue.take(3 * 24)
    assert queue.queued_ms == 9
    queue.flush(3)
    assert queue.queued_ms == 0


def test_room_comes_back_as_sound_is_taken_or_flushed() -> None:
    queue = PlaybackQueue(capacity_ms=10)
    queue.put("a", bytes(10 * BYTES_PER_MS), 1, 1.0, 0.0)
    taken(queue)
    queue.put("a", bytes(10 * BYTES_PER_MS), 2, 1.0, 0.0)
    queue.flush(3)
    queue.put("a", bytes(10 * BYTES_PER_MS), 4, 1.0, 0.0)
    assert queue.dropped_ms == 0


def test_what_waited_too_long_is_discarded_with_its_last_ticket() -> None:
    queue = PlaybackQueue()
    queue.put("a", bytes(10 * BYTES_PER_MS), 1, 1.0, 5.0)
    queue.put("a", bytes(10 * BYTES_PER_MS), 2, 1.0, 6.0)
    queue.put("a", bytes(10 * BYTES_PER_MS), 3, 1.0, 7.0)
    assert queue.oldest_s == 5.0
    assert queue.expire(6.5) == 2
    assert queue.expire(6.5) is None
    assert queue.oldest_s == 7.0
    assert queue.dropped_ms == 20


def test_only_what_is_the_next_to_be_played_needs_somebody_to_be_told() -> None:
    queue = PlaybackQueue()
    assert queue.put("a", bytes(480), 1, 1.0, 0.0)
    assert not queue.put("a", bytes(480), 2, 1.0, 0.0)
    queue.take(240)
    assert not queue.put("b", bytes(480), 3, 1.0, 0.0)
    while queue.take(240):
        pass
    assert queue.put("b", bytes(480), 4, 1.0, 0.0)
    queue.flush(5)
    assert queue.put("c", bytes(480), 6, 1.0, 0.0)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=40).map(lambda data: data[: len(data) // 2 * 2]))),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_cutting_into_pieces_changes_nothing(puts: list[tuple[str, bytes]], sizes: list[int]) -> None:
    queue = PlaybackQueue()
    for ticket, (source, pcm) in enumerate(puts):
        queue.put(source, pcm, ticket, 1.0, 0.0)
    out: dict[str, bytes] = {"a": b"", "b": b"", "c": b""}
    expected = {source: b"".join(pcm for name, pcm in puts if name == source) for source in "abc"}
    tickets = []
    turn = 0
    while (piece := queue.take(sizes[turn % len(sizes)])) is not None:
        assert piece.frames <= sizes[turn % len(sizes)]
        out[piece.source] += bytes(piece.pcm)
        tickets.append(piece.ticket)
        turn += 1
    assert out == expected
    assert tickets == sorted(tickets)
    assert not puts or tickets[-1] == len(puts) - 1
