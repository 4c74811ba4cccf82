"""The book-keeping of playback: who was heard, how much, and which tickets are answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.audio.playback_position import PlaybackPosition


def test_sources_become_audible_where_their_sound_begins() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 100, 1)
    ledger.write("b", 100, 2)
    assert ledger.next_start == 0
    assert ledger.hear(1) == [("a", 0)]
    assert ledger.next_start == 100
    assert ledger.hear(100) == []
    assert ledger.hear(250) == [("b", 100)]
    assert ledger.next_start is None


def test_what_is_heard_is_counted_for_whom_it_belongs_to() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 100, 1)
    ledger.write("b", 100, 2)
    ledger.hear(130)
    assert ledger.flush() == ("b", 30)


def test_silence_counts_for_nobody() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 100, 1)
    ledger.pad(50)
    ledger.write("a", 100, 2)
    ledger.hear(160)
    assert ledger.flush() == ("a", 110)


def test_a_source_is_one_as_long_as_nothing_else_is_heard_in_between() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 100, 1)
    ledger.write("b", 0, 2)
    ledger.write("a", 100, 3)
    assert ledger.hear(150) == [("a", 0)]
    ledger.write("b", 100, 4)
    ledger.write("a", 100, 5)
    assert ledger.hear(350) == [("b", 200), ("a", 300)]
    assert ledger.flush() == ("a", 50), "not what was heard of it before"


def test_a_position_that_falls_back_changes_nothing() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 100, 1)
    ledger.hear(60)
    assert ledger.hear(40) == []
    assert ledger.flush() == ("a", 60)


def test_a_flush_in_a_gap_names_the_source_whose_sound_was_to_go_on() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 100, 1)
    ledger.pad(50)
    ledger.write("a", 100, 2)
    ledger.hear(120)
    assert ledger.flush() == ("a", 100)


def test_a_flush_before_anything_was_heard_names_the_source_with_nothing_heard() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 100, 1)
    assert ledger.flush() == ("a", 0)


def test_a_flush_of_silence_names_nobody() -> None:
    ledger = PlaybackPosition()
    assert ledger.flush() == ("", 0)
    ledger.write("a", 100, 1)
    ledger.pad(100)
    ledger.hear(150)
    assert ledger.flush() == ("", 0)


def test_a_ticket_is_answered_when_the_last_sound_was_heard_and_only_once() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 100, 7)
    ledger.hear(99)
    assert ledger.answer() is None
    ledger.hear(100)
    assert ledger.answer() == 7
    assert ledger.answer() is None


def test_the_fade_after_a_flush_is_sound_but_nobodys() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 1000, 1)
    ledger.hear(500)
    ledger.flush()
    ledger.pad(72, sound=True)
    assert not ledger.finished
    ledger.hear(72)
    assert ledger.finished
    assert ledger.answer() is None


def test_a_lost_device_leaves_its_ticket_to_be_answered() -> None:
    ledger = PlaybackPosition()
    ledger.write("a", 1000, 3)
    ledger.hear(400)
    assert ledger.restart() == 600
    assert ledger.answer() == 3


writes = st.tuples(st.just("write"), st.sampled_from("ab"), st.integers(0, 300))
steps = st.lists(
    st.one_of(
        writes,
        st.tuples(st.just("hear"), st.just(""), st.integers(0, 400)),
        st.tuples(st.just("pad"), st.just(""), st.integers(0, 100)),
        st.tuples(st.just("flush"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


@given(steps)
def test_a_flush_tells_how_much_was_heard_of_who_is_audible_and_ends_the_count(
    script: list[tuple[str, str, int]],
) -> None:
    ledger = PlaybackPosition()
    timeline: list[str] = []  # frame by frame, whose it is; "" is silence
    position = 0
    answers: list[int] = []
    for ticket, (what, source, frames) in enumerate(script):
        if what == "write":
            ledger.write(source, frames, ticket)
            timeline += [source] * frames
        elif what == "pad":
            ledger.pad(frames)
            timeline += [""] * frames
        elif what == "hear":
            position = min(position + frames, len(timeline))
            ledger.hear(position)
        else:
            assert ledger.flush() == _audible(timeline, position)
            timeline, position = [], 0
            ledger.hear(10_000)
            assert ledger.answer() is None
            answers.append(ticket)
        answer = ledger.answer()
        if answer is not None:
            answers.append(answer)
    assert answers == sorted(set(answers))


def _audible(timeline: list[str], position: int) -> tuple[str, int]:
    """Return whose sound is cut off at a position, and how much of it was heard since somebody else's."""
    source = next((name for name in timeline[position:] if name), "")
    heard = 0
    for name in reversed(timeline[:position]):
        if name not in {source, ""}:
            break
        heard += name == source
    begun = heard or (position < len(timeline) and timeline[position] == source)
    return (source, heard) if source and begun else ("", 0)
