"""What is answered stands in the config, which stays valid; every comment stays, and what had to go became one."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from device_daemon.config.reader import read
from device_daemon.config.settings import ButtonTrigger, Led, RgbLed, WakeWordTrigger
from device_daemon.setup.answers import NEW_FILE, Answers, edited, from_board
from device_daemon.setup.entries import commented_out, with_entry
from scripts import REPOSITORY
from tests.unit.config.cases import GOOD

BOARDS = sorted((REPOSITORY / "config" / "boards").glob("*.yaml"))
HAND_WRITTEN = """\
# kitchen
service:
  local: true   # for now
triggers: [{type: wake-word, word: alexa}, {type: button, pin: 4, hold_s: 2}]
lights:
- type: rgb-led   # on the shelf
  red: 5
  green: 6
  blue: 13
# the end
"""
texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=40).filter(
    lambda text: text.strip() and not set("{}") & set(text)
)
answers = st.builds(
    Answers,
    endpoint=st.sampled_from([UNSET, None, "https://kitchen.services.ai.azure.com"]),
    sign_in=st.sampled_from([UNSET, "api-key", "device-code"]),
    microphone=st.sampled_from([UNSET, "plughw:CARD=Device"]),
    speaker=st.sampled_from([UNSET, "default"]),
    echo=st.sampled_from([UNSET, "hardware"]),
    button=st.sampled_from([UNSET, None, 17, 27]),
    light=st.sampled_from(
        [UNSET, None, {"type": "led", "pin": 23}, {"type": "rgb-led", "red": 20, "green": 21, "blue": 22}]
    ),
    name=st.one_of(st.just(UNSET), texts),
    greeting=st.one_of(st.just(UNSET), texts),
    wake_word=st.sampled_from([UNSET, None, "okay_nabu"]),
)


def comments_of(text: str) -> list[str]:
    return [line.split("# ", 1)[1] for line in text.splitlines() if "# " in line]


@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(st.sampled_from([GOOD, HAND_WRITTEN, NEW_FILE + "service: {local: true}\n"]), answers, answers)
def test_whatever_is_answered_the_config_says_it_and_is_valid(before: str, first: Answers, second: Answers) -> None:
    text = edited(edited(before, first), second)
    config = read(text, "config.yaml")
    both = second.over(first)
    if both.endpoint is not UNSET:
        assert (config.service.local, config.service.endpoint) == (both.endpoint is None, both.endpoint)
    if both.sign_in is not UNSET:
        device_code = (config.service.auth, config.service.entra.method) == ("entra", "device-code")
        assert device_code == (both.sign_in == "device-code")
    if both.name is not UNSET:
        assert config.names.get("name") == both.name
    if both.greeting is not UNSET:
        assert config.greetings["welcome"].say == both.greeting
    if both.button is not UNSET:
        pins = [trigger.pin for trigger in config.triggers if isinstance(trigger, ButtonTrigger)]
        assert pins[:1] == ([] if both.button is None else [both.button])
    if both.wake_word is not UNSET:
        words = [trigger.word for trigger in config.triggers if isinstance(trigger, WakeWordTrigger)]
        assert words[:1] == ([] if both.wake_word is None else [both.wake_word])
    if both.light is not UNSET:
        kinds = [light.__struct_config__.tag for light in config.lights]
        assert kinds[:1] == ([] if both.light is None else [both.light["type"]])
    assert all(f"# {comment}\n" in text for comment in comments_of(before))


@settings(max_examples=10)
@given(answers)
def test_the_same_answers_once_more_change_nothing(given: Answers) -> None:
    once = edited(GOOD, given)
    assert edited(once, given) == once


def test_no_answer_changes_nothing() -> None:
    assert edited(GOOD, Answers()) == GOOD


def test_a_new_file_holds_what_was_answered_and_nothing_else() -> None:
    given = Answers(endpoint=None, button=17, light={"type": "led", "pin": 25}, greeting="Hi {name}!", name="Lisa")
    assert yaml.safe_load(edited(NEW_FILE, given)) == {
        "service": {"local": True},
        "names": {"name": "Lisa"},
        "greetings": {"welcome": {"say": "Hi {name}!"}},
        "triggers": [{"type": "button", "pin": 17, "greeting": "welcome"}],
        "lights": [{"type": "led", "pin": 25}],
    }


def test_a_button_that_exists_keeps_its_other_settings() -> None:
    config = read(edited(HAND_WRITTEN, Answers(button=22)), "config.yaml")
    assert ButtonTrigger(pin=22, hold_s=2, greeting="welcome") in config.triggers


def test_a_light_of_another_type_takes_the_place_of_the_old_one_which_stays_as_a_comment() -> None:
    text = edited(HAND_WRITTEN, Answers(light={"type": "led", "pin": 25}))
    assert text.endswith(
        "lights:\n  - {type: led, pin: 25}\n# - type: rgb-led   # on the shelf\n  # red: 5\n  # green: 6\n  # blue: 13\n# the end\n"
    )
    assert read(text, "config.yaml").lights == [Led(pin=25)]


def test_one_of_several_that_changes_its_type_leaves_the_others() -> None:
    text = "service: {local: true}\nlights:\n  - {type: led, pin: 24}\n  - {type: led, pin: 25}\n"
    rgb = {"type": "rgb-led", "red": 5, "green": 6, "blue": 13}
    assert read(edited(text, Answers(light=rgb)), "f").lights == [RgbLed(red=5, green=6, blue=13), Led(pin=25)]


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_every_board_answers_for_its_cards_its_button_and_its_light(board: Any) -> None:
    content = yaml.safe_load(board.read_text(encoding="utf-8"))
    config = read(edited(NEW_FILE, from_board(content).over(Answers(endpoint=None))), "config.yaml")
    assert config.audio.speaker.device == content["audio"]["speaker"]["device"]
    assert len(config.triggers) == len(content.get("triggers", []))
    assert len(config.lights) == len(content.get("lights", []))


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: 1\nb: 2\n", ("a",), "# a: 1\nb: 2\n"),
        ("a:\n  - 1   # one\n  - 2\n", ("a", 0), "a:\n  # - 1   # one\n  - 2\n"),
        ("a: |\n  x\n  y\nb: 2\n", ("a",), "# a: |\n  # x\n  # y\nb: 2\n"),
        ("a: {b: 1, c: 2}\n", ("a", "b"), "a: {c: 2}\n"),
        ("a: 1\n", ("b",), "a: 1\n"),
        ("a: 1\n", ("a", "b"), "a: 1\n"),
        ("", ("b",), ""),
    ],
)
def test_what_is_taken_out_becomes_a_comment(text: str, path: tuple[str | int, ...], after: str) -> None:
    assert commented_out(text, path) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "lights:\n  - {type: led, pin: 1}\n"),
        ("a: 1", "a: 1\nlights:\n  - {type: led, pin: 1}\n"),
        ("lights:\n  # none yet\n", "lights:\n  - {type: led, pin: 1}\n  # none yet\n"),
        ("lights: []\n", "lights: [{type: led, pin: 1}]\n"),
        ("lights: [{type: x, pin: 2}]\n", "lights: [{type: led, pin: 1}, {type: x, pin: 2}]\n"),
        ("lights:\n- {type: x}\n", "lights:\n- {type: led, pin: 1}\n- {type: x}\n"),
        ("lights:\n  - {type: led, pin: 2}\n", "lights:\n  - {type: led, pin: 1}\n"),
    ],
)
def test_an_entry_is_added_as_the_first_or_changed(text: str, after: str) -> None:
    assert with_entry(text, "lights", {"led"}, {"type": "led", "pin": 1}) == after
