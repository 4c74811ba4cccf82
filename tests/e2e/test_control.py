"""The control socket: announcements, greetings by name, volume, status; and one daemon only."""

import asyncio
import json
import os
import sys
import time

import numpy as np

from device_daemon.audio.pcm import volume_gain
from device_daemon.localservice.faults import NONE, Faults
from tests.e2e.room import GREETING, Room, voice


async def test_an_announcement_is_heard_word_for_word_and_nobody_is_listened_to(room: Room) -> None:
    async with room.speaker() as device:
        before_s = room.card.captured_until_s
        asked_s = time.monotonic()
        announced = ("dinner is ready come to the table", "not so fast")
        answers = await asyncio.gather(*(device.ask(f"say {words}") for words in announced))
        assert answers == ["ok: said", "ok: said"]
        for words in announced:
            sound = voice(words)
            assert room.heard(sound, asked_s).frames == len(sound) // 2
        assert room.card.captured_until_s == before_s
        assert not room.card.microphone_open
        assert "input_audio_buffer.append" not in room.session.types("in")
        assert "1000 characters" in await device.ask("say " + "la " * 400)


async def test_what_an_announcement_failed_at_is_its_answer(room: Room) -> None:
    async with room.speaker() as device:
        room.service.faults = Faults(text_responses=True)
        answer = await device.ask("say dinner is ready")
        assert answer.startswith("error: it was not said: ")
        assert "without sound" in answer
        room.service.faults = NONE
        asked_s = time.monotonic()
        answering = asyncio.create_task(device.ask("say --listen shall we wait for you at the table"))
        await room.sounds(asked_s)
        await device.ask("stop")
        assert await answering == "error: it was not said: it was stopped"


async def test_greetings_by_name_press_and_hold_do_what_the_button_does(room: Room) -> None:
    async with room.speaker() as device:
        answer = await device.ask("greet nobody")
        assert answer == "error: there is no greeting 'nobody' in the config; there are: welcome, none"
        assert (await device.ask("greet welcome")).startswith("ok")
        await device.enters("greeting")
        assert await device.ask("press") == "ok: listening"
        await device.ask("press")
        await device.enters("idle")
        assert await device.ask("again") == "error: there is no answer to repeat"
        assert await device.ask("hold") == "ok: muted"
        await device.enters("muted")
        assert await device.ask("hold") == "ok: not muted"
        await device.enters("idle")
        assert "unknown command" in await device.ask("sing")
        assert await device.ask("") == "error: the request is empty"


async def test_the_volume_is_heard_and_kept_over_a_restart(room: Room) -> None:
    async with room.speaker() as device:
        assert await device.ask("volume 50") == "ok: volume 50"
        assert await device.ask("volume +20") == "ok: volume 70"
        assert await device.ask("volume -200") == "ok: volume 0"
        assert await device.ask("volume 60") == "ok: volume 60"
        assert "from 0 to 100" in await device.ask("volume 101")
        assert "from 0 to 100" in await device.ask("volume loud")
    async with room.speaker() as device:
        assert (await device.status())["volume"] == 60
        asked_s = time.monotonic()
        await device.ask("greet welcome")
        await device.enters("listening")
        start_s = await room.sounds(asked_s)
        sent = np.frombuffer(voice(GREETING), np.int16)
        heard = room.card.heard(start_s, start_s + len(sent) / room.card.rate_hz)
        assert np.abs(heard).max() == np.abs(sent * volume_gain(60)).round().max()


async def test_status_is_one_line_of_complete_json_and_a_few_lines_for_people(room: Room) -> None:
    async with room.speaker() as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        room.says()
        await device.enters("speaking")
        status = json.loads(await device.ask("status --json"))
        assert status["state"] == "speaking"
        assert status["conversation"]["trigger"] == "button on pin 17"
        await device.ask("stop")
        await device.enters("idle")
        status = json.loads(await device.ask("status --json"))
        assert status["last_conversation"]["greeting"] == "welcome"
        assert status["last_conversation"]["press_to_greeting_ms"] > 0
        assert {"state", "failure", "muted", "volume", "up_s", "conversation", "microphone", "speaker"} <= set(status)
        assert {"overruns", "dropped_periods", "reopened"} <= set(status["microphone"])
        assert {"underruns", "starved", "dropped_ms", "flushes", "reopened"} <= set(status["speaker"])
        measures = status["measures"]
        assert {"conversations", "reconnects", "stale_deltas", "microphone_dropped_ms"} <= set(measures)
        for latency in ("press_to_greeting", "speech_to_silence", "mouth_to_wire", "turn_to_answer"):
            assert measures[latency]["count"] > 0
            assert measures[latency]["median_ms"] > 0
        text = await device.ask("status")
        assert text.startswith("idle, volume 100\n")
        assert "greetings heard: 1" in text


async def test_a_second_daemon_is_refused_and_the_first_goes_on(room: Room) -> None:
    async with room.speaker() as device:
        folder = room.folder / "speaker"
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "device_daemon", "run", "--config", str(folder / "config.yaml")),
            env={**os.environ, "RUNTIME_DIRECTORY": str(folder / "run"), "STATE_DIRECTORY": str(room.folder / "other")}
            | {"GPIOZERO_PIN_FACTORY": "mock", "ALSA_CONFIG_PATH": room.card.environment()["ALSA_CONFIG_PATH"]},
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await second.communicate()
        assert second.returncode == 1
        assert b"another voicelive-speaker is running; stop it first" in said
        assert b"Traceback" not in said
        assert (await device.status())["state"] == "idle"
        await device.press()
        await device.enters("listening")
