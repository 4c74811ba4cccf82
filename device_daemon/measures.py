"""What is counted and timed, for `status` and for each conversation's line in the journal."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

SAMPLES_KEPT = 100


@dataclass(slots=True)
class Latency:
    """The last hundred values of one latency, in milliseconds."""

    samples_ms: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES_KEPT))

    def add(self, seconds: float) -> float:
        """Record a span given in seconds; returns it in milliseconds."""
        ms = seconds * 1000
        self.samples_ms.append(ms)
        return ms

    def summary(self) -> dict[str, float]:
        """Count, median, 95th percentile and maximum in milliseconds; empty if nothing was measured."""
        if not self.samples_ms:
            return {}
        ordered = sorted(self.samples_ms)
        last = len(ordered) - 1
        return {
            "count": len(ordered),
            "median_ms": round(ordered[last // 2], 1),
            "p95_ms": round(ordered[round(last * 0.95)], 1),
            "max_ms": round(ordered[-1], 1),
        }


@dataclass(slots=True)
class Measures:
    """Of this run of the daemon, over all conversations."""

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

    def as_dict(self) -> dict[str, object]:
        """Counters and latencies by name, ready for JSON."""
        found: dict[str, object] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            found[name] = value.summary() if isinstance(value, Latency) else value
        return found
