"""Proof that a real Home Assistant Core finds the speaker, makes it speak, and hears of a press: see scripts/home-assistant.

The daemon is the real one over the simulated card, with mosquitto and the local voice service.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from device_daemon.integrations import mqtt_topics
from device_daemon.system.apt import Versions
from scripts.rig.broker import PASSWORD, USER, Broker, broker
from scripts.rig.card import SimulatedCard
from scripts.rig.device import Device
from tests.e2e.room import Room, service_for_tests, voice
from tests.homeassistant.core import Core, States, home_assistant

HOST: Final = "kitchen"
"""What scripts/home-assistant calls the machine."""
OTHER_HOST: Final = "attic"
ENTITIES: Final = 18
ANNOUNCEMENT: Final = "dinner is ready"
GREETINGS: Final = {"welcome": {"say": "hello and welcome back my friend"}, "late": {"say": "you are late today"}}
SECTIONS: Final[dict[str, Any]] = {
    "greetings": GREETINGS,
    "triggers": [
        {"type": "button", "pin": 17, "greeting": "welcome", "hold_s": 0.5},
        {"type": "wake-word", "word": "okay_nabu", "greeting": "none"},
    ],
}
HOLD_S: Final = 1.0


def of(host: str, states: States) -> States:
    """The entities of a speaker."""
    return {name: state for name, state in states.items() if name.partition(".")[2].startswith(host)}


def unavailable(states: States) -> int:
    """How many of the speaker's entities are."""
    return sum(state["state"] == "unavailable" for state in of(HOST, states).values())


class Proof:
    """What an owner does, step by step; each raises AssertionError."""

    def __init__(self, core: Core, device: Device, room: Room) -> None:
        self._core = core
        self._device = device
        self._room = room

    async def discovery(self) -> None:
        """The device comes with its entities."""
        found = await self._core.until(
            lambda states: len(of(HOST, states)) == ENTITIES and not unavailable(states), f"{ENTITIES} entities"
        )
        print("\n".join(f"{name:50} {state['state']}" for name, state in sorted(of(HOST, found).items())))

    async def announcement(self) -> None:
        """A service call makes the speaker speak."""
        since_s = time.monotonic()
        await self._core.act("notify.send_message", f"notify.{HOST}_say", message=ANNOUNCEMENT)
        heard = await self._room.hears(voice(ANNOUNCEMENT), since_s)
        print(f"ok: notify.send_message: {ANNOUNCEMENT!r} was heard, {heard.ms:.0f} ms of it")
        await self._shows(f"sensor.{HOST}", "wake-word", "the announcement is over")

    async def gestures(self) -> None:
        """What happens at the speaker is an event."""
        async with self._core.changes_of(f"event.{HOST}_event") as events:
            await self._device.press()
            press = await events.next("press")
            print(f"ok: a press on the pin: event press, {press['trigger']!r}")
            heard = await events.next("greeting-heard")
            print(f"ok: event greeting-heard, {heard['press_to_greeting_ms']} ms after the press")
            await self._core.act("button.press", f"button.{HOST}_stop")
            print(
                f"ok: button.press: event conversation-ended, {(await events.next('conversation-ended'))['reason']!r}"
            )
            await self._device.press()
            await self._device.tap()
            await events.next("double")
            await self._core.act("button.press", f"button.{HOST}_stop")
            await events.next("conversation-ended")
            await self._device.push()
            await events.next("hold")
            await self._device.let_go()
            print("ok: two quick presses: event double; the button held: event hold")
        await self._shows(f"switch.{HOST}_mute", "on", "held")
        await self._core.act("switch.turn_off", f"switch.{HOST}_mute")
        await self._shows(f"sensor.{HOST}", "wake-word", "switch.turn_off")

    async def settings(self) -> None:
        """What is set there holds here."""
        await self._core.act("select.select_option", f"select.{HOST}_greeting_of_the_button", option="late")
        await self._shows(f"select.{HOST}_greeting_of_the_button", "late", "select.select_option")
        since_s = time.monotonic()
        await self._core.act("button.press", f"button.{HOST}_press")
        await self._room.hears(voice(GREETINGS["late"]["say"]), since_s)
        print("ok: button.press: the greeting that was selected was heard")
        await self._core.act("button.press", f"button.{HOST}_stop")
        await self._core.act("number.set_value", f"number.{HOST}_sensitivity_okay_nabu", value=0.65)
        await self._shows(f"number.{HOST}_sensitivity_okay_nabu", "0.65", "number.set_value")
        await self._core.act("number.set_value", f"number.{HOST}_volume", value=35)
        await self._shows(f"number.{HOST}_volume", "35", "number.set_value")
        await self._core.act("switch.turn_on", f"switch.{HOST}_mute")
        await self._shows(f"sensor.{HOST}", "muted", "switch.turn_on")

    async def _shows(self, entity: str, value: str, after: str) -> None:
        await self._core.until(lambda states: states[entity]["state"] == value, f"{after}: {entity} is {value}")
        print(f"ok: {after}: {entity} is {value}")


async def update(core: Core, mosquitto: Broker, status: dict[str, Any]) -> None:
    """A speaker whose package is in a repository has the entity for updates. This machine has no such package."""
    topics = mqtt_topics.topics("voicelive-speaker", "homeassistant", OTHER_HOST)
    entity = f"update.{OTHER_HOST}_update"
    async with mosquitto.client() as speaker:

        async def describe(versions: Versions | None, before: bytes = b"") -> bytes:
            description = mqtt_topics.discovery_payload(topics, OTHER_HOST, status, GREETINGS, versions)
            description = mqtt_topics.with_removals(description, before)
            await speaker.sends(topics.discovery, description, retain=True)
            await speaker.sends(topics.state, mqtt_topics.state_payload(status, versions), retain=True)
            return description

        await speaker.sends(topics.availability, mqtt_topics.ONLINE, retain=True)
        described = await describe(Versions("0.2.0+deb13", "0.3.0+deb13"))
        found = await core.until(lambda states: entity in states and states[entity]["state"] == "on", "an update")
        attributes = found[entity]["attributes"]
        print(f"ok: {entity} is on: {attributes['installed_version']} -> {attributes['latest_version']}")
        await describe(None, described)
        await core.until(lambda states: entity not in states, "without a repository there is no such entity")
        print(f"ok: without a repository {entity} is gone")


async def main(program: str) -> None:
    """Raises AssertionError."""
    service = service_for_tests()
    await service.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            async with broker(folder) as mosquitto, home_assistant(program, folder / "home") as core:
                await core.set_up()
                await core.add_broker(mosquitto.port, USER, PASSWORD)
                print(f"ok: Home Assistant {await core.version()} is set up, and connected to the broker")
                room = Room(folder, SimulatedCard(folder / "card", history_s=120.0), service)
                async with room.speaker(mqtt=mosquitto.config(), **SECTIONS) as device:
                    proof = Proof(core, device, room)
                    for step in (proof.discovery, proof.announcement, proof.gestures, proof.settings):
                        await step()
                    status = await device.status()
                await core.until(lambda states: unavailable(states) == ENTITIES, "a speaker that stops is unavailable")
                print("ok: the speaker stopped: its entities are unavailable")
                await update(core, mosquitto, status)
                log = (folder / "home" / "home-assistant.log").read_text(encoding="utf-8")
                assert not (said := [line for line in log.splitlines() if "mqtt" in line.lower()]), said
                print("ok: Home Assistant's log has no word about MQTT")
    finally:
        await service.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
