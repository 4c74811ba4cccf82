"""What the speaker says over MQTT: its topics, its state, and the description for Home Assistant (device discovery). Pure.

Source: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from device_daemon.config.settings import NO_GREETING
from device_daemon.device.events import AnyEvent, Event, Gesture, Triggered
from device_daemon.state import State
from device_daemon.system.apt import Versions

ONLINE: Final = "online"
OFFLINE: Final = "offline"
_NO_ID: Final = re.compile(r"[^a-z0-9_-]+")
_KINDS: Final = {str(kind.__struct_config__.tag) for kind in get_args(AnyEvent) if kind is not Triggered}
EVENT_TYPES: Final[Sequence[str]] = sorted(_KINDS | {*get_args(Gesture)})
"""Each gesture is a type of its own: Home Assistant's automations choose by type."""
_MICROPHONE_OPEN: Final = frozenset(
    {State.WAKE_WORD, State.GREETING, State.LISTENING, State.WAITING, State.THINKING, State.SPEAKING}
)


_ATTRIBUTES: Final = (
    "{{ {'failure': value_json.failure, 'trigger': value_json.trigger, 'assistant': value_json.assistant} | tojson }}"
)
"""Of the state. A failure's sentence may be longer than the 255 characters that a state may have."""


class Topics(Struct, frozen=True):
    """The topics of one device."""

    base: str
    """What all begin with."""
    discovery: str

    @property
    def availability(self) -> str:
        """Retained: online or offline; the broker says offline where the device could not (last will)."""
        return f"{self.base}/availability"

    @property
    def state(self) -> str:
        """Retained: the state, as JSON."""
        return f"{self.base}/state"

    @property
    def event(self) -> str:
        """Each event as JSON, with its kind or gesture as `event_type`."""
        return f"{self.base}/event"

    def command(self, name: str) -> str:
        """Where a command is taken."""
        return f"{self.base}/command/{name}"


def device_id(hostname: str) -> str:
    """Return a host name as it stands in topics and ids."""
    return _NO_ID.sub("-", hostname.lower()).strip("-") or "speaker"


def topics(base_topic: str, discovery_prefix: str, hostname: str) -> Topics:
    """Return the topics of the device with this host name."""
    name = device_id(hostname)
    return Topics(f"{base_topic}/{name}", f"{discovery_prefix}/device/voicelive-speaker-{name}/config")


def state_payload(status: Mapping[str, Any], versions: Versions | None = None) -> bytes:
    """Return what the state topic says, of `status --json` and of apt."""
    last = status["last_conversation"] or {}
    now = status["conversation"] or last
    state = State(status["state"])
    return msgspec.json.encode(
        {
            "state": state,
            "failure": status["failure"],
            "problem": _on_off(status["failure"] is not None),
            "muted": _on_off(status["muted"]),
            "volume": status["volume"],
            "microphone_open": _on_off(state in _MICROPHONE_OPEN and not status["muted"]),
            "trigger": now.get("trigger"),
            "assistant": now.get("assistant"),
            "press_to_greeting_ms": last.get("press_to_greeting_ms"),
            "conversations_today": status["conversations_today"],
            "next_timer": min((datetime.fromisoformat(each["due"]) for each in status["timers"]), default=None),
            "button_greeting": status["button_greeting"],
            "wake_word_sensitivity": status["wake_word_sensitivity"],
            "version": status["version"],
            "package": versions and {"installed_version": versions.installed, "latest_version": versions.candidate},
        }
    )


def event_payload(event: Event) -> bytes:
    """Return an event as Home Assistant's event entities want it."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    kind = fields.pop("event")
    return msgspec.json.encode({"event_type": event.gesture if isinstance(event, Triggered) else kind, **fields})


def discovery_payload(
    topics: Topics,
    hostname: str,
    status: Mapping[str, Any],
    greetings: Iterable[str],
    versions: Versions | None = None,
) -> bytes:
    """Return the description of the device and all its entities for Home Assistant.

    Args:
        topics: Of the device.
        hostname: Its name there.
        status: As for `state_payload`.
        greetings: The names of the config's greetings.
        versions: Of the package; None where no repository has it, and then no update can be shown.
    """
    identity, version, greetings = f"voicelive-speaker-{device_id(hostname)}", status["version"], list(greetings)
    components = {
        "state": _entity(
            "sensor", None, device_class="enum", options=[str(state) for state in State], value="state",
            json_attributes_topic=topics.state, json_attributes_template=_ATTRIBUTES,
        ),
        "problem": _entity("binary_sensor", "Problem", device_class="problem", value="problem"),
        "microphone": _entity("binary_sensor", "Microphone open", icon="mdi:microphone", value="microphone_open"),
        "next_timer": _entity("sensor", "Next timer", device_class="timestamp", value="next_timer"),
        "latency": _entity(
            "sensor", "Press to greeting", diagnostic=True, unit_of_measurement="ms", value="press_to_greeting_ms"
        ),
        "conversations": _entity(
            "sensor", "Conversations today", diagnostic=True, state_class="total_increasing", value="conversations_today"
        ),
        "version": _entity("sensor", "Version", diagnostic=True, value="version"),
        "event": {"platform": "event", "name": "Event", "state_topic": topics.event, "event_types": EVENT_TYPES},
        "say": {"platform": "notify", "name": "Say", "command_topic": topics.command("say")},
        "mute": _entity("switch", "Mute", icon="mdi:microphone-off", command_topic=topics.command("mute"), value="muted"),
        "volume": _entity(
            "number", "Volume", icon="mdi:volume-high", min=0, max=100, unit_of_measurement="%",
            command_topic=topics.command("volume"), value="volume",
        ),
        **{name: _button(topics, name, name.capitalize()) for name in ("press", "stop", "again")},
        **{
            f"greet_{_key(greeting)}": _button(topics, "greet", f"Greet: {greeting}", payload=greeting)
            for greeting in greetings
        },
        **{f"sensitivity_{_key(word)}": _sensitivity(topics, word) for word in status["wake_word_sensitivity"]},
    }  # fmt: skip
    if status["button_greeting"] is not None:
        components["button_greeting"] = _entity(
            "select", "Greeting of the button", entity_category="config", options=[*greetings, NO_GREETING],
            command_topic=topics.command("greeting"), value="button_greeting",
        )  # fmt: skip
    if versions is not None:
        components["update"] = _entity("update", "Update", entity_category="diagnostic", value="package | tojson")
    for key, component in components.items():
        component["unique_id"] = f"{identity}-{key}"
    return msgspec.json.encode(
        {
            "device": {
                "identifiers": [identity],
                "name": hostname,
                "manufacturer": "voicelive-speaker",
                "model": "Voice Live speaker",
                "sw_version": version,
            },
            "origin": {"name": "voicelive-speaker", "sw_version": version},
            "availability_topic": topics.availability,
            "state_topic": topics.state,
            "qos": 1,
            "components": components,
        }
    )


def with_removals(description: bytes, before: bytes) -> bytes:
    """Return a description that also removes what an earlier one had and it has not: a greeting that the config lost.

    Home Assistant keeps an entity that is merely left out; one of which only the platform is given it removes.
    """
    try:
        old = msgspec.json.decode(before, type=_Described).components
    except msgspec.MsgspecError:
        return description
    new: dict[str, Any] = msgspec.json.decode(description)
    gone = {name: {"platform": each.platform} for name, each in old.items() if name not in new["components"]}
    if not gone:
        return description
    new["components"] |= gone
    return msgspec.json.encode(new)


class _Component(Struct):
    platform: str


class _Described(Struct):
    components: dict[str, _Component]


def _entity(platform: str, name: str | None, *, value: str, diagnostic: bool = False, **more: Any) -> dict[str, Any]:
    """Return an entity that shows a field of the state topic. One without a name has that of the device."""
    category = {"entity_category": "diagnostic"} if diagnostic else {}
    return {"platform": platform, "name": name, "value_template": f"{{{{ value_json.{value} }}}}", **category, **more}


def _button(topics: Topics, command: str, name: str, payload: str = "PRESS") -> dict[str, Any]:
    return {"platform": "button", "name": name, "command_topic": topics.command(command), "payload_press": payload}


def _sensitivity(topics: Topics, word: str) -> dict[str, Any]:
    return _entity(
        "number", f"Sensitivity: {word}", entity_category="config", min=0, max=1, step=0.05, mode="slider",
        command_topic=topics.command("sensitivity"), command_template=f"{word} {{{{ value }}}}",
        value=f"wake_word_sensitivity[{json.dumps(word)}]",
    )  # fmt: skip


def _key(name: str) -> str:
    """Return a name of the config as it stands in ids; names that differ only in what ids cannot have differ there, too."""
    key = device_id(name)
    return key if key == name else f"{key}-{zlib.crc32(name.encode()):08x}"


def _on_off(value: object) -> str:
    return "ON" if value else "OFF"
