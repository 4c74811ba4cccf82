"""Debounce of switches and sensors, by random edges."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.triggers.contact import edge_time_s
from device_daemon.triggers.debounce import Debouncer, Settled

SETTLE_S = 0.02
GAPS_S = st.lists(st.floats(0.001, 0.1), min_size=1, max_size=30)


def events(gaps_s: list[float]) -> list[Settled]:
    """What a contact reports that changes after each gap, and then stays."""
    debouncer, now_s, closed = Debouncer(SETTLE_S), 0.0, False
    found = []
    for gap_s in gaps_s:
        now_s, closed = now_s + gap_s, not closed
        found += debouncer.edge(closed, now_s)
    return found + debouncer.tick(now_s + SETTLE_S)


@given(GAPS_S)
def test_reported_positions_alternate_and_the_last_one_is_where_the_contact_is(gaps_s: list[float]) -> None:
    found = events(gaps_s)
    assert [event.closed for event in found] == [number % 2 == 0 for number in range(len(found))]
    assert (found[-1].closed if found else False) is (len(gaps_s) % 2 == 1)


@given(GAPS_S)
def test_what_was_reported_was_kept_for_the_settling_time(gaps_s: list[float]) -> None:
    edges = [sum(gaps_s[: number + 1]) for number in range(len(gaps_s))]
    for event in events(gaps_s):
        following = [at_s for at_s in edges if at_s > event.at_s]
        assert not following or following[0] - event.at_s > SETTLE_S - 1e-9


def test_nothing_is_due_while_the_contact_is_quiet() -> None:
    debouncer = Debouncer(SETTLE_S)
    assert debouncer.deadline_s is None
    debouncer.edge(True, 1.0)
    assert debouncer.deadline_s == 1.0 + SETTLE_S
    assert debouncer.tick(1.0) == []
    assert debouncer.tick(2.0) == [Settled(True, 1.0)]
    assert debouncer.deadline_s is None


# When an edge happened


def test_the_kernels_time_of_an_edge_counts_on_either_of_its_clocks() -> None:
    assert edge_time_s(998.5, monotonic_s=1000.0, epoch_s=1.8e9) == 998.5
    assert edge_time_s(1.8e9 - 1.5, monotonic_s=1000.0, epoch_s=1.8e9) == 998.5


def test_a_time_that_cannot_be_is_replaced_by_now() -> None:
    assert edge_time_s(5000.0, monotonic_s=1000.0, epoch_s=1.8e9) == 1000.0
    assert edge_time_s(0.0, monotonic_s=1000.0, epoch_s=1.8e9) == 1000.0
