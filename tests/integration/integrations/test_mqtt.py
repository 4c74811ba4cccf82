"""The MQTT client against a real mosquitto."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device_daemon.config.settings import Mqtt
from device_daemon.device import events as report
from device_daemon.device.control_protocol import Refused
from device_daemon.device.event_stream import CAPACITY, EventStream
from device_daemon.integrations.mqtt import MOST_CHARACTERS, MOST_COMMANDS, MqttClient
from device_daemon.integrations.mqtt_commands import Commands
from device_daemon.system.apt import Versions
from scripts.rig.broker import PASSWORD, USER, Broker, broker
from tests.integration.integrations.waiting import DEADLINE_S, until
from tests.unit.documents.markdown import DOCUMENTS

pytestmark = pytest.mark.skipif(shutil.which("mosquitto") is None, reason="mosquitto is not installed")

BASE = "voicelive-speaker/kitchen"
STATUS: dict[str, Any] = {
    "version": "1.2",
    "state": "idle",
    "failure": None,
    "muted": False,
    "volume": 40,
    "conversation": None,
    "last_conversation": {"trigger": "button on pin 17", "press_to_greeting_ms": 412.0},
    "conversations_today": 3,
    "timers": [{"due": "2026-11-30T07:00:00+01:00"}, {"due": "2026-11-29T18:30:00+01:00"}],
    "button_greeting": "welcome",
    "wake_word_sensitivity": {"okay_nabu": 0.5},
}


class FakeRequests:
    """Notes what is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._news = asyncio.Event()

    def _note(self, what: str) -> str:
        self.asked.append(what)
        self._news.set()
        return "ok: done"

    def press(self, _pressed_s: float) -> str:
        return self._note("press")

    def again(self) -> str:
        return self._note("again")

    def stop(self) -> str:
        return self._note("stop")

    def greet(self, name: str) -> str:
        if name != "welcome":
            raise Refused(f"there is no greeting {name!r}")
        return self._note(f"greet {name}")

    def say(self, text: str, *, listen: bool) -> Awaitable[str]:
        assert not listen

        async def said() -> str:
            answer = self._note(f"say {text}")
            await self.may_end.wait()
            return answer

        return said()

    def mute(self, *, on: bool) -> str:
        return self._note(f"mute {on}")

    def set_volume(self, percent: int) -> str:
        return self._note(f"volume {percent}")

    @property
    def adjustments(self) -> FakeRequests:
        return self

    def choose_greeting(self, name: str) -> str:
        return self._note(f"choose {name}")

    def set_sensitivity(self, word: str, sensitivity: float) -> str:
        return self._note(f"sensitivity {word} {sensitivity}")

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()


class Speaker:
    """The parts of a speaker that MQTT needs."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self.events = EventStream()
        self.requests = FakeRequests()
        self.status = dict(status)
        self.versions: Versions | None = None

    async def ask_versions(self) -> Versions | None:
        return self.versions


def at_once() -> Iterator[float]:
    return itertools.repeat(0.05)


@asynccontextmanager
async def connected(
    mosquitto: Broker, folder: Path, status: Mapping[str, Any] = STATUS, **settings: Any
) -> AsyncIterator[tuple[Speaker, MqttClient]]:
    speaker, password = Speaker(status), folder / "password"
    password.write_text(f"{PASSWORD}\n", encoding="utf-8")
    given: dict[str, Any] = {
        "host": "localhost",
        "port": mosquitto.port,
        "username": USER,
        "password_file": str(password),
    } | settings
    client = MqttClient(
        Mqtt(**given),
        ["welcome"],
        speaker.events,
        status=lambda: speaker.status,
        commands=Commands(speaker.requests),
        versions=speaker.ask_versions,
        environment={},
        hostname="Kitchen",
        delays=at_once,
        refresh_s=0.05,
    )
    try:
        yield speaker, client
    finally:
        await client.close()


async def test_home_assistant_finds_the_device_its_state_and_its_events(tmp_path: Path) -> None:
    async with (
        broker(tmp_path) as mosquitto,
        mosquitto.client() as home,
        connected(mosquitto, tmp_path) as (speaker, _),
    ):
        found = json.loads(await home.hears("homeassistant/device/voicelive-speaker-kitchen/config"))
        assert found["availability_topic"] == f"{BASE}/availability"
        assert found["components"].keys() == {
            "state", "problem", "microphone", "next_timer", "latency", "conversations", "version", "event", "say", "mute",
            "volume", "press", "stop", "again", "greet_welcome", "button_greeting", "sensitivity_okay_nabu",
        }  # fmt: skip
        assert await home.hears(f"{BASE}/availability") == "online"
        state = json.loads(await home.hears(f"{BASE}/state"))
        assert (state["state"], state["muted"], state["volume"], state["problem"]) == ("idle", "OFF", 40, "OFF")
        assert (state["conversations_today"], state["button_greeting"]) == (3, "welcome")
        assert state["next_timer"] == "2026-11-29T18:30:00+01:00", "the earliest of them"
        assert state["wake_word_sensitivity"] == {"okay_nabu": 0.5}
        speaker.status["volume"] = 50
        speaker.events.publish(report.VolumeChanged(volume=50))
        event = json.loads(await home.hears(f"{BASE}/event"))
        assert (event["event_type"], event["volume"]) == ("volume", 50)
        assert json.loads(await home.hears(f"{BASE}/state"))["volume"] == 50
    assert PASSWORD not in str(home.received)


@pytest.mark.parametrize("gesture", ["press", "double", "hold", "wake-word", "motion"])
async def test_each_gesture_is_an_event_type_of_its_own(tmp_path: Path, gesture: report.Gesture) -> None:
    async with (
        broker(tmp_path) as mosquitto,
        mosquitto.client() as home,
        connected(mosquitto, tmp_path) as (speaker, _),
    ):
        found = json.loads(await home.hears("homeassistant/device/voicelive-speaker-kitchen/config"))
        await home.hears(f"{BASE}/state")
        speaker.events.publish(report.Triggered(gesture=gesture, trigger="button on pin 17"))
        event = json.loads(await home.hears(f"{BASE}/event"))
    assert (event["event_type"], event["trigger"]) == (gesture, "button on pin 17")
    assert gesture in found["components"]["event"]["event_types"]


async def test_an_update_is_shown_where_a_repository_has_the_package(tmp_path: Path) -> None:
    async with (
        broker(tmp_path) as mosquitto,
        mosquitto.client() as home,
        connected(mosquitto, tmp_path) as (speaker, _),
    ):
        description = "homeassistant/device/voicelive-speaker-kitchen/config"
        assert "update" not in json.loads(await home.hears(description))["components"]
        speaker.versions = Versions("0.2.0+deb13", "0.3.0+deb13")
        assert "update" in json.loads(await home.hears(description))["components"]
        state = json.loads(await home.hears(f"{BASE}/state", "0.3.0+deb13"))
    assert state["package"] == {"installed_version": "0.2.0+deb13", "latest_version": "0.3.0+deb13"}


async def test_a_greeting_that_the_config_lost_is_removed_at_home(tmp_path: Path) -> None:
    description = "homeassistant/device/voicelive-speaker-kitchen/config"
    before = {"greet_late": {"platform": "button", "name": "Greet: late"}, "press": {"platform": "button"}}
    async with broker(tmp_path) as mosquitto, mosquitto.client() as home:
        await home.sends(description, json.dumps({"components": before}), retain=True)
        async with connected(mosquitto, tmp_path):
            found = json.loads(await home.hears(description, '"greet_late":{"platform":"button"}'))
    assert found["components"]["press"]["name"] == "Press", "what it still has is described in full"


@pytest.mark.parametrize("before", ["", "{", "[]", '{"components": [1]}', '{"components": {"press": {}}}', "null"])
async def test_a_description_that_is_not_ours_changes_nothing(tmp_path: Path, before: str) -> None:
    description = "homeassistant/device/voicelive-speaker-kitchen/config"
    async with broker(tmp_path) as mosquitto, mosquitto.client() as home:
        await home.sends(description, before, retain=True)
        async with connected(mosquitto, tmp_path) as (_, client):
            await home.hears(description, "greet_welcome")
            await home.hears(f"{BASE}/state")
            assert client.health.ok


async def test_a_user_who_may_do_what_the_docs_say_can_do_all_of_it(tmp_path: Path) -> None:
    acl = next(block.text for block in DOCUMENTS["docs/home-assistant.md"].blocks() if "topic read" in block.text)
    description = "homeassistant/device/voicelive-speaker-kitchen/config"
    async with broker(tmp_path, acl=acl) as mosquitto, mosquitto.client() as home:
        await home.sends(description, '{"components": {"greet_late": {"platform": "button"}}}', retain=True)
        async with connected(mosquitto, tmp_path) as (speaker, _):
            await home.hears(f"{BASE}/availability", "online")
            await home.hears(f"{BASE}/state")
            await home.sends(f"{BASE}/command/press", "PRESS")
            await speaker.requests.until(lambda: speaker.requests.asked == ["press"])
            speaker.events.publish(report.MuteChanged(muted=True))
            await home.hears(f"{BASE}/event")
        await home.hears(f"{BASE}/availability", "offline")
    assert any(topic == description and '"greet_late":{"platform"' in payload for topic, payload in home.received)


async def test_a_device_without_buttons_and_words_has_no_entities_for_them(tmp_path: Path) -> None:
    status = STATUS | {"button_greeting": None, "wake_word_sensitivity": {}}
    async with broker(tmp_path) as mosquitto, mosquitto.client() as home, connected(mosquitto, tmp_path, status):
        found = json.loads(await home.hears("homeassistant/device/voicelive-speaker-kitchen/config"))
    assert not {key for key in found["components"] if key.startswith(("button", "sensitivity"))}


async def test_when_the_speaker_stops_it_is_offline_and_when_it_vanishes_the_broker_says_so(tmp_path: Path) -> None:
    async with broker(tmp_path) as mosquitto, mosquitto.client() as home:
        async with connected(mosquitto, tmp_path):
            await home.hears(f"{BASE}/availability", "online")
        await home.hears(f"{BASE}/availability", "offline")


async def test_commands_are_carried_out_and_wrong_ones_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        broker(tmp_path) as mosquitto,
        mosquitto.client() as home,
        connected(mosquitto, tmp_path) as (speaker, _),
    ):
        await home.hears(f"{BASE}/state")
        for name, payload in (
            ("press", "PRESS"),
            ("greet", "welcome"),
            ("greet", "nobody"),
            ("say", "Dinner is ready."),
            ("mute", "ON"),
            ("mute", "perhaps"),
            ("volume", "55.0"),
            ("volume", "1e999"),
            ("greeting", "none"),
            ("sensitivity", "okay nabu 0.65"),
            ("sensitivity", "okay_nabu very"),
            ("again", "PRESS"),
            ("explode", "\x1b[2J"),
            ("stop", "PRESS"),
        ):
            await home.sends(f"{BASE}/command/{name}", payload)
        wanted = ["press", "greet welcome", "say Dinner is ready.", "mute True", "volume 55"]
        wanted += ["choose none", "sensitivity okay nabu 0.65", "again", "stop"]
        await speaker.requests.until(lambda: len(speaker.requests.asked) >= len(wanted))
    assert speaker.requests.asked == wanted
    assert "there is no greeting 'nobody'" in caplog.text
    assert "volume takes a number from 0 to 100; not '1e999'" in caplog.text
    assert "sensitivity takes a wake word and a number from 0 to 1; not 'okay_nabu very'" in caplog.text
    assert "\x1b" not in caplog.text


async def test_a_retained_command_is_ignored_and_what_is_delivered_twice_is_said_once(tmp_path: Path) -> None:
    async with broker(tmp_path) as mosquitto, mosquitto.client() as home:
        await home.sends(f"{BASE}/command/say", "an old announcement", retain=True, qos=1)
        async with connected(mosquitto, tmp_path) as (speaker, _):
            await home.hears(f"{BASE}/state")
            for _ in range(2):
                await home.sends(f"{BASE}/command/say", "Dinner is ready.", qos=1)
            await home.sends(f"{BASE}/command/stop", "PRESS")
            await speaker.requests.until(lambda: "stop" in speaker.requests.asked)
    assert speaker.requests.asked == ["say Dinner is ready.", "stop"]


async def test_commands_that_wait_are_bounded_and_those_that_are_dropped_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        broker(tmp_path) as mosquitto,
        mosquitto.client() as home,
        connected(mosquitto, tmp_path) as (speaker, _),
    ):
        await home.hears(f"{BASE}/state")
        speaker.requests.may_end.clear()
        for number in range(MOST_COMMANDS + 2):
            await home.sends(f"{BASE}/command/say", f"Number {number}.")
        await home.sends(f"{BASE}/command/say", "x" * (MOST_CHARACTERS + 1))
        await until(lambda: "dropped (3 so far)" in caplog.text)
        assert len(speaker.requests.asked) == MOST_COMMANDS
        speaker.requests.may_end.set()
        await home.sends(f"{BASE}/command/stop", "PRESS")
        await speaker.requests.until(lambda: "stop" in speaker.requests.asked)


async def test_a_broker_that_answers_nothing_more_is_given_up_and_connected_to_again(tmp_path: Path) -> None:
    async with broker(tmp_path) as mosquitto, connected(mosquitto, tmp_path) as (speaker, client):
        async with mosquitto.client() as home:
            await home.hears(f"{BASE}/state")
        mosquitto.freeze()
        for _ in range(2 * CAPACITY):
            speaker.events.publish(report.Triggered(gesture="press", trigger="button on pin 17"))
        await until(lambda: not client.health.ok)
        mosquitto.thaw()
        async with mosquitto.client() as home:
            await until(lambda: client.health.ok)
            speaker.events.publish(report.MuteChanged(muted=True))
            await home.hears(f"{BASE}/event", '"mute"')


async def test_a_broker_that_is_killed_is_found_again_and_old_events_are_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with broker(tmp_path) as mosquitto, connected(mosquitto, tmp_path) as (speaker, client):
        async with mosquitto.client() as home:
            await home.hears(f"{BASE}/state")
        assert client.health.ok
        await mosquitto.kill()
        await until(lambda: not client.health.ok)
        speaker.events.publish(report.Triggered(gesture="press", trigger="button on pin 17"))
        speaker.status["muted"] = True
        await mosquitto.start()
        async with mosquitto.client() as home:
            assert json.loads(await home.hears(f"{BASE}/state", '"muted":"ON"'))
            speaker.events.publish(report.MuteChanged(muted=True))
            await home.hears(f"{BASE}/event")
        assert client.health.ok
    assert not [payload for topic, payload in home.received if topic.endswith("/event") and "press" in payload]
    assert len([record for record in caplog.records if "connected to" in record.message]) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a refused socket open
async def test_over_tls_the_brokers_certificate_is_checked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with broker(tmp_path, tls=True) as mosquitto:
        async with connected(mosquitto, tmp_path, tls=True, ca_file=str(mosquitto.certificate)):
            await until(lambda: f"connected to localhost:{mosquitto.port}" in caplog.text)
        async with connected(mosquitto, tmp_path, tls=True) as (_, client):
            await until(lambda: not client.health.ok)
            assert "certificate" in str(client.health.failure).lower()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"username": "somebody"}, "not authori"),
        ({"port": 1}, "refused"),
        ({"password_file": "/nowhere/password"}, "/nowhere/password"),
    ],
)
async def test_what_is_wrong_is_a_state_with_a_reason(tmp_path: Path, settings: dict[str, Any], says: str) -> None:
    async with broker(tmp_path) as mosquitto, connected(mosquitto, tmp_path, **settings) as (_, client):
        await until(lambda: not client.health.ok)
        assert says in str(client.health.failure).lower()
