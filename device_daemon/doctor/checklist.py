"""Checklist: all checks of the device, ordered by what they depend on."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from device_daemon.config.settings import (
    Audio,
    ButtonTrigger,
    Config,
    MotionTrigger,
    ScheduleTrigger,
    Trigger,
    WakeWordTrigger,
)
from device_daemon.doctor import gpio_checks, network, remedies, triggers
from device_daemon.doctor.board import Board
from device_daemon.doctor.findings import Finding, Status, failed, skipped
from device_daemon.doctor.person import Nobody, Person, Terminal
from device_daemon.doctor.runner import CheckRunner
from device_daemon.doctor.service import UNIT, ServiceChecks, judge_mute
from device_daemon.doctor.service_view import CHILD_DEADLINE_S, check_as_service
from device_daemon.doctor.service_view import NAME as AS_SERVICE
from device_daemon.doctor.settings import Settings
from device_daemon.doctor.sound import SoundChecks
from device_daemon.errors import SettingUnusable
from device_daemon.localservice.child import LocalClient
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import Credential

Kind = TypeVar("Kind", bound=Trigger)

QUICK_S = 5.0
ASKING_S = 15.0
"""For checks that run another program or use the network."""
SESSION_S = 30.0
SOUND_S = 20.0
WITH_PERSON_S = 30.0
"""Longer than the time a person has to answer, to press, or to walk past."""
ENGINE_S = 30.0
"""For loading the wake word engine from a slow SD card."""


class CheckupResult(Struct, frozen=True):
    """All results of one run."""

    findings: list[Finding]
    status: Mapping[str, object] | None
    """`status` of the running speaker, if there is one."""
    secrets: list[str]
    log: str


def person_at_terminal(*, wanted: bool) -> Person:
    """The person at this terminal; Nobody if input or output is not a terminal."""
    return Terminal() if wanted and sys.stdin.isatty() and sys.stdout.isatty() else Nobody()


async def check_device(
    config_path: Path,
    report: Callable[[Finding], None],
    person: Person,
    environment: Mapping[str, str] = os.environ,
) -> CheckupResult:
    """Run all checks and pass each finding to `report` as soon as it is known. Raises nothing."""
    with _captured_log() as log:
        runner = CheckRunner(report, partial(remedies.remedy_for, config_path=config_path))
        settings, service, board = Settings(config_path, environment), ServiceChecks(environment), Board()
        await runner.run("config", settings.check_config(), QUICK_S)
        await runner.run("service", service.check_unit(), ASKING_S)
        await runner.run("speaker running", service.check_speaker(), ASKING_S)
        await runner.run("storage", service.check_storage(), QUICK_S)
        for finding in judge_mute(service.remembered(), service.status):
            runner.add(finding)
        await runner.run("board", board.check(), ASKING_S)
        await runner.run("clock", network.check_clock(), QUICK_S)
        for schedule in _triggers(settings, ScheduleTrigger):
            await runner.run(f"schedule {schedule.at}", triggers.check_schedule(schedule), QUICK_S)
        if service.installed and os.getuid() == 0:
            await runner.run(AS_SERVICE, check_as_service(UNIT, config_path), CHILD_DEADLINE_S + ASKING_S)
        elif service.installed:
            what = "not checked as the service's user: only root may look from its sandbox"
            runner.add(skipped(AS_SERVICE, what, remedies.AS_ROOT))
        await _check_service_route(runner, settings)
        stopped = await _stop_service(service, person)
        if service.running and not stopped:
            what = "not checked: the running speaker is using it"
            words = ["wake words"] if _triggers(settings, WakeWordTrigger) else []
            for name in ("microphone", "speaker", *words, "lights and buttons"):
                runner.add(skipped(name, what, f"{service.stop_line}, then: voicelive-speaker doctor"))
        else:
            await _check_sound(runner, settings, service, person)
            await _check_wake_words(runner, settings, person)
            await _check_gpio(runner, settings, board, person)
            if not person.present:
                what = "lights, button presses, motion and voice can only be checked with a person"
                runner.add(skipped("person", what, "voicelive-speaker doctor    # in a terminal"))
        if stopped:
            await runner.run("service", service.start(), ASKING_S)
        person.close()
    return CheckupResult(runner.findings, service.status, settings.secrets, log.getvalue())


async def _stop_service(service: ServiceChecks, person: Person) -> bool:
    """Offer to stop the service, which holds cards and pins; whether it was stopped. It is started again at the end."""
    if not (service.running and service.may_be_stopped and person.present):
        return False
    question = "the speaker is running and uses sound card and pins; stop it for this test, and start it again?"
    return bool(await person.confirm(question)) and await service.stop()


async def _check_service_route(runner: CheckRunner, settings: Settings) -> None:
    has_credential = await runner.run("credential", settings.check_credential(), SESSION_S)
    config = settings.config
    if config is None:
        runner.add(skipped("session", "needs a config without errors"))
        return
    if config.service.local:
        local = LocalClient(config)
        try:
            await runner.run("session", network.open_session(local, "the voice service on this machine"), SESSION_S)
        finally:
            await local.close()
        return
    try:
        route = network.route_to(config.service)
    except SettingUnusable as error:
        runner.add(failed("proxy", error.message, "export HTTPS_PROXY=http://host:port    # or: unset HTTPS_PROXY"))
        return
    reaches = await runner.run("name", network.resolve_name(route), ASKING_S) and not _failed(runner, "name")
    if reaches:
        await runner.run("line", network.connect(route), ASKING_S)
    unreachable = next((name for name in ("name", "line", "certificate") if _failed(runner, name)), "")
    if unreachable:
        runner.add(skipped("session", f"needs what failed above: {unreachable}"))
    elif not has_credential or settings.credential is None:
        runner.add(skipped("session", "needs a credential"))
    else:
        client = _client(config, settings.credential)
        try:
            await runner.run("session", network.open_session(client, client.host), SESSION_S)
        finally:
            await client.close()


async def _check_sound(runner: CheckRunner, settings: Settings, service: ServiceChecks, person: Person) -> None:
    audio = settings.config.audio if settings.config else Audio()
    volume = service.remembered().volume
    sound = SoundChecks(audio, audio.speaker.volume if volume is None else volume, settings.path, person)
    speaker = await runner.run("speaker", sound.check_card("playback"), SOUND_S)
    microphone = await runner.run("microphone", sound.check_card("capture"), SOUND_S)
    if microphone:
        await runner.run("microphone sound", sound.check_microphone_sound(), SOUND_S)
    if speaker and microphone:
        await runner.run("echo", sound.check_echo(), SOUND_S + WITH_PERSON_S)
    elif speaker:
        await runner.run("speaker sound", sound.check_speaker_sound(), SOUND_S + WITH_PERSON_S)


async def _check_wake_words(runner: CheckRunner, settings: Settings, person: Person) -> None:
    words = _triggers(settings, WakeWordTrigger)
    if settings.config is None or not words:
        return
    if failure := next((name for name in ("microphone", "microphone sound") if _failed(runner, name)), ""):
        runner.add(skipped("wake words", f"needs what failed above: {failure}"))
        return
    check = triggers.check_wake_words(words, settings.config.audio.microphone, person, settings.path)
    await runner.run("wake words", check, ENGINE_S + len(words) * triggers.DEADLINES.word_s)


async def _check_gpio(runner: CheckRunner, settings: Settings, board: Board, person: Person) -> None:
    config = settings.config
    if config is None:
        runner.add(skipped("lights and buttons", "needs a config without errors"))
        return
    if not await runner.run("gpio", gpio_checks.check_gpio_library(config, board), QUICK_S):
        return
    if any(finding.what == gpio_checks.MOCK_PINS for finding in runner.findings):
        person = Nobody()  # who could neither see a light nor press a button
    for light in config.lights:
        await runner.run(gpio_checks.describe_light(light), gpio_checks.check_light(light, person), WITH_PERSON_S)
    for trigger in config.triggers:
        if isinstance(trigger, ButtonTrigger):
            button = triggers.check_button(trigger, person, settings.path)
            await runner.run(f"button on pin {trigger.pin}", button, WITH_PERSON_S)
        elif isinstance(trigger, MotionTrigger):
            sensor = triggers.check_motion(trigger, person, settings.path)
            await runner.run(f"motion sensor on pin {trigger.pin}", sensor, WITH_PERSON_S)
    if (pin := config.mute.switch_pin) is not None:
        await runner.run(f"mute switch on pin {pin}", gpio_checks.check_mute_switch(pin), QUICK_S)


def _triggers(settings: Settings, kind: type[Kind]) -> list[Kind]:
    """Return the triggers of one kind; none without a valid config."""
    return [trigger for trigger in settings.config.triggers if isinstance(trigger, kind)] if settings.config else []


def _failed(runner: CheckRunner, name: str) -> bool:
    return any(finding.name == name and finding.status is Status.FAILED for finding in runner.findings)


def _client(config: Config, credential: Credential) -> Client:
    return Client(config, config.service.endpoint or "", lambda: credential)


@contextlib.contextmanager
def _captured_log() -> Iterator[io.StringIO]:
    """Capture the log for the support archive; on the terminal it would repeat the findings."""
    logger, root = logging.getLogger("device_daemon"), logging.getLogger()
    before = logger.level
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)  # other libraries' lines, too
    logging.captureWarnings(capture=True)
    logger.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        logging.captureWarnings(capture=False)
        logger.setLevel(before)
