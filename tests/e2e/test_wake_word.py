"""Wake words: recognised on the device, with what is said in the same breath; before the word nothing leaves it."""

import shutil
import time
from collections.abc import Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pymicro_wakeword

from device_daemon.triggers.wakeword_models import INSTALL_COMMAND
from scripts.rig import words
from scripts.rig.device import LED_PIN, Device, PinChange
from scripts.rig.tracks import Samples
from tests.e2e.room import GREETING, RATE_HZ, Room, matches, voice

WORD: Mapping[str, Any] = {"type": "wake-word", "word": "okay_nabu", "greeting": "none"}
BUTTON: Mapping[str, Any] = {"type": "button", "pin": 17, "greeting": "welcome"}
TRIGGERS = [WORD, BUTTON]
NAME = "wake word okay_nabu"
LONG = " ".join(f"and then they went over hill number {n}" for n in range(8))
TRACE_S = 0.15
"""So much of the word's end may be sent: in doubt it ends earlier, so that nothing of a question is lost."""


@cache
def call(pause_ms: int | None = None) -> words.Call:
    """Somebody calls the word and, after a pause, asks a question; or only calls."""
    return next(call for call in words.calls("okay_nabu", words.VOICINGS[:1]) if call.pause_ms == pause_ms)


@cache
def talk() -> Samples:
    """Some seconds of what a room holds that is not the word, though some of it resembles it."""
    alike = dict(words.near_misses(words.VOICINGS[:4]))
    _, conversation = next(words.talk())
    noises = [samples for _, samples in islice(words.noises(0.2), 1, 4)]
    lead = round(words.LEAD_S * RATE_HZ)
    return np.concatenate([alike["okay, that will do"][lead:], conversation[:RATE_HZ], *noises])


def say(room: Room, samples: Samples) -> float:
    """Say it into the room; returns when it will be over."""
    return room.card.say(samples) + len(samples) / RATE_HZ


def calls_out(room: Room, pause_ms: int | None = None) -> float:
    """Somebody calls the word, without the long silence before it; returns when it will be over."""
    return say(room, call(pause_ms).samples[round((words.LEAD_S - 0.3) * RATE_HZ) :])


async def waits_for_the_word(device: Device) -> None:
    await device.wait_until(lambda: device.state == "wake-word", "state wake-word")


async def winks(device: Device) -> None:
    """Wait for a wink of the light in the state it is in: long lit, and dark for a moment."""
    entered_s = device.states[-1].at_s

    def wink() -> list[PinChange]:
        changes = device.changes_of(LED_PIN)
        dark = next((n for n, change in enumerate(changes) if change.at_s > entered_s and not change.level), 0)
        return changes[dark - 1 : dark + 2] if dark else []

    await device.wait_until(lambda: len(wink()) == 3, "wink of the light")
    lit, dark, lit_again = wink()
    assert [lit.level, lit_again.level] == [1.0, 1.0]
    assert dark.at_s - lit.at_s > lit_again.at_s - dark.at_s


def sent_of(room: Room, called: words.Call) -> tuple[float, float]:
    """From when to when in a call the service got its sound: in one stretch, and nothing else."""
    ((at, frames),) = matches(called.samples, room.session.channel(0).tobytes())
    return at / RATE_HZ, (at + frames) / RATE_HZ


async def test_a_question_in_the_same_breath_is_heard_to_the_sample_and_answered(room: Room) -> None:
    async with room.speaker(triggers=TRIGGERS) as device:
        await waits_for_the_word(device)
        for pause_ms in (400, 0):
            called, called_s = call(pause_ms), time.monotonic()
            over_s = calls_out(room, pause_ms) - words.TAIL_S
            await room.captured_until(over_s)
            await room.is_answered(called_s)
            begins_s, ends_s = sent_of(room, called)
            assert called.asks_s is not None
            assert begins_s <= called.asks_s
            assert ends_s >= len(called.samples) / RATE_HZ - words.TAIL_S
            if pause_ms == 400:
                assert begins_s >= called.ends_s - TRACE_S, "the word is not for the service"
            await device.ask("stop")
            await waits_for_the_word(device)
        assert len(room.sessions) == 2
        assert room.card.overruns == 0


async def test_before_the_word_nothing_leaves_the_device_and_its_light_says_that_it_listens(room: Room) -> None:
    async with room.speaker(triggers=TRIGGERS) as device:
        await waits_for_the_word(device)
        over_s = say(room, talk())
        await winks(device)
        await room.until(lambda: room.card.microphone_open, "open microphone")
        await room.captured_until(over_s)
        assert (await device.status())["state"] == "wake-word"

        calls_out(room)
        await device.enters("listening")
        await room.service.wait_for("input_audio_buffer.append")
        probe, conversation = room.service.record.sessions
        assert probe.types("in") == []
        assert conversation.opened_s > over_s
        assert sent_of(room, call())[0] >= call().ends_s - TRACE_S


async def test_where_nobody_else_may_talk_over_the_speaker_the_word_interrupts_it(room: Room) -> None:
    audio = {"microphone": {"periods": 16}, "speaker": {"periods": 16, "volume": 100}, "echo": "half-duplex"}
    long = {"welcome": {"say": LONG}}
    async with room.speaker(triggers=TRIGGERS, audio=audio, greetings=long) as device:
        pressed_s = await device.press()
        await room.sounds(pressed_s)
        await device.wait_until(lambda: device.state == "greeting", "state greeting")
        over_s = say(room, talk()[:RATE_HZ])
        await room.captured_until(over_s)
        assert device.state == "greeting"
        calls_out(room)
        await device.enters("listening")
        told = await room.service.wait_for("conversation.item.truncated")
        heard = room.heard(voice(LONG), pressed_s)
        assert told.summary["audio_end_ms"] <= heard.ms + 10
        assert heard.frames < len(voice(LONG)) // 2
        asked_s = room.says()
        await room.is_answered(asked_s)
        types = room.session.types()
        assert types.index("conversation.item.truncated") < types.index("input_audio_buffer.speech_started")


async def test_muted_no_word_is_heard_and_allowed_again_it_is(room: Room) -> None:
    lights = [{"type": "led", "pin": LED_PIN, "patterns": {"muted": "off"}}]
    async with room.speaker(triggers=TRIGGERS, lights=lights) as device:
        await waits_for_the_word(device)
        await device.ask("mute on")
        await device.enters("muted")
        assert not room.card.microphone_open
        captured_s = room.card.captured_until_s
        over_s = calls_out(room)
        await room.until(lambda: time.monotonic() > over_s, "end of the word")
        assert (await device.status())["state"] == "muted"
        assert room.card.captured_until_s == captured_s
        assert room.sessions == []

        await device.ask("mute off")
        await device.enters("wake-word")
        await room.until(lambda: room.card.microphone_open, "open microphone")
        await device.wait_until(lambda: device.led() == 1.0, "light")
        calls_out(room)
        await device.enters("listening")


async def test_a_word_with_a_greeting_greets_and_is_named_by_status_and_journal(room: Room) -> None:
    greets = {**WORD, "greeting": "cheerful"}
    async with room.speaker(triggers=[greets], greetings={"cheerful": {"say": GREETING}}) as device:
        await waits_for_the_word(device)
        called_s = time.monotonic()
        calls_out(room)
        await room.hears(voice(GREETING), called_s)
        assert (await device.status())["conversation"]["trigger"] == NAME
        await device.ask("stop")
        assert f"({NAME}, " in await device.wait_for_log("over: it was stopped")
        last = (await device.status())["last_conversation"]
        assert (last["trigger"], last["greeting"]) == (NAME, "cheerful")


async def test_an_engine_that_does_not_load_is_shown_and_told_and_the_button_still_works(room: Room) -> None:
    broken = room.folder / "broken" / "pymicro_wakeword"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no such library')")
    (broken / "models").symlink_to(Path(pymicro_wakeword.__file__).parent / "models")
    async with room.speaker({"PYTHONPATH": str(broken.parent)}, triggers=TRIGGERS) as device:
        await device.wait_until(lambda: device.state == "error", "state error")
        assert not room.card.microphone_open
        assert INSTALL_COMMAND in await device.wait_for_log("does not load (no such library)")
        assert "wake word engine" in (await device.status())["failure"]
        pressed_s = await device.press()
        await room.hears(voice(GREETING), pressed_s)
        await device.enters("listening")
        await device.ask("stop")
        await device.enters("error")
        assert not room.card.microphone_open


async def test_while_the_engine_is_being_loaded_no_light_says_that_it_listens_and_the_button_works(room: Room) -> None:
    real, slow, loaded = Path(pymicro_wakeword.__file__).parent, room.folder / "slow", room.folder / "loaded"
    package = slow / "pymicro_wakeword"
    package.mkdir(parents=True)
    (package / "models").symlink_to(real / "models")
    (package / "__init__.py").write_text(
        "import pathlib, time\n"
        f"while not pathlib.Path({str(loaded)!r}).exists(): time.sleep(0.01)\n"
        f"__path__ = [{str(real)!r}]; __file__ = {str(real / '__init__.py')!r}\n"
        "exec(pathlib.Path(__file__).read_text())\n"
    )
    async with room.speaker({"PYTHONPATH": str(slow)}, triggers=TRIGGERS) as device:
        pressed_s = await device.press()
        await room.hears(voice(GREETING), pressed_s)
        await device.ask("stop")
        await device.wait_until(lambda: device.state == "idle", "state idle")
        assert not room.card.microphone_open
        loaded.touch()
        await waits_for_the_word(device)
        await room.until(lambda: room.card.microphone_open, "open microphone")
        calls_out(room)
        await device.enters("listening")


async def test_when_the_service_is_back_it_listens_again_and_the_light_says_so_first(room: Room) -> None:
    lights = [{"type": "led", "pin": LED_PIN, "patterns": {"offline": "off"}}]
    async with room.speaker(triggers=TRIGGERS, lights=lights) as device:
        await waits_for_the_word(device)
        await room.service.stop()
        calls_out(room)
        await device.enters("offline")
        assert not room.card.microphone_open
        await device.wait_until(lambda: device.led() == 0.0, "darkness")

        await room.service.start()
        await room.until(lambda: room.card.microphone_open, "open microphone")
        open_s = time.monotonic()
        await device.enters("wake-word")
        await device.wait_until(lambda: device.led() == 1.0, "light")
        assert device.changes_of(LED_PIN)[-1].at_s < open_s
        calls_out(room)
        await device.enters("listening")


async def test_a_word_of_ones_own_opens_a_conversation_and_one_that_is_damaged_leaves_the_button(room: Room) -> None:
    models = Path(pymicro_wakeword.__file__).parent / "models"
    for suffix in (".json", ".tflite"):
        shutil.copy(models / f"okay_nabu{suffix}", room.folder / f"okay_nabu{suffix}")
    own = {**WORD, "word": str(room.folder / "okay_nabu.json")}
    async with room.speaker(triggers=[own, BUTTON]) as device:
        await waits_for_the_word(device)
        calls_out(room)
        await device.enters("listening")
        assert (await device.status())["conversation"]["trigger"] == NAME
    model = room.folder / "okay_nabu.tflite"
    model.write_bytes(model.read_bytes()[:20_000])
    async with room.speaker(triggers=[own, BUTTON]) as device:
        await device.wait_until(lambda: device.state == "error", "state error")
        await device.wait_for_log("okay_nabu.json: this model crashes the engine")
        pressed_s = await device.press()
        await room.hears(voice(GREETING), pressed_s)
        await device.enters("listening")
