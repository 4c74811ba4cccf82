"""The built-in tools, each with the device at its edge: what the model is told, and what the device does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from device_daemon.config.settings import BUILTIN_TOOLS
from device_daemon.timers.timers import Timers
from device_daemon.tools.builtin import builtin_tools
from device_daemon.tools.toolbox import Toolbox

BERLIN = ZoneInfo("Europe/Berlin")
NO_TIMERS = cast("Timers", None)
"""They have tests of their own."""
NOON = datetime(2026, 11, 29, 12, 5, tzinfo=BERLIN)


class FakeDevice:
    """The device as the tools see it."""

    def __init__(self) -> None:
        self.volume = 50
        self.clock_is_set = True
        self.muted = self.said_goodbye = False
        self.answer = b""
        self.repeated = b""
        self.facts: dict[str, str] = {}
        self.saved = 0
        self.parts: dict[str, dict[str, Any]] = {"service": {"ok": True}}

    def set_volume(self, percent: int) -> str:
        self.volume = percent
        return ""

    def mute(self, *, on: bool) -> str:
        self.muted = on
        return ""

    def say_goodbye(self) -> None:
        self.said_goodbye = True

    def last_answer(self) -> bytes:
        return self.answer

    def repeat(self, pcm: bytes) -> None:
        self.repeated = pcm

    def save_facts(self) -> None:
        self.saved += 1

    def status(self) -> dict[str, Any]:
        return {"hostname": "kitchen", "version": "1.2", "volume": 50, "up_s": 7300.0, "health": self.parts}


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


async def call(device: FakeDevice, name: str, **arguments: Any) -> str:
    return await Toolbox(builtin_tools(BUILTIN_TOOLS, device, NO_TIMERS, now=lambda: NOON)).call(
        name, json.dumps(arguments)
    )


async def test_the_time_is_the_devices_own_or_that_of_another_place(device: FakeDevice) -> None:
    assert await call(device, "get_time") == "Sunday, 29 November 2026, 12:05 (UTC+0100)"
    assert await call(device, "get_time", time_zone="Asia/Tokyo") == "Sunday, 29 November 2026, 20:05 (UTC+0900)"


@pytest.mark.parametrize("zone", ["Berlin", "../../etc/passwd", "/etc/passwd", "Europe", "\0"])
async def test_what_is_no_time_zone_is_an_error(device: FakeDevice, zone: str) -> None:
    assert (await call(device, "get_time", time_zone=zone)).startswith("error: there is no time zone")


async def test_a_clock_that_is_not_set_tells_no_time(device: FakeDevice) -> None:
    device.clock_is_set = False
    assert "not set" in await call(device, "get_time")


async def test_the_volume_is_set_to_a_value(device: FakeDevice) -> None:
    assert await call(device, "set_volume", percent=30) == "the volume is 30 per cent now"
    assert await call(device, "get_volume") == "the volume is 30 per cent"
    assert (await call(device, "set_volume", percent=130)).startswith("error: ")
    assert device.volume == 30


@pytest.mark.parametrize(
    ("before", "direction", "step", "after"),
    [(50, "up", 10, 60), (95, "up", 10, 100), (50, "down", 20, 30), (8, "down", 10, 5), (3, "down", 10, 3)],
)
async def test_louder_and_quieter_end_before_silence(
    device: FakeDevice, before: int, direction: str, step: int, after: int
) -> None:
    device.volume = before
    await call(device, "change_volume", direction=direction, percent=step)
    assert device.volume == after


async def test_mute_closes_the_microphone_and_nothing_opens_it(device: FakeDevice) -> None:
    await call(device, "mute_microphone")
    assert device.muted
    names = [tool.name for tool in builtin_tools(BUILTIN_TOOLS, device, NO_TIMERS)]
    assert not any("unmute" in name for name in names)


async def test_goodbye_ends_the_conversation_after_a_farewell(device: FakeDevice) -> None:
    assert "farewell" in await call(device, "end_conversation")
    assert device.said_goodbye


async def test_the_last_answer_is_played_again_and_slower_takes_longer(device: FakeDevice) -> None:
    assert (await call(device, "repeat_answer")).startswith("error: there is no answer")
    device.answer = bytes(range(250)) * 400
    await call(device, "repeat_answer")
    assert device.repeated == device.answer
    await call(device, "repeat_answer", speed="slower")
    assert len(device.repeated) > len(device.answer) * 1.2


async def test_a_fact_is_kept_recalled_and_forgotten(device: FakeDevice) -> None:
    assert await call(device, "recall") == "nothing is remembered"
    await call(device, "remember", what=" Name ", text="Anna")
    await call(device, "remember", what="bin day", text="on\nTuesdays")
    assert device.facts == {"name": "Anna", "bin day": "on Tuesdays"}
    assert await call(device, "recall") == "name: Anna; bin day: on Tuesdays"
    assert "there are: name, bin day" in await call(device, "forget", what="age")
    assert await call(device, "forget", what="Bin  day") == "forgotten: bin day"
    assert await call(device, "forget", what="everything") == "forgotten: name"
    assert device.saved == 4


async def test_only_so_many_facts_are_kept_but_each_can_be_changed(device: FakeDevice) -> None:
    device.facts = {f"fact {number}": "x" for number in range(50)}
    assert (await call(device, "remember", what="one more", text="x")).startswith("error: 50 facts")
    assert (await call(device, "remember", what="fact 3", text="y")).startswith("remembered")


async def test_the_status_names_what_does_not_work_and_no_figures(device: FakeDevice) -> None:
    assert await call(device, "get_device_status") == (
        "this is kitchen, voicelive-speaker 1.2; volume 50 per cent; running for 2 hours; all parts work"
    )
    device.parts["disk"] = {"ok": False, "reason": "no space"}
    assert "disk does not work: no space" in await call(device, "get_device_status")


def test_a_group_that_is_left_out_has_no_tools(device: FakeDevice) -> None:
    assert {tool.group for tool in builtin_tools(["volume", "time"], device, NO_TIMERS)} == {"time", "volume"}
    assert builtin_tools([], device, NO_TIMERS) == []


def test_each_tool_and_each_of_its_arguments_is_described_to_the_model(device: FakeDevice) -> None:
    for tool in builtin_tools(BUILTIN_TOOLS, device, NO_TIMERS, now=lambda: datetime.now(UTC)):
        assert tool.description.endswith(".")
        assert all(each.get("description") for each in tool.parameters["properties"].values()), tool.name
