"""The description of the device for Home Assistant."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.integrations.mqtt_topics import discovery_payload, topics, with_removals

STATUS = {"version": "1", "button_greeting": "none", "wake_word_sensitivity": {}}
NAMES = st.lists(st.text(min_size=1, max_size=20), max_size=8, unique=True)


def described(greetings: list[str], status: dict[str, Any] = STATUS) -> bytes:
    return discovery_payload(topics("base", "homeassistant", "kitchen"), "kitchen", status, greetings)


@given(NAMES)
def test_each_greeting_has_a_button_of_its_own_whatever_its_letters(names: list[str]) -> None:
    components = json.loads(described(names))["components"]
    buttons = {each["payload_press"] for key, each in components.items() if key.startswith("greet_")}
    assert buttons == set(names)
    ids = [each["unique_id"] for each in components.values()]
    assert len(ids) == len(set(ids))


@given(NAMES, NAMES)
def test_what_an_earlier_description_had_is_there_in_full_or_removed(before: list[str], now: list[str]) -> None:
    old, new = json.loads(described(before))["components"], json.loads(described(now))["components"]
    joined = json.loads(with_removals(described(now), described(before)))["components"]
    assert joined == {key: {"platform": each["platform"]} for key, each in old.items()} | new
    again = with_removals(described(now), with_removals(described(now), described(before)))
    assert json.loads(again)["components"] == joined, "what is removed stays so, for a Home Assistant that was away"


@given(st.text(min_size=1, max_size=20))
def test_a_wake_words_value_is_read_back_by_its_own_name(word: str) -> None:
    components = json.loads(described([], STATUS | {"wake_word_sensitivity": {word: 0.5}}))["components"]
    (entity,) = (each for key, each in components.items() if key.startswith("sensitivity_"))
    assert entity["value_template"] == f"{{{{ value_json.wake_word_sensitivity[{json.dumps(word)}] }}}}"
    assert entity["command_template"].removesuffix(" {{ value }}") == word
