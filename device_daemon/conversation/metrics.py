"""What is counted and timed, for `status` and for each conversation's line in the journal.

Each conversation has measures of its own; `status` shows those of the last hundred together.
"""

from __future__ import annotations

from array import array
from collections import deque
from itertools import chain

from msgspec import Struct, field

SAMPLES_KEPT = 100
CONVERSATIONS_KEPT = 100


class Latency(Struct):
    """One latency, in milliseconds: the last hundred values of a conversation, and those of the ones before it."""

    samples_ms: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))
    before_ms: deque[array[float]] = field(default_factory=lambda: deque(maxlen=CONVERSATIONS_KEPT))
    """One entry for each earlier conversation that had values."""

    def add(self, seconds: float) -> float:
        """Record a span given in seconds; returns it in milliseconds."""
        ms = seconds * 1000
        self.samples_ms.append(ms)
        return ms

    def summary(self) -> dict[str, float]:
        """Count, median, 95th percentile and maximum in milliseconds; empty if nothing was measured."""
        ordered = sorted(chain(self.samples_ms, *self.before_ms))
        if not ordered:
            return {}
        last = len(ordered) - 1
        return {
            "count": len(ordered),
            "median_ms": round(ordered[last // 2], 1),
            "p95_ms": round(ordered[round(last * 0.95)], 1),
            "max_ms": round(ordered[-1], 1),
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
    """Microphone audio that waited for the network longer than the buffers reach; the oldest was dropped."""
    press_to_greeting: Latency = field(default_factory=Latency)
    """From the edge on the button's pin to the first audible sample."""
    speech_to_silence: Latency = field(default_factory=Latency)
    """From the service's speech_started to the last audible sample."""
    mouth_to_wire: Latency = field(default_factory=Latency)
    """From the capture of the first sample of a message to the message handed to the socket."""
    turn_to_answer: Latency = field(default_factory=Latency)
    """From the service's speech_stopped to the first audible sample of the answer."""

    def join(self, later: Metrics) -> None:
        """Add what a later conversation measured."""
        for name in self.__struct_fields__:
            mine, its = getattr(self, name), getattr(later, name)
            if isinstance(mine, Latency):
                mine.before_ms.extend(its.before_ms)
                if its.samples_ms:
                    mine.before_ms.append(array("f", its.samples_ms))
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
