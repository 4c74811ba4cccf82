"""The microphone is open only while a light says so, and what was said stays out of the log."""

from itertools import pairwise
from pathlib import Path

from scripts.rig.device import KEY, LED_PIN, Device
from tests.e2e.room import ANSWER, GREETING, RATE_HZ, Room


async def asked(room: Room, device: Device) -> None:
    """A conversation with a question and an answer, to the end of the answer."""
    await device.press()
    await device.enters("listening")
    room.says()
    await device.enters("speaking")
    await device.enters("listening")


async def test_the_microphone_is_open_only_while_the_light_says_so(room: Room) -> None:
    never_s = room.card.captured_until_s
    async with room.speaker() as device:
        await device.wait_until(lambda: device.led() == 0.0, "darkness")
        assert not room.card.microphone_open
        await device.ask("say dinner is ready")
        await device.enters("greeting")
        await device.enters("idle")
        assert room.card.captured_until_s == never_s, "an announcement listens to nobody"

        await asked(room, device)
        await device.wait_until(lambda: device.led() == 1.0, "light")
        assert room.card.microphone_running
        await device.ask("stop")
        await device.enters("idle")
        assert not room.card.microphone_open
        await device.wait_until(lambda: device.led() == 0.0, "darkness")
        assert room.card.captured_until_s <= device.changes_of(LED_PIN)[-1].at_s


async def test_what_was_said_is_logged_only_where_the_owner_wants_it_and_the_key_never(room: Room) -> None:
    service = {"endpoint": room.service.endpoint, "model": "gpt-realtime", "transcription": True}
    key_file = room.folder / "key"
    key_file.write_text(f"{KEY}\n")
    nowhere = {"AZURE_VOICELIVE_API_KEY": ""}
    logs = []
    for wanted in (False, True):
        async with room.speaker(
            nowhere,
            service=service | {"api_key_file": str(key_file)},
            privacy={"log_transcripts": wanted},
            greetings={"welcome": {"say": "hello there"}},
        ) as device:
            await asked(room, device)
        logs.append("\n".join(device.log))
        assert not any(KEY in path.read_text() for path in left_behind(room.folder / "speaker"))
    quiet, talkative = logs
    for words in ("hello there", ANSWER, "speech"):
        assert words not in quiet
        assert words in talkative
    assert GREETING not in talkative


def left_behind(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_no_sound_of_a_time_in_which_the_light_says_that_nobody_listens_is_sent(room: Room) -> None:
    lit = dict.fromkeys(("connecting", "greeting", "listening", "thinking", "speaking"), "on")
    lights = [{"type": "led", "pin": LED_PIN, "patterns": lit | {"muted": "off"}}]
    async with room.speaker(lights=lights) as device:
        since_s = room.card.time_of(room.card.now_frame())
        room.hisses(30.0)
        await asked(room, device)
        await device.ask("mute on")
        await device.enters("muted")
        ((start_s, frames),) = room.traced(since_s)
        await device.ask("say dinner is ready")
        await device.enters("greeting")
        await device.enters("muted")
        changes = [change for change in device.changes_of(LED_PIN) if change.at_s > since_s]
        listens, announces = [(on.at_s, off.at_s) for on, off in pairwise(changes) if on.level]
        assert listens[0] <= start_s
        assert start_s + frames / RATE_HZ <= listens[1] < announces[0]
        assert room.session.received_frames == 0, "an announcement listens to nobody"
