"""Limits of use on a complete speaker, which also writes its figures."""

from __future__ import annotations

from tests.e2e.room import Room

LIMITS = {"conversations_per_hour": 1}


async def test_beyond_the_limit_a_press_hears_why_also_after_a_restart_and_the_figures_count_it(room: Room) -> None:
    figures = room.folder / "speaker.prom"
    async with room.speaker(limits=LIMITS, metrics={"textfile": str(figures)}) as device:
        await device.press()
        await device.enters("listening")
        assert await device.ask("stop") == "ok: stopped"
        await device.enters("idle")
        pressed_s = await device.press()
        await room.hears_notice("limit", pressed_s)
        assert (await device.ask("say hello")).startswith("error: limits.conversations_per_hour: 1 were held")
    assert b"voicelive_speaker_state" in figures.read_bytes()
    async with room.speaker(limits=LIMITS) as device:
        pressed_s = await device.press()
        await room.hears_notice("limit", pressed_s)
    assert len(room.sessions) == 1
