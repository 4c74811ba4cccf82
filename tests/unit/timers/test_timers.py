"""Timers as they run: woken in time, stored at once, and told to whoever asked."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from device_daemon.config.settings import TimerSettings
from device_daemon.system.saved_state import SavedState
from device_daemon.timers.clocks import clocks as device_clocks
from device_daemon.timers.schedule import How, TimerRefused
from device_daemon.timers.timers import Timers
from tests.unit.timers.clocks import Clocks


class Device:
    """What is remembered in a folder, and timers that were started from it."""

    def __init__(self, folder: Path, clocks: Clocks) -> None:
        self.saved_state = SavedState(folder)
        self.timers = Timers(TimerSettings(), self.saved_state, loop=clocks, now=clocks.now)
        self.seen: list[tuple[How, str]] = []
        self.timers.on_changes = lambda changes: self.seen.extend((each.how, each.entry.name) for each in changes)
        self.timers.start()


async def test_a_timer_rings_to_the_second_and_whoever_listens_hears_of_each_step(tmp_path: Path) -> None:
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    clocks.pass_by(7.3)
    device.timers.set_timer("pasta", 125.0)
    clocks.pass_by(124.9)
    assert not device.timers.ringing
    clocks.pass_by(0.2)
    assert device.timers.ringing
    device.timers.snooze()
    device.timers.cancel("pasta")
    assert [how for how, _ in device.seen] == [How.SET, How.RINGS, How.SNOOZED, How.CANCELLED]


async def test_a_device_without_timers_is_not_woken(tmp_path: Path) -> None:
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    clocks.pass_by(0.0)
    assert clocks.wake_ups == 1
    clocks.pass_by(3600.0)
    assert clocks.wake_ups == 1
    device.timers.set_timer("pasta", 60.0)
    clocks.pass_by(60.0)
    assert device.timers.ringing


async def test_a_step_of_the_clock_over_an_alarm_is_noticed_within_half_a_minute(tmp_path: Path) -> None:
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    device.timers.set_alarm("up", "09:00", None, None)
    clocks.step(2 * 3600)
    clocks.pass_by(30.0)
    assert device.timers.ringing


async def test_what_is_set_is_on_the_disk_when_it_is_said_to_be_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    device.timers.set_timer("pasta", 600.0)
    assert await device.timers.stored()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    # kill -9: nothing of the first one is asked again
    clocks.pass_by(100.0)
    assert Device(tmp_path, clocks).timers.lines() == ["pasta: timer of 10 minutes, 8 minutes 20 seconds left"]


async def test_the_right_due_time_is_stored_when_the_clock_is_set(tmp_path: Path) -> None:
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    device.timers.set_timer("pasta", 600.0)
    clocks.step(5 * 86_400)
    clocks.pass_by(60.0)
    assert await device.timers.stored()
    clocks.power_cut(40.0)
    again = Device(tmp_path, clocks)
    clocks.pass_by(0.0)
    assert again.timers.lines() == ["pasta: timer of 10 minutes, 8 minutes 20 seconds left"]


async def test_a_damaged_timer_loses_only_itself_with_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    for name in ("pasta", "eggs"):
        device.timers.set_timer(name, 600.0)
    assert await device.timers.stored()
    (file,) = tmp_path.iterdir()
    content = json.loads(file.read_text())
    content["timers"][0]["countdown"]["span_s"] = "ten"
    file.write_text(json.dumps(content))
    assert [line.partition(":")[0] for line in Device(tmp_path, clocks).timers.lines()] == ["eggs"]
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "1 timers or alarms in the state file are damaged, so dropped; set them again"
    ]


async def test_a_name_that_somebody_said_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    device.timers.set_timer("secret", 600.0)
    clocks.pass_by(2000.0)
    assert "timer 1: missed" in caplog.text
    assert "secret" not in caplog.text


async def test_what_was_missed_is_news_until_somebody_was_told_over_restarts_too(tmp_path: Path) -> None:
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    assert not device.timers.news()
    device.timers.set_timer("pasta", 60.0)
    clocks.pass_by(700.0)
    assert await device.timers.stored()
    again = Device(tmp_path, clocks)
    assert "timer pasta, Mon 05 Jan 07:01." in again.timers.news()
    again.timers.forget_missed()
    assert await again.timers.stored()
    assert not Device(tmp_path, clocks).timers.news()


async def test_a_disk_that_takes_nothing_is_said_and_the_timer_runs(tmp_path: Path) -> None:
    clocks = Clocks()

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    saved_state = SavedState(tmp_path, write=full)
    timers = Timers(TimerSettings(), saved_state, loop=clocks, now=clocks.now)
    timers.start()
    timers.set_timer("pasta", 60.0)
    assert not await timers.stored()
    clocks.pass_by(60.0)
    assert timers.ringing


async def test_nothing_rings_after_close_and_what_was_set_rings_with_the_next_config(tmp_path: Path) -> None:
    clocks = Clocks()
    device = Device(tmp_path, clocks)
    device.timers.set_timer("pasta", 60.0)
    device.timers.close()
    clocks.pass_by(70.0)
    assert not device.timers.ringing
    assert await device.timers.stored()
    again = Device(tmp_path, clocks)
    clocks.pass_by(0.1)
    assert again.timers.ringing


async def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    device = Device(tmp_path, Clocks())
    with pytest.raises(TimerRefused):
        device.timers.snooze()
    with pytest.raises(TimerRefused):
        device.timers.set_timer("pasta", 0.0)
    assert device.seen == []
    assert device.timers.lines() == []


def test_this_machines_clocks_are_read(tmp_path: Path) -> None:
    now = device_clocks()
    first, second = now(), now()
    assert first.boot_id == second.boot_id
    assert first.boot_s <= second.boot_s
    unknown = device_clocks(tmp_path / "boot_id")
    assert unknown().boot_id == unknown().boot_id != device_clocks(tmp_path / "boot_id")().boot_id
