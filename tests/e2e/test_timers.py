"""Timers and alarms on a whole speaker: they ring with light and sound, with no service, whatever was killed before."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_daemon.audio import sounds
from device_daemon.audio.gain import scaled
from device_daemon.device.ringer import LOUDER_DB, SOFTEST_DB
from device_daemon.localservice.faults import Faults
from device_daemon.localservice.scripted_replies import CallRule, Rule
from device_daemon.system.saved_state import SavedState
from device_daemon.timers import store
from device_daemon.timers.clocks import clocks
from device_daemon.timers.schedule import TimerSchedule
from scripts.rig.card import SimulatedCard
from scripts.rig.device import DEADLINE_S, LED_PIN, Device
from tests.e2e.room import Room, service_for_tests
from tests.e2e.test_tools import LISTENS, listens, results, room_where_the_model_calls

RINGS = [bytes(scaled(sounds.earcon("timer"), 10 ** (db / 20))) for db in range(int(SOFTEST_DB), 1, int(LOUDER_DB))]
"""Each louder than the one before; on a busy machine one of them may have a gap."""


async def remember(room: Room, set_some: Callable[[TimerSchedule], object], **others: Any) -> None:
    """Have a speaker find timers that another run of it had stored."""
    schedule = TimerSchedule(ring_for_s=600.0)
    set_some(schedule)
    saved_state = SavedState(room.folder / "speaker" / "state")
    saved_state.remembered.timers = store.encode(schedule.entries)
    for name, value in others.items():
        setattr(saved_state.remembered, name, value)
    saved_state.save()
    await saved_state.close()


def pasta(span_s: float) -> Callable[[TimerSchedule], object]:
    return lambda schedule: schedule.set_timer("pasta", span_s, clocks()())


async def rings(room: Room, device: Device, after_s: float) -> None:
    def rang() -> bool:
        return any(heard.frames == len(ring) // 2 for ring in RINGS for heard in room.all_heard(ring, after_s))

    await device.enters("ringing")
    await room.until(rang, "ring")


async def is_silent(room: Room, device: Device) -> None:
    """Nothing rings any more, and nothing is left of the ring."""
    await device.enters("idle")
    silent_s = await device.wait_for_silence(time.monotonic() - 0.5)
    assert room.silent(silent_s + 0.05)


async def test_a_timer_rings_with_light_and_sound_with_no_service_and_the_button_stops_it(room: Room) -> None:
    await remember(room, pasta(2.0))
    room.service.faults = Faults(refuse_status=503)
    begun_s = time.monotonic()
    async with room.speaker(sounds={"volume": 100}) as device:
        await rings(room, device, begun_s)
        await device.wait_until(lambda: device.led(LED_PIN) == 1.0, "light")
        lit = [change.level for change in device.changes_of(LED_PIN)]
        assert 1.0 in lit
        await device.press()
        await device.wait_for_log("timer 1: stopped")
        await device.wait_until(lambda: device.state != "ringing", "another state")
        assert (await device.status())["conversation"] is None
        assert await device.ask("timers") == "no timer or alarm is set"


async def test_it_is_stopped_and_snoozed_by_command_and_by_two_presses(room: Room) -> None:
    await remember(room, pasta(1.0))
    begun_s = time.monotonic()
    async with room.speaker(timers={"snooze_s": 10}) as device:
        await rings(room, device, begun_s)
        assert (await device.ask("timers")).endswith("rings now")
        assert await device.ask("snooze") == "ok: pasta: timer of 10 seconds, 10 seconds left"
        await device.enters("idle")
        await device.enters("ringing")
        await device.tap()
        await device.tap()
        await device.wait_for_log("timer 1: snoozed", count=2)
        await device.enters("idle")
        await device.enters("ringing")
        assert await device.ask("stop") == "ok: stopped"
        await is_silent(room, device)
        assert (await device.status())["timers"] == []


async def test_the_muted_microphone_does_not_mute_the_ringing_nor_does_stopping_it_open_the_microphone(
    room: Room,
) -> None:
    await remember(room, pasta(1.0), muted=True)
    begun_s = time.monotonic()
    async with room.speaker() as device:
        await rings(room, device, begun_s)
        await device.push()
        await device.enters("muted")
        assert not room.card.microphone_open
        await device.let_go()
        assert (await device.status())["muted"]


async def test_a_volume_of_nothing_does_not_silence_an_alarm(room: Room) -> None:
    await remember(room, pasta(1.0), volume=0)
    begun_s = time.monotonic()
    async with room.speaker() as device:
        await device.enters("ringing")
        await device.wait_for_sound(begun_s)
        await device.ask("stop")
        await is_silent(room, device)
        assert (await device.status())["volume"] == 0


async def test_during_a_conversation_it_chimes_in_the_pauses_and_a_press_stops_only_that(tmp_path: Path) -> None:
    call = CallRule("set_timer", {"seconds": 3, "name": "pasta"})
    async with room_where_the_model_calls(tmp_path, call) as room, room.speaker(triggers=LISTENS) as device:
        await listens(device)
        asked_s = room.says()
        await room.hears(sounds.earcon("timer"), asked_s)
        assert (await device.status())["conversation"] is not None
        await device.ask("press")
        await device.wait_for_log("timer 1: stopped")
        assert (await device.status())["conversation"] is not None
        await device.ask("stop")
        await is_silent(room, device)


async def test_what_was_missed_while_the_device_was_off_is_told(room: Room) -> None:
    def long_ago(schedule: TimerSchedule) -> None:
        now = clocks()()
        before = type(now)(now.boot_s, "another boot", now.epoch_s - 7200, now.zone)
        schedule.set_timer("pasta", 60.0, before)

    await remember(room, long_ago)
    async with room.speaker() as device:
        await device.wait_for_log("timer 1: missed")
        assert device.state == "idle"
        await device.press()
        await device.enters("listening")
        told = [entry.summary["item"] for entry in room.session.of_type("conversation.item.create")]
        assert "timer pasta" in json.dumps(told)
        await device.ask("stop")
        await device.enters("idle")
        assert await device.ask("timers") == "no timer or alarm is set", "it is told once"


async def test_programs_read_that_it_rings_and_what_became_of_it_without_its_name(tmp_path: Path) -> None:
    call = CallRule("set_timer", {"seconds": 2, "name": "pasta"})
    async with room_where_the_model_calls(tmp_path, call) as room, room.speaker(triggers=LISTENS) as device:
        reader, writer = await asyncio.open_unix_connection(device.socket)
        writer.write(b"subscribe\n")
        lines: list[bytes] = []

        async def read_until(kind: str) -> dict[str, Any]:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    lines.append(await reader.readline())
                    event: dict[str, Any] = json.loads(lines[-1])
                    if event["event"] == kind:
                        return event

        await listens(device)
        room.says()
        await read_until("timer-set")
        finished = await read_until("timer-finished")
        assert (finished["timer"], finished["kind"]) == (1, "timer")
        await device.ask("stop")
        assert (await read_until("timer-stopped"))["how"] == "stopped"
        assert b"pasta" not in b"".join(lines)
        writer.close()
        await writer.wait_closed()


# By voice


async def is_asked_for_and_killed(room: Room) -> None:
    async with room.speaker(triggers=LISTENS) as device:
        await listens(device)
        room.says()
        assert await results(room) == ["set: pasta: timer of 8 seconds, 8 seconds left"]
        device.process.kill()
        await device.process.wait()


async def test_a_timer_set_by_voice_survives_kill_9_and_rings_with_the_service_gone(tmp_path: Path) -> None:
    async with room_where_the_model_calls(tmp_path, CallRule("set_timer", {"seconds": 8, "name": "pasta"})) as room:
        with pytest.raises(AssertionError, match=f"ended with -{signal.SIGKILL:d}"):
            await is_asked_for_and_killed(room)
        await room.service.stop()
        again_s = time.monotonic()
        async with room.speaker() as device:
            await rings(room, device, again_s)
            assert (await device.status())["failure"], "the service is gone"
            await device.press()
            await device.wait_for_log("timer 1: stopped")


async def test_timers_are_changed_listed_cancelled_and_snoozed_by_voice(tmp_path: Path) -> None:
    calls = (
        CallRule("set_timer", {"minutes": 10, "name": "pasta"}),
        CallRule("change_timer", {"name": "pasta", "minutes": 2, "add": True}),
        CallRule("set_timer", {"hours": 1}),
        CallRule("cancel_timer", {"name": "pasta"}),
        CallRule("snooze", {"minutes": 5}),
        CallRule("list_timers", {}),
    )
    async with room_where_the_model_calls(tmp_path, *calls) as room, room.speaker(triggers=LISTENS) as device:
        await listens(device)
        room.says()
        outputs = await results(room, len(calls))
        assert outputs[1].startswith("set: pasta: timer of 12 minutes")
        assert outputs[2].startswith("set: timer 2: timer of 1 hour")
        assert outputs[3:5] == ["cancelled: pasta", "error: nothing rings"]
        assert outputs[5].startswith("timer 2: timer of 1 hour, ")
        assert "pasta" not in outputs[5]


async def test_somebody_who_says_stop_is_obeyed_in_the_conversation(tmp_path: Path) -> None:
    service = service_for_tests(
        Rule(after="speech", turn=1, call=[CallRule("set_timer", {"seconds": 2, "name": "pasta"})]),
        Rule(after="speech", call=[CallRule("stop_ringing", {})]),
        Rule(after="result", say="there you are"),
    )
    await service.start()
    room = Room(tmp_path, SimulatedCard(tmp_path / "card", history_s=120.0), service)
    async with room.speaker(triggers=LISTENS) as device:
        await listens(device)
        room.says()
        await device.wait_for_log("timer 1: rings")
        room.says()
        assert (await results(room, 2))[1] == "stopped: pasta"
        await device.ask("stop")
        await is_silent(room, device)
    await service.stop()


async def is_killed_while_it_rings(room: Room) -> None:
    async with room.speaker() as device:
        await device.enters("ringing")
        device.process.kill()
        await device.process.wait()


async def test_a_timer_that_rings_when_the_speaker_is_killed_rings_again_when_it_is_back(room: Room) -> None:
    await remember(room, pasta(1.0))
    with pytest.raises(AssertionError, match=f"ended with -{signal.SIGKILL:d}"):
        await is_killed_while_it_rings(room)
    again_s = time.monotonic()
    async with room.speaker(at_rest=False) as device:
        await rings(room, device, again_s)
        await device.ask("stop")
        await is_silent(room, device)
