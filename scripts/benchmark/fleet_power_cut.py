"""The power comes back and speakers of one Azure resource start together: the daemon's own backoff, with simulated time."""

from __future__ import annotations

import bisect
import heapq
import random
import statistics
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from device_daemon.errors import ServiceBusy
from device_daemon.system.backoff import backoff, retry_delay_s, start_delay_s
from device_daemon.voicelive.quota import MINUTE_S, PER_MINUTE, TokenBucket

_STARTED_S: Final = (20.0, 30.0)
"""After the power came back: machines of one kind start in about the same time."""
_TRIALS: Final = 200
_BAR: Final = 60
_MINUTES: Final = 20


class Outcome(Struct, frozen=True):
    """Of one power cut; times are seconds since the power came back."""

    attempts_s: list[float]
    accepted_s: list[float]

    @property
    def worst_minute(self) -> int:
        """The most attempts in any 60 s."""
        return most_in_a_minute(self.attempts_s)


def most_in_a_minute(times_s: Sequence[float]) -> int:
    """Return the most of some times, in order, that lie in any 60 s."""
    return max(bisect.bisect_left(times_s, at_s + MINUTE_S) - index for index, at_s in enumerate(times_s))


def power_cut(speakers: int, random_: random.Random, *, spread: bool = True) -> Outcome:
    """Simulate one, at a service that accepts 30 connections in any minute and refuses the others with 429.

    Args:
        speakers: How many share its quota.
        random_: Where chance comes from.
        spread: False for all at once, as it would be without `start_delay_s`.
    """
    service, outcome = TokenBucket(PER_MINUTE, reserved=0), Outcome([], [])
    delays = [backoff(uniform=random_.uniform) for _ in range(speakers)]
    due: list[tuple[float, int]] = []
    for speaker in range(speakers):
        started_s = random_.uniform(*_STARTED_S)
        wait_s = start_delay_s(started_s, random_.uniform) if spread else 0.0
        heapq.heappush(due, (started_s + wait_s, speaker))
    while due:
        at_s, speaker = heapq.heappop(due)
        outcome.attempts_s.append(at_s)
        if not service.take(at_s, background=False):
            outcome.accepted_s.append(at_s)
            continue
        wait = retry_delay_s(ServiceBusy("429"), next(delays[speaker]))
        assert wait is not None
        heapq.heappush(due, (at_s + wait, speaker))
    return outcome


def after_a_power_cut(speakers: int) -> str:
    """Return the report."""
    random_ = random.Random(1)
    one = power_cut(speakers, random_)
    lines = [
        f"After a power cut: connections to a service that accepts {PER_MINUTE} a minute, {_TRIALS} trials each, worst minute",
        f"{'speakers':>10}{'median':>10}{'most':>8}{'trials over the quota':>24}{'without spread':>18}",
    ]
    for number in sorted({30, 60, 100, speakers}):
        trials = [power_cut(number, random_).worst_minute for _ in range(_TRIALS if number < 200 else 5)]
        over = sum(worst > PER_MINUTE for worst in trials)
        at_once = power_cut(number, random_, spread=False).worst_minute
        share = f"{over} of {len(trials)}"
        lines.append(f"{number:>10}{statistics.median(trials):>10.0f}{max(trials):>8}{share:>24}{at_once:>18}")
    lines += ["", f"{speakers} speakers, one trial: attempts (-) and accepted (#) by minute"]
    for minute in range(_MINUTES):
        tried, accepted = (
            sum(minute * 60 <= at_s < (minute + 1) * 60 for at_s in times) for times in (one.attempts_s, one.accepted_s)
        )
        bar = "#" * (accepted * _BAR // 800) + "-" * ((tried - accepted) * _BAR // 800)
        lines.append(f"{minute:>4}{tried:>7}{accepted:>6} {bar}")
    reached = [one.accepted_s[round(share * speakers) - 1] / 60 for share in (0.5, 0.9, 1.0)]
    lines.append("reached the service, minutes: half {:.1f}, 90 % {:.1f}, all {:.1f}".format(*reached))
    return "\n".join([*lines, ""])
