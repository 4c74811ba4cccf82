"""The walk through the whole device, in the order in which one thing needs the other."""

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
from device_daemon.doctor.findings import Finding, Status, skipped
from device_daemon.doctor.person import Nobody, Person, Terminal
from device_daemon.doctor.runner import CheckRunner
from device_daemon.doctor.service import ServiceChecks, judge_mute
from device_daemon.doctor.settings import Settings
from device_daemon.doctor.sound import SoundChecks
from device_daemon.localservice.child import LocalClient
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import Credential

Kind = TypeVar("Kind", bound=Trigger)

QUICK_S = 5.0
ASKING_S = 15.0
"""For what asks another program, or the network."""
SESSION_S = 30.0
SOUND_S = 20.0
WITH_PERSON_S = 30.0
"""Longer than a person is given to answer, to press, or to walk past."""
ENGINE_S = 30.0
"""For the wake words' engine to be loaded from a slow card."""


class VisitOutcome(Struct, frozen=True):
    """What a visit left behind."""

    findings: list[Finding]
    status: Mapping[str, object] | None
    """Of the running speaker, if there is one."""
    secrets: list[str]
    log: str


def person_here(*, wanted: bool) -> Person:
    """Somebody, where both ways of a terminal are free for them."""
    return Terminal() if wanted and sys.stdin.isatty() and sys.stdout.isatty() else Nobody()


async def visit(
    config_path: Path,
    tell: Callable[[Finding], None],
    person: Person,
    environment: Mapping[str, str] = os.environ,
) -> VisitOutcome:
    """Look at everything, and tell each finding when it is there. Raises nothing."""
    with _listening() as log:
        rounds = CheckRunner(tell, partial(remedies.mend_for, config_path=config_path))
        settings, service, board = Settings(config_path, environment), ServiceChecks(environment), Board()
        await rounds.look("config", settings.look_at_config(), QUICK_S)
        await rounds.look("service", service.look_at_unit(), ASKING_S)
        await rounds.look("speaker running", service.look_at_speaker(), ASKING_S)
        await rounds.look("storage", service.look_at_storage(), QUICK_S)
        for finding in judge_mute(service.remembered(), service.status):
            rounds.add(finding)
        await rounds.look("board", board.look(), ASKING_S)
        await rounds.look("clock", network.look_at_clock(), QUICK_S)
        for schedule in _triggers(settings, ScheduleTrigger):
            await rounds.look(f"schedule {schedule.at}", triggers.look_at_schedule(schedule), QUICK_S)
        await _look_at_way(rounds, settings)
        if service.running:
            what = "in use by the running speaker, and so not looked at"
            words = ["wake words"] if _triggers(settings, WakeWordTrigger) else []
            for name in ("microphone", "speaker", *words, "lights and buttons"):
                rounds.add(skipped(name, what, f"{service.stop_line}, then: voicelive-speaker doctor"))
        else:
            await _look_at_sound(rounds, settings, service, person)
            await _look_at_words(rounds, settings, person)
            await _look_at_panel(rounds, settings, board, person)
            if not person.present:
                what = (
                    "whether the lights shine, and a press, a passer-by and a voice are noticed, only a person can say"
                )
                rounds.add(skipped("person", what, "voicelive-speaker doctor    # in a terminal"))
    return VisitOutcome(rounds.findings, service.status, settings.secrets, log.getvalue())


async def _look_at_way(rounds: CheckRunner, settings: Settings) -> None:
    has_credential = await rounds.look("credential", settings.look_at_credential(), SESSION_S)
    config = settings.config
    if config is None:
        rounds.add(skipped("session", "needs a config that can be read"))
        return
    if config.service.local:
        local = LocalClient(config)
        try:
            await rounds.look("session", network.hold_session(local, "the voice service on this machine"), SESSION_S)
        finally:
            await local.close()
        return
    way = network.way_to(config.service)
    reaches = await rounds.look("name", network.look_up(way), ASKING_S) and not _failed(rounds, "name")
    if reaches:
        await rounds.look("line", network.call(way), ASKING_S)
    unreachable = next((name for name in ("name", "line", "certificate") if _failed(rounds, name)), "")
    if unreachable:
        rounds.add(skipped("session", f"needs what failed above: {unreachable}"))
    elif not has_credential or settings.credential is None:
        rounds.add(skipped("session", "needs a credential"))
    else:
        client = _client(config, settings.credential)
        try:
            await rounds.look("session", network.hold_session(client, client.host), SESSION_S)
        finally:
            await client.close()


async def _look_at_sound(rounds: CheckRunner, settings: Settings, service: ServiceChecks, person: Person) -> None:
    audio = settings.config.audio if settings.config else Audio()
    volume = service.remembered().volume
    sound = SoundChecks(audio, audio.speaker.volume if volume is None else volume, settings.path, person)
    speaker = await rounds.look("speaker", sound.look_at("playback"), SOUND_S)
    microphone = await rounds.look("microphone", sound.look_at("capture"), SOUND_S)
    if microphone:
        await rounds.look("microphone sound", sound.listen(), SOUND_S)
    if speaker and microphone:
        await rounds.look("echo", sound.hear_itself(), SOUND_S + WITH_PERSON_S)
    elif speaker:
        await rounds.look("speaker sound", sound.play(), SOUND_S + WITH_PERSON_S)


async def _look_at_words(rounds: CheckRunner, settings: Settings, person: Person) -> None:
    words = _triggers(settings, WakeWordTrigger)
    if settings.config is None or not words:
        return
    if deaf := next((name for name in ("microphone", "microphone sound") if _failed(rounds, name)), ""):
        rounds.add(skipped("wake words", f"needs what failed above: {deaf}"))
        return
    check = triggers.look_at_words(words, settings.config.audio.microphone, person, settings.path)
    await rounds.look("wake words", check, ENGINE_S + len(words) * triggers.WORD_DEADLINE_S)


async def _look_at_panel(rounds: CheckRunner, settings: Settings, board: Board, person: Person) -> None:
    config = settings.config
    if config is None:
        rounds.add(skipped("lights and buttons", "needs a config that can be read"))
        return
    if not await rounds.look("gpio", gpio_checks.look_at_library(config, board), QUICK_S):
        return
    for light in config.lights:
        await rounds.look(gpio_checks.describe_light(light), gpio_checks.look_at_light(light, person), WITH_PERSON_S)
    for trigger in config.triggers:
        if isinstance(trigger, ButtonTrigger):
            button = triggers.look_at_button(trigger, person, settings.path)
            await rounds.look(f"button on pin {trigger.pin}", button, WITH_PERSON_S)
        elif isinstance(trigger, MotionTrigger):
            sensor = triggers.look_at_motion(trigger, person, settings.path)
            await rounds.look(f"motion sensor on pin {trigger.pin}", sensor, WITH_PERSON_S)
    if (pin := config.mute.switch_pin) is not None:
        await rounds.look(f"mute switch on pin {pin}", gpio_checks.look_at_switch(pin), QUICK_S)


def _triggers(settings: Settings, kind: type[Kind]) -> list[Kind]:
    """Return those of a kind; none without a config that can be read."""
    return [trigger for trigger in settings.config.triggers if isinstance(trigger, kind)] if settings.config else []


def _failed(rounds: CheckRunner, name: str) -> bool:
    return any(finding.name == name and finding.status is Status.FAILED for finding in rounds.findings)


def _client(config: Config, credential: Credential) -> Client:
    return Client(config, config.service.endpoint or "", lambda: credential)


@contextlib.contextmanager
def _listening() -> Iterator[io.StringIO]:
    """Keep the program's own log for the report: on the terminal it would say everything a second time."""
    logger = logging.getLogger("device_daemon")
    before = logger.level, logger.propagate
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield text
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
