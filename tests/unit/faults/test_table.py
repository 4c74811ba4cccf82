"""The table of faults, and the plan of a soak."""

from __future__ import annotations

from itertools import islice

import msgspec
import pytest

from device_daemon.localservice.faults import Faults
from tests.faults.plan import plans
from tests.faults.row import End, Row, Service, Signal
from tests.faults.soak import Course, Held
from tests.faults.table import TABLE


def test_no_two_faults_share_a_name() -> None:
    names = [row.name for row in TABLE]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_fault_says_what_happens_what_is_noticed_and_what_to_do(row: Row) -> None:
    for sentence in (row.happens, row.person, row.remedy):
        assert sentence.endswith("."), sentence
        assert "|" not in sentence, "it stands in a table"
    assert row.stages
    assert row.ends


@pytest.mark.parametrize("row", [row for row in TABLE if isinstance(row.cause, Service)], ids=lambda row: row.name)
def test_the_local_service_can_misbehave_so(row: Row) -> None:
    assert isinstance(row.cause, Service)
    assert msgspec.convert(dict(row.cause.faults), Faults) != Faults()


def test_only_a_signal_may_end_the_process() -> None:
    assert all(isinstance(row.cause, Signal) for row in TABLE if End.STOPPED in row.ends)


def test_a_soak_can_be_held_again_from_any_of_its_conversations() -> None:
    first = list(islice(plans(7), 30))
    assert first == list(islice(plans(7), 30))
    assert first[9:] == list(islice(plans(7, first=10), 21))
    assert first != list(islice(plans(8), 30))
    assert {plan.row is None for plan in first} == {True, False}


def test_a_soak_compares_the_medians_of_its_halves() -> None:
    course = Course(1)
    assert course.grows == []
    course.samples = [Held(40.0, 14, 6, 1)] * 50 + [Held(44.0, 14, 7, 3)] * 10 + [Held(40.0, 14, 6, 3)] * 40
    assert course.grows == [], "an answer that is kept for five minutes is no growth, nor is the pool"
    course.samples = [Held(40.0, 14, 6, 1)] * 60 + [Held(40.0, 14, 7, 1)] * 40
    assert course.grows == ["threads"]
    report = course.report()
    assert "threads: 6.0 in the first half, 7.0 in the second (medians; 6.0 to 7.0, +1.44 per 100 conver" in report
    assert "IT GROWS" in report


def test_a_short_soak_says_nothing_about_memory_that_fills_when_it_is_first_needed() -> None:
    course = Course(1, samples=[Held(40.0, 14, 6)] * 6 + [Held(48.0, 14, 6)] * 6)
    assert course.grows == []
    assert "private_mib: 40.0 in the first half, 48.0 in the second" in course.report()
    assert "too short to tell" in course.report()
    course.samples *= 5
    course.samples.sort(key=lambda held: held.private_mib)
    assert course.grows == ["private_mib"]
