"""What the model can do with timers and alarms, and what it is told."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from device_daemon.config.settings import TimerSettings
from device_daemon.system.saved_state import SavedState
from device_daemon.timers.timers import Timers
from device_daemon.tools.timers import timer_tools
from device_daemon.tools.toolbox import Toolbox
from tests.unit.timers.clocks import Clocks


class Kitchen:
    """A toolbox with timers, by a clock that is turned by hand."""

    def __init__(self, folder: Path) -> None:
        self.clocks = Clocks("2026-01-05T18:00")
        self.timers = Timers(TimerSettings(), SavedState(folder), loop=self.clocks, now=self.clocks.now)
        self.timers.start()
        self.toolbox = Toolbox(timer_tools(self.timers))

    async def call(self, tool: str, /, **arguments: Any) -> str:
        return await self.toolbox.call(tool, json.dumps(arguments))


@pytest.fixture
async def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


async def test_several_timers_are_set_asked_for_changed_and_cancelled(kitchen: Kitchen) -> None:
    assert await kitchen.call("list_timers") == "no timer or alarm is set"
    assert await kitchen.call("set_timer", minutes=10, name="pasta") == (
        "set: pasta: timer of 10 minutes, 10 minutes left"
    )
    await kitchen.call("set_timer", hours=1, minutes=30)
    kitchen.clocks.pass_by(200)
    assert (await kitchen.call("list_timers")).splitlines() == [
        "pasta: timer of 10 minutes, 6 minutes 40 seconds left",
        "timer 2: timer of 1 hour 30 minutes, 1 hour 26 minutes 40 seconds left",
    ]
    changed = await kitchen.call("change_timer", name="pasta", minutes=-2, add=True)
    assert changed == "set: pasta: timer of 4 minutes 40 seconds, 4 minutes 40 seconds left"
    assert await kitchen.call("cancel_timer", name="timer 2") == "cancelled: timer 2"
    assert await kitchen.call("cancel_timer", name="timer 2") == (
        "error: there is no timer or alarm timer 2; there are: pasta"
    )


async def test_what_rings_is_listed_stopped_and_snoozed(kitchen: Kitchen) -> None:
    await kitchen.call("set_timer", seconds=5, name="tea")
    assert await kitchen.call("stop_ringing") == "nothing rings"
    kitchen.clocks.pass_by(6)
    assert await kitchen.call("list_timers") == "tea: timer of 5 seconds, rings now"
    assert await kitchen.call("snooze", minutes=2) == "rings again later: tea"
    kitchen.clocks.pass_by(120)
    assert await kitchen.call("stop_ringing") == "stopped: tea"
    assert not kitchen.timers.ringing


async def test_alarms_ring_once_on_a_day_or_every_week(kitchen: Kitchen) -> None:
    assert await kitchen.call("set_alarm", time="07:30") == "set: alarm 1: alarm at 07:30, next on Tue 06 Jan 07:30"
    assert await kitchen.call("set_alarm", time="06:00", days="weekdays", name="work") == (
        "set: work: alarm at 06:00 mon-fri, next on Tue 06 Jan 06:00"
    )
    assert await kitchen.call("set_alarm", time="09:00", day="2026-01-10", name="train") == (
        "set: train: alarm at 09:00, next on Sat 10 Jan 09:00"
    )


async def test_what_was_missed_is_told_once(kitchen: Kitchen) -> None:
    await kitchen.call("set_timer", seconds=5, name="tea")
    kitchen.clocks.pass_by(3600)
    assert await kitchen.call("list_timers") == "missed: timer tea, Mon 05 Jan 18:00"
    assert await kitchen.call("list_timers") == "no timer or alarm is set"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("set_timer", {}, "at least a second"),
        ("set_timer", {"minutes": 100_000}, "minutes must be at most"),
        ("set_timer", {"minutes": "ten"}, "minutes must be of type integer"),
        ("set_alarm", {"time": "7:30 pm"}, "time must match"),
        ("set_alarm", {"time": "07:30", "days": "whenever"}, "allowed: daily, or days and ranges"),
        ("set_alarm", {"time": "07:30", "day": "tomorrow"}, "allowed: a date such as 2026-12-24"),
        ("set_alarm", {"time": "07:30", "day": "2026-01-01"}, "are past"),
        ("set_alarm", {"time": "07:30", "day": "9999-12-31"}, "a year ahead at most"),
        ("set_alarm", {"time": "07:30", "day": "2026-01-08", "days": "mon"}, "give only one of them"),
        ("change_timer", {"name": "tea", "minutes": 1}, "there is no timer or alarm tea"),
        ("snooze", {}, "nothing rings"),
    ],
)
async def test_what_does_not_work_is_a_sentence_for_the_model(
    kitchen: Kitchen, tool: str, arguments: dict[str, Any], said: str
) -> None:
    answer = await kitchen.call(tool, **arguments)
    assert answer.startswith("error: ")
    assert said in answer
    assert kitchen.timers.lines() == []


async def test_what_somebody_said_is_not_logged_though_it_was_refused(
    kitchen: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await kitchen.call("set_timer", minutes=5, name="secret")
    await kitchen.call("set_timer", minutes=5, name="secret")
    await kitchen.call("cancel_timer", name="another secret")
    await kitchen.call("set_alarm", time="07:30", days="secret")
    assert "tool cancel_timer: it refused" in caplog.text
    assert "secret" not in caplog.text


async def test_the_model_is_told_if_a_power_cut_would_lose_a_timer(tmp_path: Path) -> None:
    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    clocks = Clocks()
    timers = Timers(TimerSettings(), SavedState(tmp_path, write=full), loop=clocks, now=clocks.now)
    answer = await Toolbox(timer_tools(timers)).call("set_timer", '{"minutes": 1}')
    assert answer.endswith("it could not be stored, so a power cut would lose it")
