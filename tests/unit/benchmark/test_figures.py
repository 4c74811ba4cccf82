"""The benchmark's statistics, its targets and its table."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.benchmark.figures import Limit, Row, Share, summary, table
from scripts.benchmark.rounds import Phases
from scripts.benchmark.side_by_side import MESSAGE_TO_WIRE, NEW, TARGETS, XRUNS, Found
from scripts.benchmark.slow_core import limits

_VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(_VALUES)
def test_at_least_95_percent_of_the_values_are_no_greater_than_p95_which_is_one_of_them(values: list[float]) -> None:
    found = summary(values)
    assert found.p95 in values
    assert sum(value <= found.p95 for value in values) >= 0.95 * len(values)
    assert found.least <= found.median <= found.most
    assert found.least <= found.p95 <= found.most


@given(_VALUES)
def test_p95_is_no_greater_than_it_must_be(values: list[float]) -> None:
    smaller = [value for value in values if value < summary(values).p95]
    assert len(smaller) < 0.95 * len(values)


@given(_VALUES, st.randoms())
def test_the_order_of_the_values_makes_no_difference(values: list[float], chance: object) -> None:
    shuffled = list(values)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert summary(shuffled) == summary(values)


def test_nothing_has_no_summary() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        summary([])


def test_a_row_meets_its_targets_only_if_it_meets_each_of_them() -> None:
    values = [10.0] * 18 + [30.0] * 2
    assert Row("a", values, limits=(Limit("median", 10), Limit("p95", 30))).met is True
    assert Row("a", values, limits=(Limit("median", 10), Limit("p95", 29))).met is False
    assert Row("a", values, limits=(Limit("median", 9), Limit("p95", 30))).met is False
    assert Row("a", values).met is None


def test_a_share_of_the_quickstarts_figure_is_judged_only_where_that_was_measured() -> None:
    assert Row("a", [7.0], [10.0], (Share(0.75),)).met is True
    assert Row("a", [8.0], [10.0], (Share(0.75),)).met is False
    alone = Row("a", [8.0], limits=(Share(0.75),))
    assert alone.met is None
    assert "MISSED" not in table("A title", [alone])


def test_the_ratio_says_how_many_times_as_much_the_quickstart_takes() -> None:
    assert Row("a", [1.0, 2.0, 3.0], [10.0, 20.0, 30.0]).ratio == pytest.approx(10)
    assert Row("a", [1.0]).ratio is None
    assert Row("a", [0.0], [5.0]).ratio is None


def test_the_table_marks_what_is_met_and_what_is_missed() -> None:
    rows = [
        Row("fast (ms)", [1.0, 2.0], [50.0], (Limit("p95", 2),)),
        Row("slow (ms)", [9.0], [50.0], (Limit("median", 2),)),
        Row("only counted", [7.0]),
    ]
    text = table("A title", rows)
    title, groups, heads, fast, slow, counted = text.splitlines()
    assert title == "A title"
    assert "the quickstart" in groups
    assert heads.split() == ["min", "median", "p95", "min", "median", "p95", "ratio", "target"]
    assert fast.split()[2:] == ["1.0", "1.5", "2.0", "50.0", "50.0", "50.0", "33.3x", "met", "p95", "<=", "2"]
    assert "MISSED median <= 2" in slow
    assert counted.split() == ["only", "counted", "7.0", "7.0", "7.0", "-", "-", "-"]


def test_a_table_without_the_quickstart_has_no_columns_for_it() -> None:
    text = table("A title", [Row("fast (ms)", [1.0])])
    assert "quickstart" not in text
    assert "ratio" not in text


def test_json_has_what_the_table_has() -> None:
    found = Row("fast (ms)", [1.0, 3.0], [4.0], (Limit("p95", 2),)).as_json()
    assert found["ours"] == {"n": 2, "least": 1.0, "median": 2.0, "p95": 3.0, "most": 3.0}
    assert found["quickstart"]["median"] == 4.0
    assert (found["ratio"], found["met"], found["targets"]) == (2.0, False, ["p95 <= 2"])


def test_rows_come_in_the_order_of_the_targets_and_only_if_measured() -> None:
    found = Found()
    found.ours[XRUNS].append(0.0)
    found.ours[NEW].append(30.0)
    assert [row.name for row in found.rows(with_targets=True)] == [NEW, XRUNS]
    assert [row.met for row in found.rows(with_targets=True)] == [True, True]
    assert [row.met for row in found.rows(with_targets=False)] == [None, None]


def test_on_a_slow_core_the_slowest_may_take_three_times_the_target_and_no_xrun_is_allowed() -> None:
    p95 = next(
        limit.at_most for limit in TARGETS[MESSAGE_TO_WIRE] if isinstance(limit, Limit) and limit.statistic == "p95"
    )
    assert limits(MESSAGE_TO_WIRE) == (Limit("most", 3 * p95),)
    assert limits(XRUNS) == (Limit("most", 0),)


def test_clicks_fall_everywhere_in_a_message() -> None:
    phases = Phases(0.3)
    message_ms = 20
    places = sorted(next(phases) * 1000 % message_ms for _ in range(100))
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert max(gaps) < message_ms / 20
    assert math.isclose(sum(places) / len(places), message_ms / 2, rel_tol=0.1)
