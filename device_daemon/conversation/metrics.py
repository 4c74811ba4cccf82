"""What is counted and timed, for `status` and for each conversation's line in the journal.

Each conversation has metrics of its own; `status` shows those of all in this run of the daemon together. A latency
counts every case: none is left out, and none is forgotten.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

from msgspec import Struct, field


class Latency(Struct):
    """One latency in milliseconds, as a histogram: every value counts, and memory is bounded."""

    counts: Counter[float] = field(default_factory=Counter)
    """How often each value was measured; values are rounded to 0.1 ms, from 1 s on to three digits."""

    def add(self, seconds: float) -> float:
        """Record a span given in seconds; returns it in milliseconds."""
        ms = seconds * 1000
        self.counts[round(ms, 1) if ms < 1000 else float(f"{ms:.3g}")] += 1
        return ms

    def summary(self) -> dict[str, float]:
        """Count, median, 95th percentile and maximum in milliseconds; empty if nothing was measured."""
        if not self.counts:
            return {}
        values = sorted(self.counts)
        up_to = list(accumulate(self.counts[value] for value in values))
        last = up_to[-1] - 1

        def ranked(rank: int) -> float:
            return next(value for value, count in zip(values, up_to, strict=True) if rank < count)

        return {
            "count": up_to[-1],
            "median_ms": ranked(last // 2),
            "p95_ms": ranked(round(last * 0.95)),
            "max_ms": values[-1],
        }


class Metrics(Struct):
    """Of one conversation or, joined, of all in this run of the daemon."""

    conversations: int = 0
    greetings_heard: int = 0
    interruptions: int = 0
    reconnects: int = 0
    stale_deltas: int = 0
    unreadable_messages: int = 0
    microphone_dropped_ms: int = 0
    """Microphone audio that waited for the network longer than the ring buffer reaches; the oldest was dropped."""
    audio_sent_ms: int = 0
    audio_received_ms: int = 0
    press_to_greeting: Latency = field(default_factory=Latency)
    """From the edge on the button's pin to the first audible sample."""
    speech_to_silence: Latency = field(default_factory=Latency)
    """From the service's speech_started to the last audible sample."""
    mouth_to_wire: Latency = field(default_factory=Latency)
    """Of each audio message: from the capture of its first sample until it was handed to the socket, pre-roll included."""
    turn_to_answer: Latency = field(default_factory=Latency)
    """From the service's speech_stopped to the first audible sample of the answer."""

    def join(self, later: Metrics) -> None:
        """Add what a later conversation measured."""
        for name in self.__struct_fields__:
            mine, its = getattr(self, name), getattr(later, name)
            if isinstance(mine, Latency):
                mine.counts.update(its.counts)
            else:
                setattr(self, name, mine + its)

    def in_short(self) -> list[str]:
        """The medians of what was measured, for a line in the journal."""
        return [
            f"{name.replace('_', ' ')} {summary['median_ms']:g} ms"
            for name in self.__struct_fields__
            if isinstance(value := getattr(self, name), Latency) and (summary := value.summary())
        ]

    def as_dict(self) -> dict[str, object]:
        """Counters and latencies by name, ready for JSON."""
        found: dict[str, object] = {}
        for name in self.__struct_fields__:
            value = getattr(self, name)
            found[name] = value.summary() if isinstance(value, Latency) else value
        return found
