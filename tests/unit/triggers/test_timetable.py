from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from device_daemon.config.settings import ScheduleTrigger
from device_daemon.config.times import DAYS, parse_days
from device_daemon.system.time_zone import instant
from device_daemon.triggers.timetable import LATE_S, MOST_REMEMBERED, Timetable
from tests.unit.system.zones import DATES, TIMES, ZONES, changes, utc

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
APIA = ZoneInfo("Pacific/Apia")
DAY_S = 86_400
STEP_S = 30.0

SOME_DAYS = st.sampled_from(["daily", "mon-fri", "sat,sun", "fri-mon", *DAYS])


def schedule(at: str = "07:30", days: str = "daily") -> ScheduleTrigger:
    return ScheduleTrigger(at=at, days=days)


def table(*triggers: ScheduleTrigger, zone: tzinfo = UTC, since: str = "2000-01-01T00:00") -> Timetable:
    return Timetable(triggers, zone=lambda: zone, since_epoch_s=utc(since))


def fired(timetable: Timetable, begin: str, end: str) -> list[str]:
    """Return when something was due, in UTC, for somebody who looks each time it says that something is."""
    now_s, found = utc(begin), []
    while now_s < utc(end):
        due = timetable.due(now_s)
        found += [f"{datetime.fromtimestamp(now_s, UTC):%m-%d %H:%M:%S}"] * len(due)
        now_s += timetable.next_s(now_s)
    return found


def test_a_schedule_is_due_each_day_at_its_time_in_its_zone() -> None:
    timetable = table(schedule(), zone=BERLIN)
    assert fired(timetable, "2026-01-05T00:00", "2026-01-08T00:00") == [
        "01-05 06:30:00",
        "01-06 06:30:00",
        "01-07 06:30:00",
    ]


def test_a_schedule_is_due_on_its_days_only() -> None:
    timetable = table(schedule("23:30", days="fri,sun"), zone=ZoneInfo("America/New_York"))
    assert fired(timetable, "2026-01-05T12:00", "2026-01-13T00:00") == ["01-10 04:30:00", "01-12 04:30:00"]


def test_two_schedules_are_due_together_in_the_order_of_the_config() -> None:
    first, second = schedule(days="daily"), schedule(days="mon")
    assert table(first, second).due(utc("2026-01-05T07:30")) == [first, second]


def test_a_time_that_does_not_exist_fires_once_as_the_clock_jumps() -> None:
    timetable = table(schedule("02:30"), zone=BERLIN)
    assert fired(timetable, "2026-03-28T00:00", "2026-03-31T00:00") == [
        "03-28 01:30:00",
        "03-29 01:00:00",
        "03-30 00:30:00",
    ]


def test_a_time_that_exists_twice_fires_the_first_time_only() -> None:
    timetable = table(schedule("02:30"), zone=BERLIN)
    assert fired(timetable, "2026-10-24T00:00", "2026-10-27T00:00") == [
        "10-24 00:30:00",
        "10-25 00:30:00",
        "10-26 01:30:00",
    ]


def test_half_an_hour_of_summer_time_is_kept_to() -> None:
    timetable = table(schedule("01:45"), zone=LORD_HOWE)
    assert fired(timetable, "2026-04-03T12:00", "2026-04-06T12:00") == [
        "04-03 14:45:00",
        "04-04 14:45:00",
        "04-05 15:15:00",
    ]


def test_a_day_that_the_calendar_skips_fires_once_as_it_is_skipped() -> None:
    timetable = table(schedule("07:30", days="fri"), zone=APIA)
    assert fired(timetable, "2011-12-29T00:00", "2012-01-02T00:00") == ["12-30 10:00:00"]


def test_a_skipped_midnight_fires_once_and_not_also_for_the_day_behind_it() -> None:
    timetable = table(schedule("00:00"), zone=APIA)
    assert fired(timetable, "2011-12-29T00:00", "2012-01-01T12:00") == [
        "12-29 10:00:00",
        "12-30 10:00:00",
        "12-31 10:00:00",
        "01-01 10:00:00",
    ]


@settings(deadline=None, max_examples=300)
@given(zone=st.sampled_from(ZONES), day=DATES, at=TIMES, days=SOME_DAYS, drift_s=st.floats(0, STEP_S - 1))
def test_who_looks_twice_a_minute_misses_no_day_and_gets_none_twice(
    zone: tzinfo, day: date, at: time, days: str, drift_s: float
) -> None:
    near = changes(zone, min(day, date(2036, 12, 1)))
    begin = near[0] - timedelta(days=1) if near else day
    trigger = ScheduleTrigger(at=f"{at:%H:%M}", days=days)
    begin_s = float(instant(begin, time(12), zone))
    timetable = Timetable([trigger], zone=lambda: zone, since_epoch_s=begin_s)
    looks, found = [begin_s + drift_s], []
    while looks[-1] < begin_s + 4 * DAY_S:
        now_s = looks[-1]
        found += [now_s for _ in timetable.due(now_s)]
        # Hours in which nothing is due need no look.
        looks.append(max(now_s + STEP_S, now_s + timetable.next_s(now_s) - 3 * STEP_S))
    looks.pop()
    wanted = {
        instant(one, at, zone)
        for one in (begin + timedelta(days=n) for n in range(-1, 7))
        if one.weekday() in parse_days(days)
    }
    assert found == [
        next(look_s for look_s in looks if look_s >= one_s) for one_s in sorted(wanted) if begin_s < one_s <= looks[-1]
    ]


class Device:
    """A device whose clock is set and whose zone is changed while it runs."""

    def __init__(self, triggers: list[ScheduleTrigger], now_s: float) -> None:
        self.now_s = now_s
        self.zone: tzinfo = UTC
        self.timetable = Timetable(triggers, zone=lambda: self.zone, since_epoch_s=now_s)
        self.fired: list[tuple[int, float, date]] = []

    def look(self) -> None:
        # Each trigger of a test is another object.
        for trigger in self.timetable.due(self.now_s):
            at = time.fromisoformat(trigger.at)
            shown = datetime.fromtimestamp(self.now_s, self.zone).date()
            # It is of the latest day whose time is reached.
            day = next(
                day
                for day in (shown + timedelta(days=n) for n in (1, 0, -1, -2))
                if self.now_s - LATE_S <= instant(day, at, self.zone) <= self.now_s
            )
            self.fired.append((id(trigger), self.now_s, day))


STEPS = st.one_of(
    st.floats(0, 120),
    st.floats(-120, 0),
    st.floats(-3 * DAY_S, 3 * DAY_S),
    st.sampled_from([0.0, 30.0, 60.0, -3600.0, 3600.0, -DAY_S, DAY_S]),
)


@settings(deadline=None)
@given(
    day=st.dates(date(2011, 12, 28), date(2012, 1, 3)) | st.dates(date(2026, 3, 27), date(2026, 3, 31)),
    triggers=st.lists(st.builds(schedule, TIMES.map("{:%H:%M}".format), SOME_DAYS), min_size=1, max_size=3),
    course=st.lists(STEPS | st.sampled_from(ZONES), max_size=60),
    near=st.booleans(),
)
def test_whatever_happens_to_clock_and_zone_nothing_is_due_twice_for_a_day_nor_late(
    day: date, triggers: list[ScheduleTrigger], course: list[float | tzinfo], near: bool
) -> None:
    device = Device(triggers, datetime.combine(day, time(7), UTC).timestamp())
    for step in course:
        if isinstance(step, tzinfo):
            device.zone = step
        else:
            device.now_s += step
        if near and (next_s := device.timetable.next_s(device.now_s)) < math.inf:
            device.now_s += next_s
        device.look()
    times = Counter((which, day) for which, _, day in device.fired)
    assert all(count == 1 for count in times.values())


def jump(timetable: Timetable, *looks: str) -> list[int]:
    """Return how many schedules were due at each look."""
    return [len(timetable.due(utc(look))) for look in looks]


def test_what_is_late_by_a_minute_is_due_and_what_is_later_is_left_out() -> None:
    assert jump(table(schedule()), "2026-01-05T07:29:59", "2026-01-05T07:31:00") == [0, 1]
    assert jump(table(schedule()), "2026-01-05T07:29:59", "2026-01-05T07:31:01") == [0, 0]


def test_what_was_due_before_a_skipped_day_is_late_by_seconds_only() -> None:
    # Thursday ends, and it is Saturday.
    assert jump(table(schedule("23:59", days="thu"), zone=APIA), "2011-12-30T10:00") == [1]


def test_a_clock_put_forward_over_it_by_hours_leaves_it_out() -> None:
    assert jump(table(schedule()), "2026-01-05T07:00", "2026-01-05T09:00", "2026-01-06T07:30") == [0, 0, 1]


def test_a_clock_put_back_over_it_does_not_fire_it_again() -> None:
    looks = ("2026-01-05T07:30", "2026-01-05T06:30", "2026-01-05T07:30", "2026-01-04T07:30", "2026-01-06T07:30")
    assert jump(table(schedule()), *looks) == [1, 0, 0, 1, 1]


def test_a_clock_that_was_a_year_ahead_holds_nothing_up() -> None:
    assert jump(table(schedule()), "2027-01-05T07:30", "2026-01-05T07:30", "2026-01-06T07:30") == [1, 1, 1]


def test_what_was_due_just_before_the_start_was_somebody_elses() -> None:
    again = table(schedule(), since="2026-01-05T07:30:40")
    assert jump(again, "2026-01-05T07:30:40", "2026-01-05T07:30:59", "2026-01-06T07:30") == [0, 0, 1]


def test_a_start_before_the_clock_was_right_takes_nothing_away() -> None:
    timetable = table(schedule(), since="1970-01-01T00:00:10")
    assert jump(timetable, "2026-01-05T07:30:40") == [1]


def test_another_zone_holds_from_the_next_look_on() -> None:
    zones: list[tzinfo] = [UTC]
    timetable = Timetable([schedule()], zone=lambda: zones[-1], since_epoch_s=utc("2026-01-05T00:00"))
    assert timetable.next_s(utc("2026-01-05T05:00")) == 2.5 * 3600
    zones.append(BERLIN)
    assert timetable.next_s(utc("2026-01-05T05:00")) == 1.5 * 3600
    assert jump(timetable, "2026-01-05T06:30") == [1]


def test_who_flies_west_is_not_greeted_again_on_the_same_day() -> None:
    zones: list[tzinfo] = [BERLIN]
    timetable = Timetable([schedule()], zone=lambda: zones[-1], since_epoch_s=utc("2026-01-05T00:00"))
    assert jump(timetable, "2026-01-05T06:30") == [1]
    zones.append(ZoneInfo("America/New_York"))
    assert jump(timetable, "2026-01-05T12:30", "2026-01-06T12:30") == [0, 1]


def test_who_crosses_the_date_line_is_not_greeted_twice_in_a_minute() -> None:
    zones: list[tzinfo] = [ZoneInfo("Pacific/Pago_Pago")]
    timetable = Timetable([schedule()], zone=lambda: zones[-1], since_epoch_s=utc("2026-01-05T00:00"))
    assert jump(timetable, "2026-01-05T18:30") == [1]
    zones.append(APIA)
    assert jump(timetable, "2026-01-05T18:30:30") == [0]


def test_what_is_due_already_is_due_now() -> None:
    assert table(schedule()).next_s(utc("2026-01-05T07:30:30")) == 0.0


def test_nothing_is_due_where_nothing_is_scheduled() -> None:
    timetable = table()
    assert timetable.next_s(0.0) == math.inf
    assert timetable.due(0.0) == []


def test_what_is_remembered_is_bounded() -> None:
    timetable = table(schedule())
    begin_s = utc("2001-01-01T07:30")
    assert all(timetable.due(begin_s + day * DAY_S) for day in range(MOST_REMEMBERED + 1))
    assert not timetable.due(begin_s + DAY_S)
    assert timetable.due(begin_s)
