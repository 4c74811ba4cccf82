"""What `status` shows of counters and latencies."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.conversation.metrics import SAMPLES_KEPT, Latency, Metrics

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
    for ms in [*[10] * 99, 500]:
        latency.add(ms / 1000)
    assert latency.summary() == {"count": 100, "median_ms": 10.0, "p95_ms": 10.0, "max_ms": 500.0}


@given(SPANS_S)
def test_a_summary_is_ordered_and_made_of_the_newest_values_only(spans_s: list[float]) -> None:
    latency = Latency()
    for span_s in spans_s:
        latency.add(span_s)
    summary = latency.summary()
    newest_ms = [round(span_s * 1000, 1) for span_s in spans_s[-SAMPLES_KEPT:]]
    assert summary["count"] == len(newest_ms)
    assert summary["max_ms"] == max(newest_ms)
    assert summary["median_ms"] <= summary["p95_ms"] <= summary["max_ms"]
    assert summary["median_ms"] in newest_ms
    assert sum(ms <= summary["median_ms"] for ms in newest_ms) >= math.ceil(len(newest_ms) / 2)


def test_all_measures_can_be_written_as_json_under_their_names() -> None:
    measures = Metrics(conversations=3)
    measures.press_to_greeting.add(0.4)
    told = json.loads(json.dumps(measures.as_dict()))
    assert told["conversations"] == 3
    assert told["press_to_greeting"]["count"] == 1
    assert told["mouth_to_wire"] == {}
    assert set(told) == set(Metrics.__struct_fields__)
