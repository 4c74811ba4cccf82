"""SIGHUP: the config file is read again, after the conversation there is; a wrong one changes nothing."""

import asyncio
import json
import signal

import yaml

from tests.e2e.room import GREETING, Room, voice


async def test_a_changed_config_counts_after_the_conversation_and_a_wrong_one_is_told(room: Room) -> None:
    async with room.speaker() as device:
        path = room.folder / "speaker" / "config.yaml"
        config = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump(config | {"greetings": {}}))
        device.process.send_signal(signal.SIGHUP)
        await device.wait_for_log("goes on with the old one")
        assert "triggers[0].greeting" in "\n".join(device.log)
        assert "triggers[0].greeting" in json.loads(await device.ask("status --json"))["config_error"]
        assert "the config is wrong, and the one before is used: " in await device.ask("status")

        path.write_text(yaml.safe_dump(config | {"greetings": {"welcome": {"say": "something new"}}}))
        await device.press()
        await device.enters("greeting")
        device.process.send_signal(signal.SIGHUP)
        await device.wait_for_log("the config file was read again")
        await device.enters("listening")
        assert await device.ask("stop") == "ok: stopped"
        await device.wait_for_log("ready: ", count=2)
        assert json.loads(await device.ask("status --json"))["config_error"] is None

        pressed_s = await device.press()
        await device.enters("greeting")
        await room.hears(voice("something new"), pressed_s)


async def test_whoever_presses_or_asks_while_another_config_is_put_in_force_is_served(room: Room) -> None:
    room.card.be_slow(open_ms=300)  # so that closing and opening takes a while, and every press falls into it
    async with room.speaker() as device:
        for count, wait_s in enumerate((0.0, 0.02, 0.1, 0.3), start=2):
            device.process.send_signal(signal.SIGHUP)
            await asyncio.sleep(wait_s)
            pressed_s = await device.tap()
            assert "volume" in await device.ask("status")
            await room.hears(voice(GREETING), pressed_s)
            await device.wait_until(lambda: device.state == "listening", "end of the greeting")
            assert await device.ask("stop") == "ok: stopped"
            await device.wait_for_log("ready: ", count=count)
            await device.wait_until(lambda: device.state == "idle", "rest")
        assert sum("pressed (button on pin 17)" in line for line in device.log) == 4


async def test_a_volume_of_the_config_that_does_not_count_is_said(room: Room) -> None:
    async with room.speaker() as device:
        await device.ask("volume 35")
        path = room.folder / "speaker" / "config.yaml"
        config = yaml.safe_load(path.read_text())
        config["audio"]["speaker"]["volume"] = 60
        path.write_text(yaml.safe_dump(config))
        device.process.send_signal(signal.SIGHUP)
        await device.wait_for_log("audio.speaker.volume: 60 of the config has not counted")
        assert json.loads(await device.ask("status --json"))["volume"] == 35
