"""How conversations end, and the daemon: in silence, in the dark, and with the microphone closed."""

import time

import pytest

from device_daemon.localservice.faults import Faults, Moment
from scripts.rig.device import LED_PIN, Device
from tests.e2e.room import ANSWER, FADE_S, GREETING, PERIOD_MS, SPEECH, Room, voice

HELLO = voice(GREETING)


async def ended(device: Device) -> str:
    """How the conversation ended that is over now."""
    await device.enters("idle")
    await device.wait_until(lambda: device.led() == 0.0, "darkness")
    status = await device.status()
    assert status["conversation"] is None
    return str(status["last_conversation"]["ended"])


async def test_when_nobody_speaks_it_ends_counted_from_the_last_sound_that_was_heard(room: Room) -> None:
    async with room.speaker(conversation={"idle_timeout_s": 0.5}) as device:
        room.service.faults = Faults(speed=0)  # the whole greeting is there at once, a second before it was heard
        pressed_s = await device.press()
        assert await ended(device) == "nobody spoke"
        heard = room.heard(HELLO, pressed_s)
        assert heard.frames == len(HELLO) // 2
        assert device.changes_of(LED_PIN)[-1].at_s >= heard.end_s + 0.5 - PERIOD_MS / 1000
        assert not room.card.microphone_open

        # What the person says, and the answer to it, put the end off.
        asked_s = await device.press()
        await device.enters("listening")
        room.says()
        await device.enters("speaking")
        assert await ended(device) == "nobody spoke"
        reply = room.heard(voice(ANSWER), asked_s)
        assert reply.frames == len(voice(ANSWER)) // 2
        assert device.changes_of(LED_PIN)[-1].at_s >= reply.end_s + 0.5 - PERIOD_MS / 1000


async def test_the_longest_duration_ends_it_in_the_middle_of_a_word(room: Room) -> None:
    greeting = f"{SPEECH} and {SPEECH}"
    longest = {"max_duration_s": 2.0}
    async with room.speaker(conversation=longest, greetings={"welcome": {"say": greeting}}) as device:
        pressed_s = await device.press()
        assert await ended(device) == "the longest duration was reached"
        heard = room.heard(voice(greeting), pressed_s)
        assert 0 < heard.frames < len(voice(greeting)) // 2
        assert room.silent(heard.end_s + FADE_S)


async def test_stop_and_the_button_end_it_and_the_next_press_begins_anew(room: Room) -> None:
    async with room.speaker() as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        assert await device.ask("stop") == "ok: stopped"
        assert await ended(device) == "it was stopped"
        assert room.silent(room.heard(HELLO, pressed_s).end_s + FADE_S)

        await device.press()
        await device.enters("listening")
        await device.press()
        assert await ended(device) == "the button was pressed"

        await room.until(lambda: all(session.closed_s for session in room.sessions), "the closing handshake")
        assert [session.close_code for session in room.sessions] == [1000, 1000]
        assert "there was no conversation" in await device.ask("stop")


async def test_a_session_that_the_service_closes_in_good_order_ends_no_conversation(room: Room) -> None:
    async with room.speaker() as device:
        await room.probed()
        room.service.faults = Faults(
            first_connections=1, close_at=Moment.RESPONSE_DONE, close_code=1000, close_reason="bye"
        )
        await device.press()
        await device.wait_for_log("ended the session (1000): bye")
        await device.enters("listening")
        assert len(room.sessions) == 2
        await device.ask("stop")
        await device.enters("idle")
        assert (await device.status())["last_conversation"]["reconnects"] == 1


@pytest.mark.parametrize("state", ["idle", "connecting", "greeting", "listening", "thinking", "speaking"])
async def test_sigterm_ends_the_daemon_in_good_order(room: Room, state: str) -> None:
    async with room.speaker() as device:
        await room.probed()
        if state == "connecting":
            room.service.faults = Faults(no_session_updated=True)
        if state != "idle":
            await device.press()
        if state in {"thinking", "speaking"}:
            await device.enters("listening")
            room.service.faults = Faults(think_ms=10_000 if state == "thinking" else 0)
            room.says()
        if state == "connecting":
            await room.service.wait_for("session.update")
        elif state != "idle":
            await device.enters(state)
        stopped_s = time.monotonic()
    # What room.speaker checks: it exits with 0, no light is on, both directions of the card are closed.
    assert device.log[-1].endswith("stopped")
    assert room.silent(stopped_s + 1.0)
    if state != "idle":
        await room.until(lambda: room.session.closed_s is not None, "end of the session")
        assert room.session.close_code == 1000
