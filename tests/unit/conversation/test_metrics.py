"""What `status` shows of counters and latencies."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.conversation.metrics import Latency, Metrics

SPANS_S = st.lists(st.floats(0, 100), min_size=1, max_size=250)


def test_nothing_measured_is_nothing_shown() -> None:
    assert Latency().summary() == {}


def test_a_span_is_given_in_seconds_and_shown_in_milliseconds() -> None:
    latency = Latency()
    assert latency.add(0.25) == 250.0
    assert latency.summary() == {"count": 1, "median_ms": 250.0, "p95_ms": 250.0, "max_ms": 250.0}


def test_one_slow_case_in_twenty_is_the_95th_percentile_and_one_in_a_hundred_is_not() -> None:
    latency = Latency()
    for ms in [*[10] * 94, *[500] * 6]:
        latency.add(ms / 1000)
    assert latency.summary() == {"count": 100, "median_ms": 10.0, "p95_ms": 500.0, "max_ms": 500.0}
    latency = Latency()
    for ms in [*[10] * 99, 500]:
        latency.add(ms / 1000)
    assert latency.summary() == {"count": 100, "median_ms": 10.0, "p95_ms": 10.0, "max_ms": 500.0}


@given(SPANS_S)
def test_a_summary_is_ordered_and_counts_every_value(spans_s: list[float]) -> None:
    latency = Latency()
    for span_s in spans_s:
        latency.add(span_s)
    summary = latency.summary()
    values_ms = sorted(1000 * span_s for span_s in spans_s)
    last = len(values_ms) - 1
    assert summary["count"] == len(values_ms)
    assert summary["median_ms"] == pytest.approx(values_ms[last // 2], rel=0.005, abs=0.051)
    assert summary["p95_ms"] == pytest.approx(values_ms[round(last * 0.95)], rel=0.005, abs=0.051)
    assert summary["max_ms"] == pytest.approx(values_ms[-1], rel=0.005, abs=0.051)


@given(st.lists(st.floats(0, 100), max_size=2_000))
def test_however_long_it_measures_it_keeps_no_more_values_than_it_can_tell_apart(spans_s: list[float]) -> None:
    latency = Latency()
    for span_s in spans_s:
        latency.add(span_s)
    assert len(latency.counts) <= 10_000 + 2 * 900 + 1


@given(SPANS_S, SPANS_S)
def test_joined_metrics_are_those_of_one_long_conversation(first_s: list[float], later_s: list[float]) -> None:
    both, first, later = Metrics(), Metrics(), Metrics()
    for metrics, spans_s in (first, first_s), (later, later_s), (both, first_s + later_s):
        for span_s in spans_s:
            metrics.mouth_to_wire.add(span_s)
    joined = Metrics()
    joined.join(first)
    joined.join(later)
    assert joined.as_dict() == both.as_dict()


def test_all_measures_can_be_written_as_json_under_their_names() -> None:
    measures = Metrics(conversations=3)
    measures.press_to_greeting.add(0.4)
    told = json.loads(json.dumps(measures.as_dict()))
    assert told["conversations"] == 3
    assert told["press_to_greeting"]["count"] == 1
    assert told["mouth_to_wire"] == {}
    assert set(told) == set(Metrics.__struct_fields__)
