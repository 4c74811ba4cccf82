from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.settings import ScheduleTrigger
from device_daemon.system.wake_up import LONGEST_SLEEP_S
from device_daemon.triggers.schedule import Schedule
from device_daemon.triggers.timetable import LATE_S

BERLIN = ZoneInfo("Europe/Berlin")
DAY_S = 86_400


@dataclass(eq=False)
class Timer:
    when_s: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Device:
    """A device whose time is turned by hand: the loop's, and what the clock on the wall shows."""

    def __init__(self, wall: str) -> None:
        self.now_s = 1000.0
        self.ahead_s = datetime.fromisoformat(wall).replace(tzinfo=UTC).timestamp() - self.now_s
        self.zone: tzinfo = UTC
        self.is_set = True
        self.wake_ups = 0
        self.timers: list[Timer] = []
        self.told: list[tuple[str, str]] = []

    def time(self) -> float:
        return self.now_s

    def wall_clock(self) -> float:
        return self.now_s + self.ahead_s

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    def turn(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while due := [timer for timer in self.timers if timer.when_s <= end_s and not timer.cancelled]:
            first = min(due, key=lambda timer: timer.when_s)
            self.timers.remove(first)
            self.now_s = max(self.now_s, first.when_s)
            self.wake_ups += 1
            first.callback()
        self.now_s = end_s

    def suspend(self, seconds: float) -> None:
        """The wall clock goes on, the loop's does not."""
        self.ahead_s += seconds

    def tell(self, trigger: ScheduleTrigger) -> None:
        shown = datetime.fromtimestamp(self.wall_clock(), self.zone)
        self.told.append((trigger.at, f"{shown:%a %H:%M:%S}"))

    def schedule(self, *times: str, days: str = "daily") -> Schedule:
        return Schedule(
            [ScheduleTrigger(at=at, days=days) for at in times],
            loop=self,
            on_due=self.tell,
            wall_clock=self.wall_clock,
            zone=lambda: self.zone,
            clock_is_set=lambda: self.is_set,
        )


@pytest.fixture
def device() -> Device:
    return Device("2026-01-05T07:00")  # a Monday


def test_what_is_due_is_told_to_the_second(device: Device) -> None:
    device.schedule("07:30", "19:00")
    device.turn(2 * DAY_S)
    assert device.told == [
        ("07:30", "Mon 07:30:00"),
        ("19:00", "Mon 19:00:00"),
        ("07:30", "Tue 07:30:00"),
        ("19:00", "Tue 19:00:00"),
    ]


def test_it_wakes_twice_a_minute_and_not_more_often(device: Device) -> None:
    device.schedule("07:30")
    device.turn(DAY_S)
    assert device.wake_ups <= DAY_S / LONGEST_SLEEP_S + 3


def test_an_empty_schedule_tells_nothing(device: Device) -> None:
    device.schedule()
    device.turn(DAY_S)
    assert device.told == []


def test_nothing_is_told_before_the_clock_is_set(device: Device) -> None:
    device.is_set = False
    device.schedule("07:30")
    device.turn(3600)
    assert device.told == []
    device.is_set = True
    device.turn(DAY_S)
    assert device.told == [("07:30", "Tue 07:30:00")]


def test_a_clock_that_is_set_just_after_the_time_still_tells_of_it() -> None:
    device = Device("2024-06-01T12:00")
    device.is_set = False
    device.schedule("07:30")
    device.turn(600)
    device.ahead_s = datetime(2026, 1, 5, 7, 30, 5, tzinfo=UTC).timestamp() - device.now_s
    device.is_set = True
    device.turn(120)
    assert device.told == [("07:30", "Mon 07:30:35")]


def test_a_device_that_wakes_up_in_time_tells_of_it_and_one_that_sleeps_longer_does_not(device: Device) -> None:
    device.schedule("07:30")
    device.turn(60)
    device.suspend(29 * 60 + 10)
    device.turn(LONGEST_SLEEP_S)
    assert [at for at, _ in device.told] == ["07:30"]
    device.suspend(DAY_S)
    device.turn(DAY_S / 2)
    assert len(device.told) == 1


def test_a_clock_put_back_does_not_tell_of_it_again(device: Device) -> None:
    device.schedule("07:30")
    device.turn(1801)
    device.ahead_s -= 600
    device.turn(1200)
    assert device.told == [("07:30", "Mon 07:30:00")]


def test_another_zone_is_followed_within_half_a_minute(device: Device) -> None:
    device.schedule("08:30")
    device.zone = BERLIN
    device.turn(1800)
    assert device.told == [("08:30", "Mon 08:30:00")]


def test_a_speaker_that_reads_its_config_again_does_not_greet_again(device: Device) -> None:
    first = device.schedule("07:30")
    device.turn(1810)
    first.close()
    device.schedule("07:30")
    device.turn(600)
    assert device.told == [("07:30", "Mon 07:30:00")]


def test_after_closing_nothing_is_told_and_nobody_is_woken(device: Device) -> None:
    schedule = device.schedule("07:30")
    device.turn(60)
    before = device.wake_ups
    schedule.close()
    schedule.close()
    device.turn(DAY_S)
    assert (device.told, device.wake_ups) == ([], before)


def test_who_closes_it_when_told_is_told_no_more(device: Device) -> None:
    def close(trigger: ScheduleTrigger) -> None:
        device.tell(trigger)
        schedule.close()

    triggers = [ScheduleTrigger(at="07:30"), ScheduleTrigger(at="07:30", days="mon")]
    schedule = Schedule(
        triggers,
        loop=device,
        on_due=close,
        wall_clock=device.wall_clock,
        zone=lambda: UTC,
        clock_is_set=lambda: True,
    )
    device.turn(DAY_S)
    assert len(device.told) == 1
    assert all(timer.cancelled for timer in device.timers)


def test_what_fails_when_told_does_not_end_the_schedule(device: Device) -> None:
    def fail(trigger: ScheduleTrigger) -> None:
        device.tell(trigger)
        raise ValueError(trigger.at)

    Schedule(
        [ScheduleTrigger(at="07:30")],
        loop=device,
        on_due=fail,
        wall_clock=device.wall_clock,
        zone=lambda: UTC,
        clock_is_set=lambda: True,
    )
    for _ in range(2):
        with pytest.raises(ValueError, match="07:30"):
            device.turn(DAY_S)
    assert len(device.told) == 2


@given(st.lists(st.tuples(st.floats(0, 900), st.floats(-600, 600)), max_size=12))
def test_whatever_is_done_to_the_clock_it_is_told_once_a_day_and_in_time(course: list[tuple[float, float]]) -> None:
    device = Device("2026-01-05T07:00")
    device.schedule("07:30")
    for seconds, step_s in course:
        device.turn(seconds)
        device.ahead_s += step_s
    days = [told.split()[0] for _, told in device.told]
    assert len(days) == len(set(days))
    for _, told in device.told:
        shown = datetime.strptime(told.split()[1], "%H:%M:%S").replace(tzinfo=UTC)
        late_s = (shown - shown.replace(hour=7, minute=30, second=0)).total_seconds()
        assert 0 <= late_s <= LATE_S


async def test_a_real_loop_and_the_real_clock_will_do() -> None:
    told: asyncio.Queue[ScheduleTrigger] = asyncio.Queue()
    now = datetime.now(tz=UTC).replace(second=0, microsecond=0)
    trigger = ScheduleTrigger(at=f"{now + timedelta(minutes=1):%H:%M}")
    begun_s = asyncio.get_running_loop().time()
    start_s = (now + timedelta(seconds=59.95)).timestamp()
    schedule = Schedule(
        [trigger],
        loop=asyncio.get_running_loop(),
        on_due=told.put_nowait,
        wall_clock=lambda: start_s + asyncio.get_running_loop().time() - begun_s,
        zone=lambda: UTC,
        clock_is_set=lambda: True,
    )
    async with asyncio.timeout(5):
        assert await told.get() is trigger
    schedule.close()
