"""A cough over the speaker: it falls silent, nobody says anything, and what it was saying is heard to its end."""

from device_daemon.localservice.faults import Faults, Moment
from scripts.rig.device import Device
from tests.e2e.room import ANSWER, PERIOD_MS, RATE_HZ, SPEECH, Room, voice

COUGH_FRAMES = RATE_HZ * 200 // 1000
HEARS_NO_TURN = {"type": "azure_semantic_vad", "silence_duration_ms": 200, "create_response": False}


async def goes_on(room: Room, device: Device, sound: bytes, since_s: float) -> None:
    """Check that a sound is cut off, and goes on from there to its end, without a sample lost or much said twice."""
    told = await room.service.wait_for("conversation.item.truncated")
    first = room.heard(sound, since_s)
    assert 0 < first.frames < len(sound) // 2
    rest = sound[told.summary["audio_end_ms"] * RATE_HZ // 1000 * 2 :]
    assert len(sound) - len(rest) <= first.frames * 2, "nothing is left out"
    assert len(sound) - len(rest) >= first.frames * 2 - PERIOD_MS * RATE_HZ // 1000 * 2, "nothing is said twice"
    second = await room.hears(rest, first.end_s)
    assert room.silent(first.end_s + 0.005, second.start_s)
    await device.enters("listening")
    await room.until(lambda: "system" in _roles(room), "message about what was heard")
    assert room.silent(second.end_s)


def _roles(room: Room) -> list[str]:
    """The roles of the messages that the speaker added to the conversation."""
    added = [message.summary.get("item", {}) for message in room.session.of_type("conversation.item.create")]
    return [str(item.get("role")) for item in added]


async def test_after_a_cough_the_greeting_is_heard_to_its_end(room: Room) -> None:
    greetings = {"welcome": {"say": SPEECH}}
    async with room.speaker(greetings=greetings, service={"turn_detection": HEARS_NO_TURN}) as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        room.card.say(voice("cough cough", "person", peak=12_000)[: COUGH_FRAMES * 2])
        await goes_on(room, device, voice(SPEECH), pressed_s)


async def test_after_a_door_slammed_the_answer_is_heard_to_its_end(room: Room) -> None:
    async with room.speaker() as device:
        await device.press()
        await device.enters("listening")
        # What the service takes for speech, and then not.
        room.service.faults = Faults(
            at_response=2, phantom_speech_at=Moment.RESPONSE_DONE, phantom_speech_ms=200, delta_ms=100, speed=4.0
        )
        asked_s = room.says()
        await device.enters("speaking")
        await goes_on(room, device, voice(ANSWER), asked_s)


async def test_where_the_config_says_so_it_stays_silent(room: Room) -> None:
    greetings = {"welcome": {"say": SPEECH}}
    async with room.speaker(
        greetings=greetings,
        service={"turn_detection": HEARS_NO_TURN},
        conversation={"resume_after_false_interruption": False, "idle_timeout_s": 2},
    ) as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        room.card.say(voice("cough cough", "person", peak=12_000)[: COUGH_FRAMES * 2])
        await room.service.wait_for("conversation.item.truncated")
        silent_s = room.heard(voice(SPEECH), pressed_s).end_s + 0.005
        await device.enters("idle")
        assert room.silent(silent_s)
