"""A line whose far end is gone is noticed in time, and one that is only quiet is left alone."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.voicelive.limits import LineLimits
from device_daemon.voicelive.liveness import Check, Liveness

LIMITS = LineLimits()
ANSWERED_IN_S = 0.1


def played(
    line: Liveness, used_at_s: list[float], alive_until_s: float, until_s: float, step_s: float = 0.05
) -> tuple[float | None, int]:
    """Go through time, looking only when that is due; returns when the line was found dead, and the number of pings."""
    now_s, answer_s, look_s, pings = 0.0, float("inf"), 0.0, 0
    line.reading(now_s, on=True)
    used = sorted(used_at_s)
    while now_s < until_s:
        now_s += step_s
        earlier = False
        while used and used[0] <= now_s:
            earlier |= line.used(used.pop(0))
        if answer_s <= now_s:
            earlier |= line.heard(answer_s)
            answer_s = float("inf")
        if now_s < look_s and not earlier:
            continue
        match line.check(now_s):
            case Check.PING:
                line.pinged(now_s)
                pings += 1
                if now_s < alive_until_s:
                    answer_s = now_s + ANSWERED_IN_S
            case Check.DEAD:
                return now_s, pings
        look_s = line.due_s(now_s)
        assert look_s > now_s, "no busy loop"
    return None, pings


@given(st.lists(st.floats(0, 100), max_size=20))
def test_a_line_that_answers_is_never_given_up(used_at_s: list[float]) -> None:
    dead_s, _ = played(Liveness(0.0, LIMITS), used_at_s, float("inf"), 120.0)
    assert dead_s is None


@given(st.floats(0, 60), st.lists(st.floats(0, 60), max_size=10))
def test_at_rest_a_dead_line_is_noticed_within_25_s(died_s: float, used_at_s: list[float]) -> None:
    dead_s, _ = played(Liveness(0.0, LIMITS), [used_s for used_s in used_at_s if used_s < died_s], died_s, 120.0)
    assert dead_s is not None
    assert dead_s <= died_s + 25.0 + 0.1


@given(st.floats(0, 60), st.floats(0, 20))
def test_while_somebody_waits_a_dead_line_is_noticed_within_5_s(died_s: float, spoke_after_s: float) -> None:
    spoke_s = died_s + spoke_after_s
    dead_s, _ = played(Liveness(0.0, LIMITS), [spoke_s + n * 0.06 for n in range(200)], died_s, 120.0)
    assert dead_s is not None
    assert dead_s <= max(spoke_s, died_s) + 5.0 + 0.1


def test_at_rest_a_line_has_little_to_do() -> None:
    _, pings = played(Liveness(0.0, LIMITS), [], float("inf"), 600.0)
    assert pings <= LIMITS.eager_for_s / LIMITS.eager_ping_s + 600 / LIMITS.rest_ping_s


def test_silence_counts_for_nothing_while_nobody_reads() -> None:
    line = Liveness(0.0, LIMITS)
    line.reading(0.0, on=True)
    line.pinged(1.0)
    line.reading(2.0, on=False)
    assert line.check(100.0) is Check.WAIT
    line.reading(100.0, on=True)
    assert line.check(100.0) is Check.WAIT
    assert line.check(100.0 + LIMITS.rest_ping_s) is Check.PING


def test_only_the_end_of_a_rest_needs_an_earlier_look() -> None:
    line = Liveness(0.0, LIMITS)
    used: Callable[[float], bool] = line.used
    assert [used(at_s) for at_s in (1.0, 2.0, 3.0)] == [False, False, False]
    assert used(3.0 + LIMITS.eager_for_s + 0.1)
