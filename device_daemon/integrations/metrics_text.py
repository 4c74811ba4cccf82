"""Metrics in Prometheus' text format, made of a snapshot of the counters. Pure; takes 40 ms to import (prometheus_client)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from device_daemon.conversation.metrics import Latency, Metrics
from device_daemon.device import events as report
from device_daemon.state import State

PREFIX: Final = "voicelive_speaker_"
BUCKETS_MS: Final = (10, 25, 50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000)
_LATENCIES: Final[Mapping[str, str]] = {
    "press_to_greeting": "From the press to the first audible sample of the greeting",
    "speech_to_silence": "From the service's speech_started to the last audible sample",
    "mouth_to_wire": "Of each audio message, from the capture of its first sample to the socket",
    "turn_to_answer": "From the service's speech_stopped to the first audible sample of the answer",
}
_COUNTED: Final[Mapping[str, str]] = {
    "interruptions": "Interruptions of the speaker by a person",
    "reconnects": "Connections that took the place of one that broke in a conversation",
    "stale_deltas": "Pieces of sound that came after their response was cancelled",
    "unreadable_messages": "Messages of the service that could not be read",
}


class Totals(Struct):
    """What the events add up to since the config was put in force."""

    conversations: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """By trigger and end reason."""
    triggers: Counter[str] = field(default_factory=Counter)
    """By gesture."""
    failures: Counter[str] = field(default_factory=Counter)
    """By part."""
    tools: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """By tool and outcome."""
    timers: int = 0
    dropped_events: int = 0

    def add(self, event: report.Event) -> None:
        """Count an event."""
        match event:
            case report.ConversationEnded(trigger=trigger, reason=reason):
                self.conversations[trigger, reason.name.lower()] += 1
            case report.Triggered(gesture=gesture):
                self.triggers[gesture] += 1
            case report.HealthChanged(part=part, ok=False):
                self.failures[part] += 1
            case report.ToolDone(tool=tool, outcome=outcome):
                self.tools[tool, outcome] += 1
            case report.TimerFinished():
                self.timers += 1
            case report.EventsDropped(count=count):
                self.dropped_events += count
            case _:
                pass


class Snapshot(Struct, frozen=True):
    """The counters at one moment."""

    totals: Totals
    metrics: Metrics
    status: Mapping[str, Any]
    """`status --json`."""


def as_text(snapshot: Snapshot) -> bytes:
    """Return all metrics in the text format 0.0.4, which node_exporter's textfile collector reads."""
    registry = CollectorRegistry()
    registry.register(_Once(snapshot))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        yield from _state(self._snapshot.status)
        yield from _conversations(self._snapshot)
        yield from _audio(self._snapshot)
        yield from (_histogram(name, text, getattr(self._snapshot.metrics, name)) for name, text in _LATENCIES.items())


def _state(status: Mapping[str, Any]) -> Iterator[Metric]:
    yield InfoMetricFamily(
        f"{PREFIX}build", "The program", {name: str(status.get(name)) for name in ("version", "model", "hostname")}
    )
    state = GaugeMetricFamily(f"{PREFIX}state", "1 for what it does now", labels=["state"])
    for each in State:
        state.add_metric([each], float(each == status["state"]))
    yield state
    healthy = GaugeMetricFamily(f"{PREFIX}healthy", "1 while the part works", labels=["part"])
    for part, health in status["health"].items():
        healthy.add_metric([part], float(health["ok"]))
    yield healthy
    yield GaugeMetricFamily(f"{PREFIX}muted", "1 while the microphone is muted", float(status["muted"]))
    yield GaugeMetricFamily(f"{PREFIX}volume_ratio", "The volume, from 0 to 1", status["volume"] / 100)


def _conversations(snapshot: Snapshot) -> Iterator[Metric]:
    totals, metrics = snapshot.totals, snapshot.metrics
    yield _labelled("conversations", "Conversations that are over", ["trigger", "end"], totals.conversations)
    yield _labelled("triggers", "What asked for something", ["gesture"], _single(totals.triggers))
    yield _labelled("failures", "How often a part failed", ["part"], _single(totals.failures))
    yield _labelled("tool_calls", "Calls of tools by the model", ["tool", "outcome"], totals.tools)
    yield CounterMetricFamily(f"{PREFIX}timers_finished", "Timers and alarms that rang", totals.timers)
    yield CounterMetricFamily(f"{PREFIX}greetings_heard", "Greetings that were heard", metrics.greetings_heard)
    cache = snapshot.status["remembered_greetings"]
    yield _labelled("greeting_cache", "What the greeting cache did", ["what"], _single(cache))
    for name, text in _COUNTED.items():
        yield CounterMetricFamily(f"{PREFIX}{name}", text, getattr(metrics, name))


def _audio(snapshot: Snapshot) -> Iterator[Metric]:
    metrics, status = snapshot.metrics, snapshot.status
    for name, text, seconds in (
        ("microphone_open", "How long the microphone gave sound", status["microphone"]["captured_ms"] / 1000),
        ("audio_sent", "Sound that was sent to the service", metrics.audio_sent_ms / 1000),
        ("audio_received", "Sound that was received from the service", metrics.audio_received_ms / 1000),
        ("microphone_dropped", "Sound that waited for the network too long", metrics.microphone_dropped_ms / 1000),
        ("speaker_dropped", "Sound that no device could play", status["speaker"]["dropped_ms"] / 1000),
    ):
        yield CounterMetricFamily(f"{PREFIX}{name}_seconds", text, seconds)
    for name, text, count in (
        (
            "microphone_overruns",
            "Sound that the card discarded, since nobody read it",
            status["microphone"]["overruns"],
        ),
        ("microphone_reopened", "How often the microphone was opened again", status["microphone"]["reopened"]),
        ("speaker_underruns", "How often the card had nothing to play", status["speaker"]["underruns"]),
        ("speaker_reopened", "How often the speaker was opened again", status["speaker"]["reopened"]),
        ("events_dropped", "Events that this file missed", snapshot.totals.dropped_events),
    ):
        yield CounterMetricFamily(f"{PREFIX}{name}", text, count)


def _labelled(name: str, text: str, labels: Sequence[str], counts: Mapping[tuple[str, ...], int]) -> Metric:
    """Return a counter with labels, from how often each combination of their values was counted."""
    family = CounterMetricFamily(f"{PREFIX}{name}", text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _single(counts: Mapping[str, int]) -> Mapping[tuple[str, ...], int]:
    return {(value,): count for value, count in counts.items()}


def _histogram(name: str, text: str, latency: Latency) -> Metric:
    count = sum(latency.counts.values())
    buckets = [
        (str(bound / 1000), float(sum(n for ms, n in latency.counts.items() if ms <= bound))) for bound in BUCKETS_MS
    ]
    sum_s = sum(ms * n for ms, n in latency.counts.items()) / 1000
    return HistogramMetricFamily(f"{PREFIX}{name}_seconds", text, [*buckets, ("+Inf", float(count))], sum_s)
