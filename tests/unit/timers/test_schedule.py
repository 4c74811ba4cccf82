from __future__ import annotations

import contextlib
import math
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from device_daemon.timers.countdown import STEP_S
from device_daemon.timers.entries import Entry
from device_daemon.timers.schedule import (
    LATE_S,
    LONGEST_S,
    MOST,
    MOST_MISSED,
    SNOOZE_AFTER_STOP_S,
    Change,
    How,
    TimerRefused,
    TimerSchedule,
)
from tests.unit.timers.clocks import Clocks

RING_S = 600.0
HOUR_S = 3600.0
DAY_S = 86_400.0
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


class Device:
    """A schedule that is looked at whenever it says that something is due."""

    def __init__(self, wall: str = "2026-01-05T07:00", zone: tzinfo = UTC) -> None:
        self.clocks = Clocks(wall, zone)
        self.schedule = TimerSchedule(ring_for_s=RING_S)
        self.changes: list[Change] = []
        self.rang_at: list[str] = []

    def look(self) -> None:
        for change in self.schedule.tick(self.clocks.now()):
            self.changes.append(change)
            if change.how is How.RINGS:
                self.rang_at.append(f"{datetime.fromtimestamp(self.clocks.epoch_s, self.clocks.zone):%a %H:%M:%S}")

    def turn(self, seconds: float) -> None:
        """Time passes; the schedule is looked at when something is due, and twice an hour."""
        end_s = self.clocks.boot_s + seconds
        self.look()
        while (left_s := end_s - self.clocks.boot_s) > 0:
            next_s = self.schedule.next_s(self.clocks.now())
            self.clocks.pass_by(min(left_s, 1800.0, max(next_s, 0.001)))
            self.look()

    def restart(self) -> None:
        """The program ends and begins again, with what it has stored."""
        stored = msgspec.json.encode((self.schedule.entries, list(self.schedule.missed)))
        entries, missed = msgspec.json.decode(stored, type=tuple[list[Entry], list[object]])
        assert len(missed) == len(self.schedule.missed)
        self.schedule = TimerSchedule(entries, self.schedule.missed, ring_for_s=RING_S)

    def left_s(self, name: str) -> float:
        return self.schedule.find(name)[0].due_s(self.clocks.now())

    @property
    def ringing(self) -> list[str]:
        return [entry.name for entry in self.schedule.ringing]

    @property
    def how(self) -> list[How]:
        return [change.how for change in self.changes]


@pytest.fixture
def device() -> Device:
    return Device()


def set_timer(device: Device, name: str = "pasta", span_s: float = 600.0) -> None:
    device.schedule.set_timer(name, span_s, device.clocks.now())


def set_alarm(
    device: Device, at: str = "07:30", days: str | None = None, on: date | None = None, name: str = "up"
) -> None:
    device.schedule.set_alarm(name, at, days, on, device.clocks.now())


# Timers


def test_several_timers_ring_each_in_its_time(device: Device) -> None:
    set_timer(device, "pasta", 600)
    set_timer(device, "eggs", 240)
    set_timer(device, "", 300)
    device.turn(599)
    assert device.rang_at == ["Mon 07:04:00", "Mon 07:05:00"]
    assert device.left_s("pasta") == pytest.approx(1)
    device.turn(1)
    assert device.ringing == ["eggs", "", "pasta"]
    assert [entry.name for entry in device.schedule.stop(device.clocks.now())] == ["eggs", "", "pasta"]
    assert device.schedule.entries == []


def test_how_long_a_timer_has_left_is_known_by_its_name_its_number_or_a_part_of_it(device: Device) -> None:
    set_timer(device, "pasta water", 600)
    set_timer(device, "", 60)
    device.turn(30)
    assert device.left_s("Pasta  Water") == device.left_s("pasta") == device.left_s("1") == pytest.approx(570)
    assert device.left_s("timer 2") == pytest.approx(30)


def test_a_name_that_nothing_has_is_answered_with_the_names_that_there_are(device: Device) -> None:
    with pytest.raises(TimerRefused, match="there is no timer or alarm; there are: none"):
        device.schedule.find("")
    set_timer(device, "pasta")
    assert device.schedule.find("")[0].name == "pasta", "there is only one"
    set_timer(device, "eggs")
    with pytest.raises(TimerRefused, match="there is no timer or alarm tea; there are: pasta, eggs"):
        device.schedule.find("tea")
    with pytest.raises(TimerRefused, match="say which one; there are: pasta, eggs"):
        device.schedule.find("")


def test_a_name_is_taken_once(device: Device) -> None:
    set_timer(device, "pasta")
    with pytest.raises(TimerRefused, match="pasta is set already, 10 minutes left"):
        set_timer(device, "Pasta")
    with pytest.raises(TimerRefused, match="pasta is a timer"):
        set_alarm(device, name="pasta")


def test_a_timer_is_changed_to_a_new_time_or_by_some_minutes(device: Device) -> None:
    set_timer(device, span_s=600)
    device.turn(60)
    change = device.schedule.change_timer
    change("pasta", 120, device.clocks.now(), add=True)
    assert device.left_s("pasta") == pytest.approx(660)
    change("pasta", -60, device.clocks.now(), add=True)
    assert device.left_s("pasta") == pytest.approx(600)
    change("pasta", 5, device.clocks.now(), add=False)
    assert device.left_s("pasta") == pytest.approx(5)
    with pytest.raises(TimerRefused, match="at least a second"):
        change("pasta", -6, device.clocks.now(), add=True)


def test_minutes_added_to_a_timer_that_rings_count_from_now(device: Device) -> None:
    set_timer(device, span_s=60)
    device.turn(90)
    assert device.ringing == ["pasta"]
    device.schedule.change_timer("pasta", 120, device.clocks.now(), add=True)
    assert device.ringing == []
    assert device.left_s("pasta") == pytest.approx(120)


@pytest.mark.parametrize("span_s", [0.0, 0.9, -5.0, LONGEST_S + 1, math.nan, math.inf])
def test_a_timer_of_no_time_or_of_weeks_is_refused(device: Device, span_s: float) -> None:
    with pytest.raises(TimerRefused, match="at least a second and for seven days at most"):
        set_timer(device, span_s=span_s)


def test_a_cancelled_timer_does_not_ring_and_all_are_cancelled_at_once(device: Device) -> None:
    for name in ("pasta", "eggs", "tea"):
        set_timer(device, name, 60)
    device.schedule.cancel("eggs")
    device.turn(61)
    assert device.ringing == ["pasta", "tea"]
    assert len(device.schedule.cancel("all")) == 2
    assert device.schedule.entries == device.schedule.ringing == []


def test_there_is_a_most_of_timers(device: Device) -> None:
    for number in range(MOST):
        set_timer(device, f"t{number}")
    with pytest.raises(TimerRefused, match="cancel one of them first"):
        set_timer(device, "one more")


# Clocks, restarts and power cuts


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1e8, 1e8), st.booleans()), max_size=10))
def test_neither_a_step_of_the_clock_nor_a_restart_shifts_a_timer(course: list[tuple[float, float, bool]]) -> None:
    device = Device()
    set_timer(device, span_s=1000.0)
    for seconds, step_s, restarts in course:
        before_s = device.left_s("pasta") if not device.ringing else 0.0
        device.turn(seconds)
        device.clocks.step(step_s)
        if restarts:
            device.restart()
        device.look()
        if before_s <= seconds:
            assert device.ringing == ["pasta"]
            return
        assert device.left_s("pasta") == pytest.approx(before_s - seconds, abs=0.01)


@example(0.0, 1.0, 2800.0)
@given(st.floats(0, 999), st.floats(-1e6, 1e6), st.floats(0, 3000))
def test_after_a_power_cut_a_timer_has_left_what_the_clock_says(ran_s: float, step_s: float, off_s: float) -> None:
    device = Device()
    set_timer(device, span_s=1000.0)
    device.turn(ran_s)
    device.clocks.step(step_s)
    device.look()
    device.clocks.power_cut(off_s)
    device.restart()
    device.look()
    left_s = 1000.0 - ran_s - off_s
    near_s = STEP_S + 0.01  # a smaller step of the clock is not stored
    if left_s < -LATE_S - near_s:
        assert device.how == [How.MISSED]
    elif -LATE_S + near_s < left_s < -near_s:
        assert device.ringing == ["pasta"]
    elif left_s > near_s:
        assert device.left_s("pasta") == pytest.approx(left_s, abs=1.01)


def test_without_a_set_clock_a_timer_goes_on_by_the_clock_there_is_until_it_is_set(device: Device) -> None:
    set_timer(device, span_s=3000.0)
    device.turn(600)
    device.clocks.power_cut(1200.0)
    device.clocks.is_set = False
    device.clocks.step(-1200.0)  # as if no time had passed
    device.restart()
    device.turn(60)
    assert device.left_s("pasta") == pytest.approx(2340)
    device.clocks.is_set = True
    device.clocks.step(1200.0)
    device.look()
    assert device.left_s("pasta") == pytest.approx(1140)


def test_a_clock_that_is_far_behind_holds_no_timer_up(device: Device) -> None:
    set_timer(device, span_s=60.0)
    device.clocks.power_cut(-DAY_S)
    device.clocks.is_set = False
    device.restart()
    device.turn(61)
    assert device.ringing == ["pasta"]


def test_what_a_little_time_ago_was_due_rings_at_once_and_what_is_older_was_missed(device: Device) -> None:
    set_timer(device, "pasta", 60)
    device.clocks.power_cut(60 + LATE_S - 1)
    device.restart()
    device.look()
    assert device.ringing == ["pasta"]
    device = Device()
    set_timer(device, "pasta", 60)
    device.clocks.power_cut(60 + LATE_S + 1)
    device.restart()
    device.look()
    assert device.ringing == []
    assert device.schedule.entries == []
    assert [missed.name for missed in device.schedule.missed] == ["pasta"]


def test_what_rings_when_the_power_is_cut_rings_again(device: Device) -> None:
    set_timer(device, span_s=60)
    set_alarm(device, "07:01", days="daily")
    device.turn(70)
    assert device.ringing == ["pasta", "up"]
    device.clocks.power_cut(10)
    device.restart()
    device.look()
    assert device.ringing == ["pasta", "up"]


# Ringing


def test_what_nobody_stops_is_missed_after_a_while(device: Device) -> None:
    set_timer(device, span_s=60)
    device.turn(60 + RING_S - 1)
    assert device.ringing == ["pasta"]
    device.turn(1)
    assert device.ringing == []
    assert device.schedule.entries == []
    assert device.how == [How.RINGS, How.MISSED]
    missed = device.schedule.missed[0]
    assert (missed.kind, missed.name) == ("timer", "pasta")
    assert missed.due_epoch_s == pytest.approx(device.clocks.epoch_s - RING_S)


def test_of_what_was_missed_only_the_latest_is_remembered(device: Device) -> None:
    for number in range(MOST_MISSED + 3):
        set_timer(device, f"t{number}", 60 + number)
    device.turn(RING_S + 120)
    assert [missed.name for missed in device.schedule.missed] == [f"t{n}" for n in range(3, MOST_MISSED + 3)]


def test_a_snooze_rings_again_later_and_again(device: Device) -> None:
    set_alarm(device, days="mon")
    device.turn(1800)
    for _ in range(3):
        assert device.ringing == ["up"]
        device.schedule.snooze(540, device.clocks.now())
        assert device.ringing == []
        device.turn(539)
        assert device.ringing == []
        device.turn(1)
    device.schedule.stop(device.clocks.now())
    device.turn(DAY_S)
    assert device.rang_at == ["Mon 07:30:00", "Mon 07:39:00", "Mon 07:48:00", "Mon 07:57:00"]
    assert len(device.schedule.entries) == 1, "it rings again on Monday"


def test_a_snooze_survives_a_restart_and_a_power_cut(device: Device) -> None:
    set_alarm(device)
    device.turn(1800)
    device.schedule.snooze(540, device.clocks.now())
    device.restart()
    device.turn(100)
    device.clocks.power_cut(100)
    device.restart()
    device.turn(341)
    assert device.rang_at == ["Mon 07:30:00", "Mon 07:39:00"]
    device.schedule.stop(device.clocks.now())
    assert device.schedule.entries == []


def test_what_was_just_stopped_can_still_be_snoozed(device: Device) -> None:
    set_timer(device, span_s=60)
    device.turn(60)
    device.schedule.stop(device.clocks.now())
    device.turn(SNOOZE_AFTER_STOP_S)
    device.schedule.snooze(540, device.clocks.now())
    assert device.left_s("pasta") == 540
    device.turn(540)
    device.schedule.stop(device.clocks.now())
    device.turn(SNOOZE_AFTER_STOP_S + 1)
    with pytest.raises(TimerRefused, match="nothing rings"):
        device.schedule.snooze(540, device.clocks.now())


def test_a_snooze_does_not_bring_back_what_another_one_has_replaced(device: Device) -> None:
    set_timer(device, span_s=60)
    device.turn(60)
    device.schedule.stop(device.clocks.now())
    set_timer(device, "eggs", 60)
    with pytest.raises(TimerRefused, match="nothing rings"):
        device.schedule.snooze(540, device.clocks.now())


# Alarms


def test_an_alarm_without_a_day_rings_the_next_time_the_clocks_show_it_and_once(device: Device) -> None:
    set_alarm(device, "07:30")
    set_alarm(device, "06:30", name="early")
    device.turn(1800)
    assert device.ringing == ["up"]
    device.schedule.stop(device.clocks.now())
    device.turn(2 * DAY_S)
    assert device.rang_at == ["Mon 07:30:00", "Tue 06:30:00"]
    assert device.schedule.entries == []


def test_an_alarm_rings_on_its_days_of_the_week(device: Device) -> None:
    set_alarm(device, days="mon-wed,sat")
    device.turn(8 * DAY_S)
    assert device.rang_at == [f"{day} 07:30:00" for day in ("Mon", "Tue", "Wed", "Sat", "Mon")]


def test_an_alarm_for_a_day_rings_on_that_day(device: Device) -> None:
    set_alarm(device, on=date(2026, 1, 8))
    device.turn(10 * DAY_S)
    assert device.rang_at == ["Thu 07:30:00"]
    with pytest.raises(TimerRefused, match="past"):
        set_alarm(device, on=date(2026, 1, 8))


def test_an_alarm_that_is_set_anew_under_its_name_takes_the_new_time(device: Device) -> None:
    set_alarm(device, "07:30")
    set_alarm(device, "07:45", name="UP")
    device.turn(DAY_S)
    assert device.rang_at == ["Mon 07:45:00"]


def test_without_a_set_clock_no_alarm_is_set(device: Device) -> None:
    device.clocks.is_set = False
    with pytest.raises(TimerRefused, match="the clock is not set yet"):
        set_alarm(device)
    set_timer(device)


@pytest.mark.parametrize(
    ("begin", "at", "expected"),
    [
        ("2026-03-28T12:00", "02:30", ["Sun 03:00:00", "Mon 02:30:00"]),  # there is none: 02:00 is 03:00
        ("2026-10-24T12:00", "02:30", ["Sun 02:30:00", "Mon 02:30:00"]),  # there are two: once
        ("2026-10-24T12:00", "07:00", ["Sun 07:00:00", "Mon 07:00:00"]),
    ],
)
def test_where_clocks_are_changed_an_alarm_rings_once_as_its_time_is_passed(
    begin: str, at: str, expected: list[str]
) -> None:
    device = Device(begin, BERLIN)
    set_alarm(device, at, days="daily")
    device.turn(2 * DAY_S)
    assert device.rang_at == expected


def test_a_clock_put_back_over_an_alarm_does_not_ring_it_again(device: Device) -> None:
    set_alarm(device, days="daily")
    device.turn(1900)
    device.schedule.stop(device.clocks.now())
    device.clocks.step(-HOUR_S)
    device.turn(2 * HOUR_S)
    assert device.rang_at == ["Mon 07:30:00"]


def test_a_clock_put_forward_over_an_alarm_by_minutes_rings_it_and_by_hours_it_was_missed(device: Device) -> None:
    set_alarm(device, days="daily")
    device.clocks.step(45 * 60)
    device.look()
    assert device.rang_at == ["Mon 07:45:00"]
    device = Device()
    set_alarm(device, days="daily")
    device.clocks.step(3 * HOUR_S)
    device.look()
    assert device.rang_at == []
    assert [missed.name for missed in device.schedule.missed] == ["up"]


def test_a_clock_that_was_a_year_ahead_holds_no_alarm_up(device: Device) -> None:
    set_alarm(device, days="daily")
    device.clocks.step(365 * DAY_S)
    device.look()
    device.clocks.step(-365 * DAY_S)
    device.turn(1800)
    assert device.rang_at == ["Mon 07:30:00"]
    assert len(device.schedule.missed) == 1


def test_a_clock_that_is_days_behind_until_it_is_set_does_not_ring_a_past_alarm_again(device: Device) -> None:
    set_alarm(device, days="daily")
    device.turn(1860)
    device.schedule.stop(device.clocks.now())
    device.clocks.power_cut(-3 * DAY_S)
    device.clocks.is_set = False
    device.restart()
    device.turn(60)
    device.clocks.is_set = True
    device.clocks.step(3 * DAY_S)
    device.turn(60)
    assert device.rang_at == ["Mon 07:30:00"]
    assert not device.schedule.missed


def test_who_travels_is_woken_by_the_clocks_there_and_once_a_day() -> None:
    device = Device("2026-01-05T07:00", BERLIN)
    set_alarm(device, days="daily")
    device.turn(HOUR_S)
    device.clocks.zone = NEW_YORK
    device.turn(DAY_S)
    assert device.rang_at == ["Mon 07:30:00"]
    device.turn(DAY_S)
    assert device.rang_at == ["Mon 07:30:00", "Tue 07:30:00"]


def test_an_alarm_that_was_slept_through_for_days_is_missed_once(device: Device) -> None:
    set_alarm(device, days="daily")
    device.clocks.power_cut(3 * DAY_S + 12 * HOUR_S)
    device.restart()
    device.look()
    assert [missed.name for missed in device.schedule.missed] == ["up"]
    device.turn(DAY_S)
    assert device.rang_at == ["Fri 07:30:00"]


# Whatever happens


class Kitchen(RuleBasedStateMachine):
    """Any course of settings, clock steps, restarts and power cuts."""

    @initialize()
    def begin(self) -> None:
        self.device = Device()
        self.set = 0
        self.dates: dict[str, list[str]] = {}

    @rule(span_s=st.floats(1, 5000))
    def timer(self, span_s: float) -> None:
        self.set += 1
        set_timer(self.device, f"t{self.set}", span_s)

    @rule(hour=st.integers(0, 23), days=st.sampled_from([None, "daily", "mon-fri", "sun"]))
    def alarm(self, hour: int, days: str | None) -> None:
        set_alarm(self.device, f"{hour:02}:15", days, name=f"a{hour}")

    @rule(seconds=st.floats(0, 4000))
    def time_passes(self, seconds: float) -> None:
        self.device.turn(seconds)

    @rule(seconds=st.sampled_from([-DAY_S, -HOUR_S, -61.0, 61.0, HOUR_S, 10 * DAY_S]))
    def clock_is_set(self, seconds: float) -> None:
        self.device.clocks.step(seconds)

    @rule(seconds=st.floats(0, 8 * DAY_S))
    def power_cut(self, seconds: float) -> None:
        self.device.clocks.power_cut(seconds)
        self.device.restart()

    @rule()
    def restart(self) -> None:
        self.device.restart()

    @rule()
    def stop(self) -> None:
        self.device.schedule.stop(self.device.clocks.now())

    @rule(span_s=st.floats(1, 1000))
    def snooze(self, span_s: float) -> None:
        with contextlib.suppress(TimerRefused):
            self.device.schedule.snooze(span_s, self.device.clocks.now())

    @rule(name=st.sampled_from(["t1", "t2", "a7", "all", "", "1"]))
    def cancel(self, name: str) -> None:
        with contextlib.suppress(TimerRefused):
            self.device.schedule.cancel(name)

    @invariant()
    def nothing_is_lost_and_nothing_rings_for_ever(self) -> None:
        if not hasattr(self, "device"):
            return
        device = self.device
        device.look()
        schedule, now = device.schedule, device.clocks.now()
        assert {entry.number for entry in schedule.ringing} <= {entry.number for entry in schedule.entries}
        quiet = [entry for entry in schedule.entries if entry not in schedule.ringing]
        assert all(0 < entry.due_s(now) < math.inf for entry in quiet), "what is set comes, and is not overdue"
        next_s = schedule.next_s(now)
        assert 0 <= next_s <= 9 * DAY_S if schedule.entries else next_s == math.inf

    def teardown(self) -> None:
        if hasattr(self, "device"):
            self.device.turn(RING_S + 6000)
            assert not any(entry.kind == "timer" for entry in self.device.schedule.entries)


TestKitchen = Kitchen.TestCase
TestKitchen.settings = settings(max_examples=60, stateful_step_count=30)
