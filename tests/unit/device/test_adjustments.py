"""Settings that a person changes without the config file: what counts, over restarts and changes of the config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_daemon.config.settings import ButtonTrigger, Config, Greeting, Service, Trigger, WakeWordTrigger
from device_daemon.device.adjustments import Adjustments
from device_daemon.device.control_protocol import Refused
from device_daemon.device.event_stream import EventStream
from device_daemon.system.saved_state import SavedState

BUTTON = ButtonTrigger(pin=17, greeting="welcome")
WORD = WakeWordTrigger(word="okay_nabu", sensitivity=0.4)


class Speaker:
    """The adjustments after a start, with the state file of the start before."""

    def __init__(self, folder: Path, *triggers: Trigger) -> None:
        greetings = {"welcome": Greeting(say="Hi."), "late": Greeting(say="You are late.")}
        config = Config(service=Service(local=True), greetings=greetings, triggers=list(triggers))
        self.saved_state, events = SavedState(folder), EventStream()
        self.events = events.subscribe()
        self.adjustments = Adjustments(config, self.saved_state, events)


async def test_a_greeting_that_is_chosen_is_that_of_the_first_button_over_restarts(tmp_path: Path) -> None:
    other = ButtonTrigger(pin=27, greeting="welcome")
    first = Speaker(tmp_path, other, BUTTON)
    assert first.adjustments.choose_greeting("late") == "ok: the first button begins with late"
    await first.saved_state.flush()
    second = Speaker(tmp_path, other, BUTTON).adjustments
    assert (second.greeting_of(other), second.greeting_of(BUTTON)) == ("late", "welcome")
    assert second.default_greeting == "late", "a press from the control socket is one of the first button"
    assert second.status()["button_greeting"] == "late"


async def test_a_sensitivity_reaches_the_engine_and_outlives_a_restart(tmp_path: Path) -> None:
    first = Speaker(tmp_path, WORD)
    told: list[tuple[str, float]] = []
    first.adjustments.on_sensitivity = lambda word, sensitivity: told.append((word, sensitivity))
    first.adjustments.set_sensitivity("okay_nabu", 0.7)
    assert told == [("okay_nabu", 0.7)]
    await first.saved_state.flush()
    assert Speaker(tmp_path, WORD).adjustments.sensitivities == {"okay_nabu": 0.7}


async def test_a_value_that_is_changed_in_the_config_counts_again(tmp_path: Path) -> None:
    first = Speaker(tmp_path, BUTTON, WORD)
    first.adjustments.choose_greeting("none")
    first.adjustments.set_sensitivity("okay_nabu", 0.7)
    await first.saved_state.flush()
    button, word = ButtonTrigger(pin=17, greeting="late"), WakeWordTrigger(word="okay_nabu", sensitivity=0.6)
    second = Speaker(tmp_path, button, word).adjustments
    assert (second.greeting_of(button), second.sensitivity_of(word)) == ("late", 0.6)


async def test_what_is_set_back_to_the_configs_value_is_no_adjustment(tmp_path: Path) -> None:
    speaker = Speaker(tmp_path, WORD)
    speaker.adjustments.set_sensitivity("okay_nabu", 0.7)
    speaker.adjustments.set_sensitivity("okay_nabu", 0.4)
    assert speaker.saved_state.remembered.adjusted == {}


async def test_each_change_is_an_event(tmp_path: Path) -> None:
    speaker = Speaker(tmp_path, BUTTON)
    speaker.adjustments.choose_greeting("late")
    event = await speaker.events.next()
    assert (event.setting, event.value) == ("button-greeting", "late")  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", ["gone", 7, "1e400", 1.5, "late\x1b"])
async def test_what_a_state_file_has_and_no_setting_takes_does_not_count(tmp_path: Path, value: str | float) -> None:
    adjusted = {
        "button greeting": {"instead_of": "welcome", "value": value},
        "okay_nabu": {"instead_of": 0.4, "value": value},
    }
    (tmp_path / "memory.json").write_text(json.dumps({"muted": False, "adjusted": adjusted}), encoding="utf-8")
    adjustments = Speaker(tmp_path, BUTTON, WORD).adjustments
    assert (adjustments.greeting_of(BUTTON), adjustments.sensitivity_of(WORD)) == ("welcome", 0.4)


async def test_what_cannot_be_set_is_refused_with_what_can(tmp_path: Path) -> None:
    adjustments = Speaker(tmp_path, BUTTON, WORD).adjustments
    with pytest.raises(Refused, match="there are: welcome, late, none"):
        adjustments.choose_greeting("goodbye")
    with pytest.raises(Refused, match="there are: okay_nabu"):
        adjustments.set_sensitivity("alexa", 0.5)
    for wrong in (-0.1, 1.1, float("nan"), float("inf")):
        with pytest.raises(Refused, match="from 0 to 1"):
            adjustments.set_sensitivity("okay_nabu", wrong)
    with pytest.raises(Refused, match="no button"):
        Speaker(tmp_path).adjustments.choose_greeting("welcome")
