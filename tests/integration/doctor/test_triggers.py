"""Buttons that are pressed, sensors that are walked past, words that are said and schedules that are read."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Literal
from zoneinfo import ZoneInfo

import gpiozero
import numpy as np
import pytest

from device_daemon.config.settings import (
    ButtonTrigger,
    Config,
    MicrophoneSettings,
    MotionTrigger,
    ScheduleTrigger,
    Service,
    WakeWordTrigger,
)
from device_daemon.doctor import checklist, remedies, triggers
from device_daemon.doctor.board import Board
from device_daemon.doctor.findings import Finding, Status, failed, ok
from device_daemon.doctor.person import ANSWER_DEADLINE_S, Nobody
from device_daemon.doctor.recording import Listening
from device_daemon.doctor.runner import Check, CheckRunner
from device_daemon.doctor.settings import Settings
from device_daemon.system import clock_sync
from device_daemon.triggers.schedule import local_zone
from device_daemon.triggers.wakeword_engine import INSTALL_COMMAND
from scripts.rig import words
from scripts.rig.card import SimulatedCard
from scripts.rig.tracks import Samples
from tests.unit.doctor.test_gpio_checks import Somebody

CONFIG = Path("/etc/voicelive-speaker/config.yaml")
BUTTON = ButtonTrigger(pin=17)
SENSOR = MotionTrigger(pin=4)
WORD = WakeWordTrigger(word="okay_nabu", refractory_s=3600)
OTHER_WORD = WakeWordTrigger(word="Alexa")
MICROPHONE = MicrophoneSettings(periods=16)  # a busy machine must not cost samples: that has tests of its own
SCHEDULE = ScheduleTrigger(at="07:30", days="mon-fri")
DEADLINE_S = 10.0


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "PRESS_DEADLINE_S", 0.2)
    monkeypatch.setattr(triggers, "PASSAGE_DEADLINE_S", 0.3)
    monkeypatch.setattr(triggers, "ROOM_MS", 300)


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedCard]:
    """A microphone in a quiet room."""
    card = SimulatedCard(tmp_path / "card", history_s=60.0)
    for name, value in card.environment().items():
        monkeypatch.setenv(name, value)
    card.say(words.in_room(np.zeros(24_000 * 20, np.int16), 0))
    yield card
    assert not card.microphone_open
    assert "wake-words" not in {thread.name for thread in threading.enumerate()}


class Caller(Somebody):
    """A person who says in turn what they are asked to, or what comes to their mind."""

    def __init__(self, card: SimulatedCard, *said: str) -> None:
        super().__init__()
        self._card = card
        self._said = list(said)

    def tell(self, line: str, /) -> None:
        super().tell(line)
        if self._said:
            self._card.say(spoken(self._said.pop(0)))


def spoken(word: str) -> Samples:
    """Somebody's call, with less of the quiet before it."""
    call = next(words.calls(word, words.VOICINGS[:1]))
    return call.samples[round((words.LEAD_S - 0.3) * 24_000) :]


async def found(check: Check, deadline_s: float = DEADLINE_S) -> list[Finding]:
    rounds = CheckRunner(lambda _: None, lambda error: remedies.mend_for(error, CONFIG))
    await rounds.look("thing", check, deadline_s)
    return rounds.findings


async def only(check: Check) -> Finding:
    (finding,) = await found(check)
    return finding


def by_itself(gpio: Any, pin: int, *, high: bool) -> None:
    """What is wired to the pin is stronger than its resistor."""
    gpio.pin(pin)._set_pull = lambda _: None
    (gpio.pin(pin).drive_high if high else gpio.pin(pin).drive_low)()


@pytest.mark.parametrize("mode", ["press", "push-to-talk"])
async def test_a_press_that_arrives_is_ok_in_either_mode(mode: Literal["press", "push-to-talk"], gpio: Any) -> None:
    person = Somebody(does=gpio.pin(17).drive_low)
    finding = await only(triggers.look_at_button(ButtonTrigger(pin=17, mode=mode), person, CONFIG))
    assert (finding.status, finding.what) == (Status.OK, "pressed")
    assert person.asked == ["press the button on pin 17 now"]


@pytest.mark.usefixtures("gpio")
async def test_one_that_does_not_names_the_wires() -> None:
    finding = await only(triggers.look_at_button(BUTTON, Somebody(), CONFIG))
    assert finding.status is Status.FAILED
    assert "GPIO 17, the other to ground" in finding.mend


async def test_a_button_that_is_pressed_by_nobody_is_a_failure_with_or_without_a_person(gpio: Any) -> None:
    by_itself(gpio, 17, high=False)
    for person in (Nobody(), Somebody()):
        finding = await only(triggers.look_at_button(BUTTON, person, CONFIG))
        assert finding.status is Status.FAILED
        assert finding.mend == f"sudo nano {CONFIG}    # active_high: true, or its wires"


@pytest.mark.usefixtures("gpio")
async def test_without_a_person_it_is_only_read() -> None:
    assert (await only(triggers.look_at_button(BUTTON, Nobody(), CONFIG))).status is Status.OK


@pytest.mark.parametrize("active_high", [True, False])
async def test_a_sensor_that_sees_somebody_walk_past_is_ok(active_high: bool, gpio: Any) -> None:
    pin = gpio.pin(4)
    person = Somebody(does=pin.drive_high if active_high else pin.drive_low)
    finding = await only(triggers.look_at_motion(MotionTrigger(pin=4, active_high=active_high), person, CONFIG))
    assert (finding.name, finding.status) == ("motion sensor on pin 4", Status.OK)
    assert person.asked == ["walk past the motion sensor on pin 4"]


@pytest.mark.usefixtures("gpio")
async def test_one_that_sees_nobody_names_its_wires_and_which_way_round_it_is() -> None:
    finding = await only(triggers.look_at_motion(SENSOR, Somebody(), CONFIG))
    assert (finding.status, finding.what) == (Status.FAILED, "saw nobody within 0.3 s")
    wires, setting = finding.mend.splitlines()
    assert "output to GPIO 4" in wires
    assert setting == f"sudo nano {CONFIG}    # active_high: false, or triggers: pin"


async def test_one_that_sees_the_person_already_has_to_see_them_once_more(gpio: Any) -> None:
    by_itself(gpio, 4, high=True)
    person = Somebody()
    finding = await only(triggers.look_at_motion(SENSOR, person, CONFIG))
    assert finding.status is Status.NOTE
    assert "active_high: false" in finding.mend
    assert "keep out of its sight" in person.asked[0]

    def walk() -> None:
        gpio.pin(4).drive_low()
        gpio.pin(4).drive_high()

    finding = await only(triggers.look_at_motion(SENSOR, Somebody(does=walk), CONFIG))
    assert finding.status is Status.OK


async def test_without_a_person_a_sensor_is_only_read_and_is_no_failure_when_it_sees_somebody(gpio: Any) -> None:
    finding = await only(triggers.look_at_motion(SENSOR, Nobody(), CONFIG))
    assert (finding.status, finding.what) == (Status.OK, "can be read, and sees nobody")
    by_itself(gpio, 4, high=True)
    finding = await only(triggers.look_at_motion(SENSOR, Nobody(), CONFIG))
    assert (finding.status, finding.what) == (Status.NOTE, "can be read, and sees somebody")


@pytest.mark.usefixtures("gpio")
async def test_what_is_cut_short_gives_its_pin_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "PRESS_DEADLINE_S", DEADLINE_S)
    monkeypatch.setattr(triggers, "PASSAGE_DEADLINE_S", DEADLINE_S)
    for check in (
        triggers.look_at_button(BUTTON, Somebody(), CONFIG),
        triggers.look_at_motion(SENSOR, Somebody(), CONFIG),
    ):
        (finding,) = await found(check, deadline_s=0.05)
        assert finding.what.startswith("could not be checked: no result")
    for pin in (BUTTON.pin, SENSOR.pin):
        gpiozero.LED(pin).close()


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("2026-01-05T05:00", "next on Monday, 5 January, at 07:30, Europe/Berlin"),
        ("2026-01-05T06:30", "next on Tuesday, 6 January, at 07:30, Europe/Berlin"),
        ("2026-03-27T12:00", "next on Monday, 30 March, at 07:30, Europe/Berlin"),  # and summer time begins
    ],
)
def test_a_schedule_says_when_it_is_due_next_by_the_clock_on_the_wall(now: str, told: str) -> None:
    now_s = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp() + 0.3
    finding = triggers.judge_schedule(SCHEDULE, now_s, ZoneInfo("Europe/Berlin"), clock_is_set=True)
    assert finding == ok("schedule 07:30 mon-fri", told)


def test_a_schedule_waits_for_the_clock_to_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_sync, "is_kept", lambda: True)
    finding = triggers.judge_schedule(SCHEDULE, 1e9, UTC, clock_is_set=False)
    assert finding.status is Status.NOTE
    assert "not before the clock is set" in finding.what
    assert finding.mend == remedies.SET_CLOCK


async def test_a_schedule_goes_by_the_clock_and_the_zone_of_this_device() -> None:
    finding = await only(triggers.look_at_schedule(SCHEDULE))
    assert finding.status is (Status.OK if clock_sync.is_set() else Status.NOTE)
    assert f", {local_zone()}" in finding.what


async def test_without_a_person_the_engine_listens_to_what_the_microphone_gives(card: SimulatedCard) -> None:
    began_s = card.time_of(card.now_frame())
    findings = await found(triggers.look_at_words([WORD, OTHER_WORD], MICROPHONE, Nobody(), CONFIG))
    assert [(finding.name, finding.status) for finding in findings] == [
        ("wake word okay_nabu", Status.OK),
        ("wake word Alexa", Status.OK),
    ]
    assert card.captured_until_s >= began_s + triggers.ROOM_MS / 1000


async def test_each_word_is_asked_for_and_heard_whatever_quiet_the_config_wants_between_them(
    card: SimulatedCard,
) -> None:
    person = Caller(card, "okay_nabu", "alexa")
    findings = await found(triggers.look_at_words([WORD, OTHER_WORD], MICROPHONE, person, CONFIG))
    assert [(finding.name, finding.what) for finding in findings] == [
        ("wake word okay_nabu", "heard"),
        ("wake word Alexa", "heard"),
    ]
    assert person.asked == ["say okay nabu", "say alexa"]


async def test_a_word_that_is_not_heard_names_what_makes_it_heard(
    card: SimulatedCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "WORD_DEADLINE_S", 0.2)
    finding = await only(triggers.look_at_words([WORD], MICROPHONE, Caller(card), CONFIG))
    assert (finding.status, finding.what) == (Status.FAILED, "not heard within 0.2 s")
    assert finding.mend.startswith(f"sudo nano {CONFIG}    # sensitivity: up to 1, now 0.5")
    assert "gain_db" in finding.mend


async def test_only_the_word_that_was_asked_for_counts_and_only_from_then_on() -> None:
    heard = Listening()
    waiting = asyncio.ensure_future(heard.until_heard("okay_nabu", after_s=7.0))
    for word, ends_at_s in ((WORD, 6.9), (OTHER_WORD, 7.5)):
        await asyncio.sleep(0)
        heard.take(word, ends_at_s)
    await asyncio.sleep(0)
    assert not waiting.done()
    heard.take(WORD, 8.0)
    await asyncio.wait_for(waiting, DEADLINE_S)


async def test_without_the_engine_the_mend_is_the_command_that_installs_it_and_nothing_is_opened(
    card: SimulatedCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_s = card.captured_until_s
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    finding = await only(triggers.look_at_words([WORD], MICROPHONE, Nobody(), CONFIG))
    assert (finding.status, finding.mend) == (Status.FAILED, INSTALL_COMMAND)
    assert "not installed" in finding.what
    assert card.captured_until_s == began_s


@pytest.mark.usefixtures("card")
async def test_an_engine_that_does_not_load_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ModuleType("pymicro_wakeword")
    broken.__spec__ = importlib.util.find_spec("pymicro_wakeword")
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", broken)
    finding = await only(triggers.look_at_words([WORD], MICROPHONE, Nobody(), CONFIG))
    assert (finding.status, finding.mend) == (Status.FAILED, INSTALL_COMMAND)
    assert "does not load" in finding.what


@pytest.mark.usefixtures("card")
async def test_a_word_that_is_not_installed_is_told_with_those_that_are() -> None:
    finding = await only(triggers.look_at_words([WakeWordTrigger(word="computer")], MICROPHONE, Nobody(), CONFIG))
    assert "choose one of alexa, hey_jarvis, hey_mycroft, okay_nabu" in finding.what
    assert finding.mend == f"sudo nano {CONFIG}    # triggers: word"


async def test_a_microphone_that_goes_meanwhile_is_told_by_its_own_error(card: SimulatedCard) -> None:
    finding = await only(triggers.look_at_words([WORD], MICROPHONE, Somebody(does=card.unplug), CONFIG))
    assert finding.status is Status.FAILED
    assert "microphone" in finding.what
    assert finding.mend.startswith("journalctl -k")


async def test_cut_short_while_somebody_is_waited_for_the_microphone_is_closed(card: SimulatedCard) -> None:
    open_then: list[bool] = []

    def interrupt() -> None:
        open_then.append(card.microphone_open)
        looking.cancel()

    check = triggers.look_at_words([WORD], MICROPHONE, Somebody(does=interrupt), CONFIG)
    looking = asyncio.ensure_future(found(check))
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(looking, DEADLINE_S)
    assert open_then == [True]  # and the fixture sees that it no longer is


class Unhurried(CheckRunner):
    """Looks at nothing, and notes how long each look might have taken."""

    def __init__(self) -> None:
        super().__init__(lambda _: None, str)
        self.deadlines_s: dict[str, float] = {}

    async def look(self, name: str, check: Check, deadline_s: float) -> bool:
        await check.aclose()
        self.deadlines_s[name] = deadline_s
        return True


def settings_with(*configured: Any) -> Settings:
    return Settings(CONFIG, {}, config=Config(Service(local=True), triggers=list(configured)))


async def test_a_person_has_more_time_than_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    settings, rounds = settings_with(BUTTON, SENSOR, WORD, OTHER_WORD, SCHEDULE), Unhurried()
    await checklist._look_at_panel(rounds, settings, Board(), Nobody())
    await checklist._look_at_words(rounds, settings, Nobody())
    assert rounds.deadlines_s["button on pin 17"] > triggers.PRESS_DEADLINE_S + ANSWER_DEADLINE_S / 2
    assert rounds.deadlines_s["motion sensor on pin 4"] > triggers.PASSAGE_DEADLINE_S + 5
    assert rounds.deadlines_s["wake words"] > 2 * triggers.WORD_DEADLINE_S + 20


@pytest.mark.parametrize("name", ["microphone", "microphone sound"])
async def test_what_the_microphone_failed_at_is_the_reason_why_no_word_is_listened_for(name: str) -> None:
    rounds = Unhurried()
    rounds.add(failed(name, "no", "mend it"))
    await checklist._look_at_words(rounds, settings_with(WORD), Nobody())
    assert not rounds.deadlines_s
    finding = rounds.findings[-1]
    assert (finding.name, finding.status) == ("wake words", Status.SKIPPED)
    assert finding.what == f"needs what failed above: {name}"


async def test_where_no_word_is_configured_nothing_is_said_of_words() -> None:
    rounds = Unhurried()
    rounds.add(failed("microphone", "no", "mend it"))
    await checklist._look_at_words(rounds, settings_with(BUTTON), Nobody())
    assert (len(rounds.findings), rounds.deadlines_s) == (1, {})
