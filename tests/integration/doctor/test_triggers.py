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
from device_daemon.doctor.recording import WakeWordEvents
from device_daemon.doctor.runner import Check, CheckRunner
from device_daemon.doctor.settings import Settings
from device_daemon.system import clock_sync
from device_daemon.system.time_zone import local_zone
from device_daemon.triggers.wakeword_models import INSTALL_COMMAND
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


QUICK = triggers.PersonDeadlines(press_s=0.2, passage_s=0.3, warm_up_ms=300)
PATIENT = triggers.PersonDeadlines(press_s=DEADLINE_S, passage_s=DEADLINE_S)


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
    """A person who says these words one after the other, each when asked to."""

    def __init__(self, card: SimulatedCard, *said: str) -> None:
        super().__init__()
        self._card = card
        self._said = list(said)

    def instruct(self, line: str, /) -> None:
        super().instruct(line)
        if self._said:
            self._card.say(spoken(self._said.pop(0)))


def spoken(word: str) -> Samples:
    """A call of a word, with less silence before it."""
    call = next(words.calls(word, words.VOICINGS[:1]))
    return call.samples[round((words.LEAD_S - 0.3) * 24_000) :]


async def found(check: Check, deadline_s: float = DEADLINE_S) -> list[Finding]:
    runner = CheckRunner(lambda _: None, lambda error: remedies.remedy_for(error, CONFIG))
    await runner.run("thing", check, deadline_s)
    return runner.findings


async def only(check: Check) -> Finding:
    (finding,) = await found(check)
    return finding


def driven(gpio: Any, pin: int, *, high: bool) -> None:
    """The circuit at the pin is stronger than the pull resistor."""
    gpio.pin(pin)._set_pull = lambda _: None
    (gpio.pin(pin).drive_high if high else gpio.pin(pin).drive_low)()


@pytest.mark.parametrize("mode", ["press", "push-to-talk"])
async def test_a_press_that_arrives_is_ok_in_either_mode(mode: Literal["press", "push-to-talk"], gpio: Any) -> None:
    person = Somebody(does=gpio.pin(17).drive_low)
    finding = await only(triggers.check_button(ButtonTrigger(pin=17, mode=mode), person, CONFIG, QUICK))
    assert (finding.status, finding.what) == (Status.OK, "pressed")
    assert person.asked == ["press the button on pin 17 now"]


@pytest.mark.usefixtures("gpio")
async def test_a_press_that_does_not_arrive_names_the_wires() -> None:
    finding = await only(triggers.check_button(BUTTON, Somebody(), CONFIG, QUICK))
    assert finding.status is Status.FAILED
    assert "GPIO 17, the other to ground" in finding.remedy


async def test_a_button_that_is_pressed_by_nobody_is_a_failure_with_or_without_a_person(gpio: Any) -> None:
    driven(gpio, 17, high=False)
    for person in (Nobody(), Somebody()):
        finding = await only(triggers.check_button(BUTTON, person, CONFIG, QUICK))
        assert finding.status is Status.FAILED
        assert finding.remedy == f"sudo nano {CONFIG}    # active_high: true, or check its wires"


@pytest.mark.usefixtures("gpio")
async def test_without_a_person_a_button_is_only_read() -> None:
    assert (await only(triggers.check_button(BUTTON, Nobody(), CONFIG, QUICK))).status is Status.OK


@pytest.mark.parametrize("active_high", [True, False])
async def test_a_sensor_that_sees_somebody_walk_past_is_ok(active_high: bool, gpio: Any) -> None:
    pin = gpio.pin(4)
    person = Somebody(does=pin.drive_high if active_high else pin.drive_low)
    finding = await only(triggers.check_motion(MotionTrigger(pin=4, active_high=active_high), person, CONFIG, QUICK))
    assert (finding.name, finding.status) == ("motion sensor on pin 4", Status.OK)
    assert person.asked == ["walk past the motion sensor on pin 4"]


@pytest.mark.usefixtures("gpio")
async def test_a_sensor_that_sees_nobody_names_its_wires_and_its_polarity() -> None:
    finding = await only(triggers.check_motion(SENSOR, Somebody(), CONFIG, QUICK))
    assert (finding.status, finding.what) == (Status.FAILED, "detected nobody within 0.3 s")
    wires, setting = finding.remedy.splitlines()
    assert "output to GPIO 4" in wires
    assert setting == f"sudo nano {CONFIG}    # active_high: false, or triggers: pin"


async def test_a_sensor_that_sees_the_person_already_has_to_see_them_once_more(gpio: Any) -> None:
    driven(gpio, 4, high=True)
    person = Somebody()
    finding = await only(triggers.check_motion(SENSOR, person, CONFIG, QUICK))
    assert finding.status is Status.NOTE
    assert "active_high: false" in finding.remedy
    assert "keep out of its sight" in person.asked[0]

    def walk() -> None:
        gpio.pin(4).drive_low()
        gpio.pin(4).drive_high()

    finding = await only(triggers.check_motion(SENSOR, Somebody(does=walk), CONFIG, QUICK))
    assert finding.status is Status.OK


async def test_without_a_person_a_sensor_is_only_read_and_is_no_failure_when_it_sees_somebody(gpio: Any) -> None:
    finding = await only(triggers.check_motion(SENSOR, Nobody(), CONFIG, QUICK))
    assert (finding.status, finding.what) == (Status.OK, "not active")
    driven(gpio, 4, high=True)
    finding = await only(triggers.check_motion(SENSOR, Nobody(), CONFIG, QUICK))
    assert (finding.status, finding.what) == (Status.NOTE, "active: it sees somebody")


@pytest.mark.usefixtures("gpio")
async def test_a_check_that_is_cut_short_releases_its_pin() -> None:
    for check in (
        triggers.check_button(BUTTON, Somebody(), CONFIG, PATIENT),
        triggers.check_motion(SENSOR, Somebody(), CONFIG, PATIENT),
    ):
        (finding,) = await found(check, deadline_s=0.05)
        assert finding.what.startswith("could not be checked: no result")
    for pin in (BUTTON.pin, SENSOR.pin):
        gpiozero.LED(pin).close()


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        ("2026-01-05T05:00", "next on Monday, 5 January, at 07:30, Europe/Berlin"),
        ("2026-01-05T06:30", "next on Tuesday, 6 January, at 07:30, Europe/Berlin"),
        ("2026-03-27T12:00", "next on Monday, 30 March, at 07:30, Europe/Berlin"),  # and summer time begins
    ],
)
def test_a_schedule_says_when_it_is_due_next_by_the_clock_on_the_wall(now: str, sentence: str) -> None:
    now_s = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp() + 0.3
    finding = triggers.judge_schedule(SCHEDULE, now_s, ZoneInfo("Europe/Berlin"), clock_is_set=True)
    assert finding == ok("schedule 07:30 mon-fri", sentence)


def test_a_schedule_waits_for_the_clock_to_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_sync, "is_kept", lambda: True)
    finding = triggers.judge_schedule(SCHEDULE, 1e9, UTC, clock_is_set=False)
    assert finding.status is Status.NOTE
    assert "not before the clock is set" in finding.what
    assert finding.remedy == remedies.SET_CLOCK


async def test_a_schedule_goes_by_the_clock_and_the_zone_of_this_device() -> None:
    finding = await only(triggers.check_schedule(SCHEDULE))
    assert finding.status is (Status.OK if clock_sync.is_set() else Status.NOTE)
    assert f", {local_zone()}" in finding.what


async def test_without_a_person_the_engine_listens_to_what_the_microphone_gives(card: SimulatedCard) -> None:
    began_s = card.time_of(card.now_frame())
    findings = await found(triggers.check_wake_words([WORD, OTHER_WORD], MICROPHONE, Nobody(), CONFIG, QUICK))
    assert [(finding.name, finding.status) for finding in findings] == [
        ("wake word okay_nabu", Status.OK),
        ("wake word Alexa", Status.OK),
    ]
    assert card.captured_until_s >= began_s + QUICK.warm_up_ms / 1000


async def test_each_word_is_asked_for_and_heard_whatever_quiet_the_config_wants_between_them(
    card: SimulatedCard,
) -> None:
    person = Caller(card, "okay_nabu", "alexa")
    findings = await found(triggers.check_wake_words([WORD, OTHER_WORD], MICROPHONE, person, CONFIG, QUICK))
    assert [(finding.name, finding.what) for finding in findings] == [
        ("wake word okay_nabu", "heard"),
        ("wake word Alexa", "heard"),
    ]
    assert person.asked == ["say okay nabu", "say alexa"]
    assert max(person.scores) > 1.0, "and how sure the engine was is shown meanwhile"


async def test_a_word_that_is_not_heard_names_what_makes_it_heard(
    card: SimulatedCard,
) -> None:
    finding = await only(
        triggers.check_wake_words(
            [WORD], MICROPHONE, Caller(card), CONFIG, triggers.PersonDeadlines(word_s=0.5, warm_up_ms=300)
        )
    )
    assert (finding.status, finding.what) == (Status.FAILED, "not heard within 0.5 s; at best it was 0% sure of it")
    assert finding.remedy.startswith(f"sudo nano {CONFIG}    # sensitivity: up to 1, now 0.5")
    assert "gain_db" in finding.remedy


async def test_only_the_word_that_was_asked_for_counts_and_only_from_then_on() -> None:
    heard = WakeWordEvents()
    waiting = asyncio.ensure_future(heard.until_heard("okay_nabu", after_s=7.0))
    for word, ends_at_s in ((WORD, 6.9), (OTHER_WORD, 7.5)):
        await asyncio.sleep(0)
        heard.take(word, ends_at_s)
    await asyncio.sleep(0)
    assert not waiting.done()
    heard.take(WORD, 8.0)
    await asyncio.wait_for(waiting, DEADLINE_S)


async def test_without_the_engine_the_remedy_is_the_command_that_installs_it_and_nothing_is_opened(
    card: SimulatedCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_s = card.captured_until_s
    for package in ("pymicro_wakeword", "pyopen_wakeword"):
        monkeypatch.setitem(sys.modules, package, None)
    finding = await only(triggers.check_wake_words([WORD], MICROPHONE, Nobody(), CONFIG, QUICK))
    assert (finding.status, finding.remedy) == (Status.FAILED, INSTALL_COMMAND)
    assert "not installed" in finding.what
    assert card.captured_until_s == began_s


@pytest.mark.usefixtures("card")
async def test_an_engine_that_does_not_load_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ModuleType("pymicro_wakeword")
    broken.__spec__ = importlib.util.find_spec("pymicro_wakeword")
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", broken)
    finding = await only(triggers.check_wake_words([WORD], MICROPHONE, Nobody(), CONFIG, QUICK))
    assert (finding.status, finding.remedy) == (Status.FAILED, INSTALL_COMMAND)
    assert "does not load" in finding.what


@pytest.mark.usefixtures("card")
async def test_a_word_that_is_not_installed_is_reported_with_those_that_are() -> None:
    finding = await only(
        triggers.check_wake_words([WakeWordTrigger(word="computer")], MICROPHONE, Nobody(), CONFIG, QUICK)
    )
    assert "choose one of alexa, hey_jarvis, hey_mycroft, hey_rhasspy, okay_nabu" in finding.what
    assert finding.remedy == f"sudo nano {CONFIG}    # triggers: word"


async def test_a_microphone_that_is_unplugged_meanwhile_is_reported_by_its_own_error(card: SimulatedCard) -> None:
    finding = await only(triggers.check_wake_words([WORD], MICROPHONE, Somebody(does=card.unplug), CONFIG, QUICK))
    assert finding.status is Status.FAILED
    assert "microphone" in finding.what
    assert finding.remedy.startswith("journalctl -k")


async def test_cut_short_while_somebody_is_waited_for_the_microphone_is_closed(card: SimulatedCard) -> None:
    open_then: list[bool] = []

    def interrupt() -> None:
        open_then.append(card.microphone_open)
        looking.cancel()

    check = triggers.check_wake_words([WORD], MICROPHONE, Somebody(does=interrupt), CONFIG, QUICK)
    looking = asyncio.ensure_future(found(check))
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(looking, DEADLINE_S)
    assert open_then == [True]  # and the fixture sees that it no longer is


class DeadlineRecorder(CheckRunner):
    """Runs no check, and records the deadline of each."""

    def __init__(self) -> None:
        super().__init__(lambda _: None, str)
        self.deadlines_s: dict[str, float] = {}

    async def run(self, name: str, check: Check, deadline_s: float) -> bool:
        await check.aclose()
        self.deadlines_s[name] = deadline_s
        return True


def settings_with(*configured: Any) -> Settings:
    return Settings(CONFIG, {}, config=Config(Service(local=True), triggers=list(configured)))


async def test_a_check_has_more_time_than_the_person_it_waits_for() -> None:
    settings, runner = settings_with(BUTTON, SENSOR, WORD, OTHER_WORD, SCHEDULE), DeadlineRecorder()
    await checklist._check_gpio(runner, settings, Board(), Nobody())
    await checklist._check_wake_words(runner, settings, Nobody())
    assert runner.deadlines_s["button on pin 17"] > triggers.DEADLINES.press_s + ANSWER_DEADLINE_S / 2
    assert runner.deadlines_s["motion sensor on pin 4"] > triggers.DEADLINES.passage_s + 5
    assert runner.deadlines_s["wake words"] > 2 * triggers.DEADLINES.word_s + 20


@pytest.mark.parametrize("name", ["microphone", "microphone sound"])
async def test_what_the_microphone_failed_at_is_the_reason_why_no_word_is_listened_for(name: str) -> None:
    runner = DeadlineRecorder()
    runner.add(failed(name, "no", "fix it"))
    await checklist._check_wake_words(runner, settings_with(WORD), Nobody())
    assert not runner.deadlines_s
    finding = runner.findings[-1]
    assert (finding.name, finding.status) == ("wake words", Status.SKIPPED)
    assert finding.what == f"needs what failed above: {name}"


async def test_where_no_word_is_configured_no_word_is_reported() -> None:
    runner = DeadlineRecorder()
    runner.add(failed("microphone", "no", "fix it"))
    await checklist._check_wake_words(runner, settings_with(BUTTON), Nobody())
    assert (len(runner.findings), runner.deadlines_s) == (1, {})
