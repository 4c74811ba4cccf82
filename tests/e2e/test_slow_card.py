"""A card whose driver takes its time: everything else goes on, it is reported, and nobody waits for it at the end."""

from __future__ import annotations

import time

from tests.e2e.room import GREETING, Room, voice

AT_ONCE_S = 1.5
SLOW_MS = 6_000
HELLO = voice(GREETING)


async def test_while_a_card_is_being_opened_status_is_answered_the_light_shows_it_and_sigterm_is_obeyed(
    room: Room,
) -> None:
    room.card.be_slow(open_ms=4 * SLOW_MS)
    async with room.speaker() as device:
        asked_s = time.monotonic()
        await device.status()
        assert time.monotonic() - asked_s < AT_ONCE_S
        await device.wait_for_log("does not answer: it has been opening for 3 s")
        await device.enters("error")
        asked_s = time.monotonic()
        assert "does not answer" in (await device.status())["failure"]
        assert time.monotonic() - asked_s < AT_ONCE_S
        ended_s = time.monotonic()
        device.process.terminate()
        await device.process.wait()
        assert time.monotonic() - ended_s < 2.0
    assert room.card.captured_until_s <= ended_s


async def test_a_card_that_takes_one_and_a_half_seconds_each_time_greets_without_a_gap_and_listens(room: Room) -> None:
    room.card.be_slow(open_ms=1_500)
    async with room.speaker() as device:
        await device.wait_for_log("speaker default: ")
        pressed_s = await device.press()
        await device.enters("listening")
        assert room.heard(HELLO, pressed_s).frames == len(HELLO) // 2
        await device.wait_for_log("microphone default: ")
        await device.ask("stop")
        await device.enters("idle")
