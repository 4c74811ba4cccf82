from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.timers.schedule import TimerSchedule
from device_daemon.timers.store import decode, decode_missed, encode
from tests.unit.timers.clocks import Clocks


def schedule() -> TimerSchedule:
    clocks = Clocks()
    made = TimerSchedule(ring_for_s=600.0)
    made.set_timer("pasta", 60.0, clocks.now())
    made.set_alarm("", "07:30", "mon-fri", None, clocks.now())
    made.set_alarm("dentist", "09:00", None, date(2026, 1, 8), clocks.now())
    made.set_timer("eggs", 10.0, clocks.now())
    made.tick(clocks.pass_by(61))
    made.snooze(300, clocks.now())
    return made


def stored() -> list[Any]:
    return list(msgspec.json.decode(msgspec.json.encode(encode(schedule().entries))))


def test_what_is_stored_is_read_again() -> None:
    assert decode(stored()) == (schedule().entries, 0)


def test_what_was_missed_is_read_again() -> None:
    made = schedule()
    made.tick(Clocks().pass_by(100_000))
    assert len(made.missed) == 3
    again = msgspec.json.decode(msgspec.json.encode(encode(list(made.missed))))
    assert decode_missed([*again, 5]) == list(made.missed)


@pytest.mark.parametrize(
    ("which", "key", "value"),
    [
        (0, "number", "one"),
        (0, "number", 2),  # there is another one of that number
        (0, "kind", "sundial"),
        (0, "countdown", None),
        (0, "name", "x" * 100),
        (1, "at", "25:00"),
        (1, "days", "caturday"),
        (1, "days", None),  # it would never ring
        (2, "on", "2026-02-30"),
        (2, "days", "mon"),  # on a day or on days of the week
    ],
)
def test_a_damaged_entry_loses_only_itself(which: int, key: str, value: object) -> None:
    damaged = stored()
    damaged[which][key] = value
    entries, lost = decode(damaged)
    assert len(entries) == 3
    assert lost == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["number", "at", "on", "countdown", "days"]), JSON)))
def test_whatever_is_stored_is_read_and_can_be_looked_at(changes: list[tuple[int, str, Any]]) -> None:
    damaged = stored()
    for which, key, value in changes:
        damaged[which][key] = value
    entries, lost = decode([*damaged, changes])
    assert len(entries) + lost == 5
    made, now = TimerSchedule(entries, ring_for_s=600.0), Clocks().now()
    made.tick(now)
    assert made.next_s(now) >= 0
