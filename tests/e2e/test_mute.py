"""Mute: the microphone stays closed whoever asks, until a person opens it again; and the light says so."""

import asyncio
import signal

from device_daemon.audio.sounds import earcon
from scripts.rig.device import Device
from tests.e2e.room import FADE_S, GREETING, Room, voice

SWITCH_PIN = 5
QUICK_HOLD = {"type": "button", "pin": 17, "greeting": "welcome", "hold_s": 0.3}


async def hears_why(room: Room, device: Device, since_s: float) -> None:
    """Check that the sentence about the microphone is heard, and that nothing listens."""
    await room.hears_notice("muted", since_s)
    assert device.state == "muted"
    assert not room.card.microphone_open


async def test_holding_the_button_mutes_over_a_restart_and_a_press_is_told_why(room: Room) -> None:
    async with room.speaker(triggers=[QUICK_HOLD]) as device:
        pushed_s = await device.push()
        await device.enters("muted")
        await device.let_go()
        # The press that became a hold had opened a conversation: it is over, in silence but for the sound of mute.
        assert not room.card.microphone_open
        muted = await room.hears(earcon("muted"), pushed_s)
        hello = room.all_heard(voice(GREETING), pushed_s)
        assert all(room.silent(heard.end_s + FADE_S, muted.start_s) for heard in hello)
        assert (await device.status())["last_conversation"]["ended"] == "the microphone was muted"

    talks = len(room.sessions)
    async with room.speaker(triggers=[QUICK_HOLD]) as device:
        assert device.state == "muted"
        assert (await device.status())["muted"] is True
        pressed_s = await device.press()
        await hears_why(room, device, pressed_s)
        assert "muted" in await device.ask("greet welcome")
        assert "muted" in await device.ask("press")
        captured_s = room.card.captured_until_s

        await device.push()
        await device.enters("idle")
        await device.let_go()
        assert room.card.captured_until_s == captured_s
        assert len(room.sessions) == talks
        await device.press()
        await device.enters("listening")


async def test_mute_ends_a_conversation_by_command(room: Room) -> None:
    async with room.speaker() as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        assert await device.ask("mute on") == "ok: muted"
        muted = await device.enters("muted")
        assert not room.card.microphone_open
        assert room.card.captured_until_s < muted.at_s
        assert room.heard(voice(GREETING), pressed_s).frames < len(voice(GREETING)) // 2
        assert await device.ask("mute on") == "ok: muted"
        assert await device.ask("mute off") == "ok: not muted"
        await device.enters("idle")


async def test_a_short_press_in_which_the_machine_stands_still_is_no_hold(room: Room) -> None:
    async with room.speaker(triggers=[QUICK_HOLD]) as device:
        await device.press()
        device.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.5)  # longer than a hold
        device.process.send_signal(signal.SIGCONT)
        await device.enters("listening")
        assert "muted" not in {entered.state for entered in device.states}


async def test_the_hardware_switch_wins_over_everything(room: Room) -> None:
    environment = {"PINS_LOW": f"{SWITCH_PIN}"}
    async with room.speaker(environment, mute={"switch_pin": SWITCH_PIN}, triggers=[QUICK_HOLD]) as device:
        assert device.state == "muted"
        assert "turn the switch" in await device.ask("mute off")
        pressed_s = await device.press()
        await hears_why(room, device, pressed_s)
        await device.let_go(SWITCH_PIN)
        await device.enters("idle")

        await device.press()
        await device.enters("listening")
        assert room.card.microphone_open
        await device.push(SWITCH_PIN)
        await device.enters("muted")
        assert not room.card.microphone_open
        assert (await device.status())["last_conversation"]["ended"] == "the microphone was muted"
        await device.let_go(SWITCH_PIN)
        await device.enters("idle")


async def test_a_switch_whose_pin_another_program_holds_keeps_the_microphone_off_until_it_can_be_read(
    room: Room,
) -> None:
    environment = {"PINS_BUSY": str(SWITCH_PIN)}
    async with room.speaker(environment, mute={"switch_pin": SWITCH_PIN}, triggers=[QUICK_HOLD]) as device:
        await device.wait_until(lambda: device.state == "muted", "state muted")
        assert "mute switch on pin 5" in (await device.status())["health"]["pins"]["reason"]
        await hears_why(room, device, await device.press())
        await device.free_pin(SWITCH_PIN)
        await device.enters("idle")
        assert (await device.status())["health"]["pins"]["ok"] is True
        pressed_s = await device.press()
        await room.hears(voice(GREETING), pressed_s)
