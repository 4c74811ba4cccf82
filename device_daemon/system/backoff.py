"""Exponential backoff with jitter, its spread after a power cut, and the rule about which failure is retried. Pure.

Used by everything that connects: the reachability check, the warm session, the greeting prefetch, the MQTT client and,
with its own delays, a conversation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

from device_daemon.errors import ServiceBusy, SpeakerError

INITIAL_S: Final = 2.0
FACTOR: Final = 2.0
MOST_S: Final = 60.0
"""The longest delay, before jitter."""
JITTER: Final = 0.2
"""Share by which a delay may be shorter or longer: a hundred speakers behind one router must not come back together."""

BOOT_S: Final = 300.0
"""A program that starts so soon after its machine starts after a power cut, perhaps with many others."""
BOOT_SPREAD_S: Final = 300.0
"""Over which speakers then spread their first connection: of thirty, 10 connect in the worst minute (median), 16 at most in
2,000 trials, and the service's quota for all speakers of a resource is 30 a minute (`scripts/bench fleet`)."""


def start_delay_s(since_boot_s: float, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Return after how many seconds a program that starts opens its first connection to what it shares with many others.

    0 unless the machine was started just now: whoever restarts the program alone wants to see at once whether it works.

    Args:
        since_boot_s: How long the machine has been running.
        uniform: random.uniform, or a test's own.
    """
    return uniform(0, BOOT_SPREAD_S) if since_boot_s < BOOT_S else 0.0


def backoff(
    jitter: float = JITTER,
    spread_s: float = 0.0,
    uniform: Callable[[float, float], float] = random.uniform,
) -> Iterator[float]:
    """Yield the delays between tries in seconds, without end; begin a new generator after a success.

    Args:
        jitter: See `JITTER`.
        spread_s: The first delay is longer by a random time up to this (full jitter): for whatever many speakers lose or
            begin at the same moment. The delays that follow keep them apart.
        uniform: random.uniform, or a test's own.
    """
    delay_s, extra_s = INITIAL_S, uniform(0, spread_s)
    while True:
        yield extra_s + delay_s * uniform(1 - jitter, 1 + jitter)
        extra_s = 0.0
        delay_s = min(delay_s * FACTOR, MOST_S)


def retry_delay_s(failure: SpeakerError, delay_s: float) -> float | None:
    """Say which failure is retried, and after how many seconds; None where trying again cannot help.

    Retried (their class says `retry`), after `delay_s`, or as long as the service asked for (Retry-After) if longer:

    - no network, no name, no route, refused, reset, TLS, a handshake or an answer that does not come in time;
    - HTTP 408, 429 and 5xx; our own limit of connections a minute (ServiceBusy);
    - a clock that is not set yet (ClockNotSet);
    - a session that the service closed, whatever the code, but 1008; one that expired; a dead line (ConnectionLost);
    - `error` events that are the service's own fault (conversation/service_errors.py has the table).

    Not retried, since somebody has to change a setting first: no key (KeyMissing); 401 and 403 (AuthRefused); 400, 404
    and other 4xx, redirects, close 1008, and `error` events about the owner's settings (SessionRejected).
    """
    if not failure.retry:
        return None
    asked_s = failure.retry_after_s if isinstance(failure, ServiceBusy) else None
    return max(delay_s, asked_s or 0.0)
