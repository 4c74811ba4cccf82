"""The metrics file says what was counted, in a form that Prometheus' own tool accepts."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from device_daemon.conversation.metrics import Latency, Metrics
from device_daemon.conversation.policy import EndReason
from device_daemon.device import events as report
from device_daemon.health import Part
from device_daemon.integrations.metrics_text import Snapshot, Totals, as_text

STATUS: dict[str, Any] = {
    "version": "1",
    "model": "gpt-realtime",
    "hostname": 'kitchen "1"\n',
    "state": "idle",
    "muted": False,
    "volume": 40,
    "health": {"speaker": {"ok": True}, "microphone": {"ok": False}},
    "remembered_greetings": {"hits": 3, "misses": 1},
    "microphone": {"overruns": 2, "reopened": 1, "captured_ms": 1_500},
    "speaker": {"underruns": 0, "reopened": 0, "dropped_ms": 250},
}
ENDED = report.ConversationEnded(
    conversation=1,
    trigger="button on pin 17",
    greeting="welcome",
    reason=EndReason.IDLE,
    failure=None,
    duration_s=3.0,
    press_to_greeting_ms=400.0,
)


def samples(totals: Totals | None = None, metrics: Metrics | None = None) -> dict[tuple[str, frozenset[Any]], float]:
    text = as_text(Snapshot(totals or Totals(), metrics or Metrics(), STATUS)).decode()
    return {
        (sample.name.removeprefix("voicelive_speaker_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_events_add_up() -> None:
    totals = Totals()
    for event in (
        ENDED,
        ENDED,
        report.Triggered(gesture="press", trigger="button on pin 17"),
        report.HealthChanged(part=Part.SPEAKER, ok=False, reason="gone"),
        report.HealthChanged(part=Part.SPEAKER, ok=True, reason=None),
        report.TimerFinished(timer=1, kind="timer"),
        report.EventsDropped(count=7),
        report.MuteChanged(muted=True),
    ):
        totals.add(event)
    found = samples(totals)
    ended = frozenset({("trigger", "button on pin 17"), ("end", "idle")})
    assert found["conversations_total", ended] == 2
    assert found["triggers_total", frozenset({("gesture", "press")})] == 1
    assert found["failures_total", frozenset({("part", "speaker")})] == 1
    assert found["timers_finished_total", frozenset()] == 1
    assert found["events_dropped_total", frozenset()] == 7


def test_the_state_the_parts_and_the_cost_are_told() -> None:
    found = samples(metrics=Metrics(audio_sent_ms=2_500, audio_received_ms=90_000, greetings_heard=4))
    assert found["state", frozenset({("state", "idle")})] == 1
    assert found["state", frozenset({("state", "muted")})] == 0
    assert found["healthy", frozenset({("part", "microphone")})] == 0
    assert found["volume_ratio", frozenset()] == 0.4
    assert found["audio_sent_seconds_total", frozenset()] == 2.5
    assert found["audio_received_seconds_total", frozenset()] == 90
    assert found["microphone_open_seconds_total", frozenset()] == 1.5
    assert found["greeting_cache_total", frozenset({("what", "hits")})] == 3


@given(st.dictionaries(st.floats(0.1, 60_000), st.integers(1, 5), max_size=20))
def test_a_histogram_counts_every_value_in_each_bucket_that_holds_it(counts: dict[float, int]) -> None:
    found = samples(metrics=Metrics(press_to_greeting=Latency(Counter(counts))))
    name = "press_to_greeting_seconds"
    assert found[f"{name}_count", frozenset()] == sum(counts.values())
    assert found[f"{name}_sum", frozenset()] == pytest.approx(sum(ms * n for ms, n in counts.items()) / 1000)
    buckets = {float(dict(labels)["le"]): value for (each, labels), value in found.items() if each == f"{name}_bucket"}
    for bound_s, value in buckets.items():
        assert value == sum(n for ms, n in counts.items() if ms <= bound_s * 1000)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_complain_about() -> None:
    totals = Totals()
    totals.add(ENDED)
    text = as_text(Snapshot(totals, Metrics(press_to_greeting=Latency(Counter({412.5: 1}))), STATUS))
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
