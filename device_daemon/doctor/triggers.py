"""Trigger checks: buttons, motion sensors, wake words, schedules.

They use the classes of the speaker itself, so that what works here works there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import Struct

from device_daemon.audio.microphone import Microphone
from device_daemon.audio.period import Period
from device_daemon.config.settings import (
    ButtonTrigger,
    MicrophoneSettings,
    MotionTrigger,
    ScheduleTrigger,
    WakeWordTrigger,
)
from device_daemon.config.wake_words import label_of, name_of
from device_daemon.doctor import remedies
from device_daemon.doctor.findings import Finding, failed, note, ok
from device_daemon.doctor.person import Person
from device_daemon.doctor.recording import WakeWordEvents
from device_daemon.doctor.runner import Check
from device_daemon.system import clock_sync
from device_daemon.system.gpio import describe
from device_daemon.system.time_zone import local_zone
from device_daemon.triggers.button import Button
from device_daemon.triggers.contact import is_closed
from device_daemon.triggers.gesture import Gesture, Press
from device_daemon.triggers.motion import Motion
from device_daemon.triggers.timetable import Timetable
from device_daemon.triggers.wakeword import WakeWords


class PersonDeadlines(Struct, frozen=True):
    """How long each check waits for the person."""

    press_s: float = 10.0
    passage_s: float = 20.0
    """PIR sensors stay active for some seconds after the last motion, and are blind for some more."""
    word_s: float = 15.0
    """For each word: it may take two or three tries."""
    warm_up_ms: int = 1_000
    """Sound before the first word is asked for: the engine loads and adapts to the noise level."""


DEADLINES: Final = PersonDeadlines()
_AFTER_WORD_S: Final = 1.0
"""Replaces `refractory_s` of the config: the next word is asked for at once."""
_METER_EACH_S: Final = 0.2
_MOTION_SENSOR: Final = "motion sensor"


async def check_button(
    button: ButtonTrigger, person: Person, config_path: Path, deadlines: PersonDeadlines = DEADLINES
) -> Check:
    """Read a button at rest and ask a person to press it. Raises PinUnusable."""
    name = describe("button", (button.pin,))
    if is_closed("button", button.pin, active_high=button.active_high):
        remedy = remedies.edit(config_path, f"active_high: {_other(button)}, or check its wires")
        yield failed(name, "reads as pressed, but nobody presses it", remedy)
        return
    if not person.present:
        yield ok(name, "not pressed")
        return
    pressed = asyncio.Event()

    def take(gesture: Gesture) -> None:
        if isinstance(gesture, Press):
            pressed.set()

    watched = Button(button, loop=asyncio.get_running_loop(), on_gesture=take)
    try:
        person.instruct(f"press the {name} now")
        async with asyncio.timeout(deadlines.press_s):
            await pressed.wait()
    except TimeoutError:
        where = "3.3 V" if button.active_high else "ground"
        remedy = f"check its wires: one to GPIO {button.pin}, the other to {where}; or correct triggers: pin in {config_path}"
        yield failed(
            name, f"no press within {deadlines.press_s:g} s; {watched.spurious} pulses were too short to count", remedy
        )
    else:
        yield ok(name, "pressed")
    finally:
        watched.close()


async def check_motion(
    sensor: MotionTrigger, person: Person, config_path: Path, deadlines: PersonDeadlines = DEADLINES
) -> Check:
    """Read a motion sensor and ask a person to walk past. Raises PinUnusable.

    A sensor that is active at the start sees the person at the terminal, or has the wrong active_high: unknown which.
    """
    name = describe(_MOTION_SENSOR, (sensor.pin,))
    active = is_closed(_MOTION_SENSOR, sensor.pin, active_high=sensor.active_high)
    wrong_way = remedies.edit(config_path, f"active_high: {_other(sensor)}, if it is active while nobody moves")
    if not person.present:
        if active:
            yield note(name, "active: it sees somebody", wrong_way)
        else:
            yield ok(name, "not active")
        return
    moved = asyncio.Event()
    watched = Motion(sensor, loop=asyncio.get_running_loop(), on_motion=lambda _: moved.set())
    try:
        first = "it sees somebody: keep out of its sight for some seconds, then " if active else ""
        person.instruct(f"{first}walk past the {name}")
        async with asyncio.timeout(deadlines.passage_s):
            await moved.wait()
    except TimeoutError:
        waited = f"within {deadlines.passage_s:g} s"
        if active:
            remedy = f"turn its time knob down: its output stays active for so long\n{wrong_way}"
            yield note(name, f"was active from the start, and detected nobody {waited}", remedy)
        else:
            remedy = (
                f"check its wires: power, ground, and its output to GPIO {sensor.pin}; it is blind for a minute after power-on\n"
                f"{remedies.edit(config_path, f'active_high: {_other(sensor)}, or triggers: pin')}"
            )
            yield failed(name, f"detected nobody {waited}", remedy)
    else:
        yield ok(name, "detected somebody")
    finally:
        watched.close()


async def check_schedule(schedule: ScheduleTrigger) -> Check:
    """When it is due next, by this device's clock and time zone."""
    yield judge_schedule(schedule, time.time(), local_zone(), clock_is_set=clock_sync.is_set())


def judge_schedule(schedule: ScheduleTrigger, now_epoch_s: float, zone: tzinfo, *, clock_is_set: bool) -> Finding:
    """When it is due next after a given time; nothing is due before the clock is set."""
    name = f"schedule {schedule.at} {schedule.days}"
    timetable = Timetable([schedule], zone=lambda: zone, since_epoch_s=now_epoch_s)
    due = datetime.fromtimestamp(round(now_epoch_s + timetable.next_s(now_epoch_s)), zone)
    what = f"next on {due:%A, %-d %B, at %H:%M}, {zone}"
    if not clock_is_set:
        return note(name, f"{what}, but not before the clock is set from the network", remedies.set_clock())
    return ok(name, what)


async def check_wake_words(
    words: Sequence[WakeWordTrigger],
    microphone: MicrophoneSettings,
    person: Person,
    config_path: Path,
    deadlines: PersonDeadlines = DEADLINES,
) -> Check:
    """Run the engine on the microphone and ask a person to say each word. Raises WakeWordsUnusable, DeviceUnknown."""
    async with _listening(words, microphone) as (heard, engine):
        await heard.until_listened(deadlines.warm_up_ms)
        for index, word in enumerate(words):
            name = f"wake word {label_of(word.word)}"
            if not person.present:
                yield ok(name, "the engine runs on the microphone")
                continue
            person.instruct(f"say {name_of(word.word).replace('_', ' ')}")
            meter = ScoreMeter(engine, index, person)
            try:
                async with asyncio.timeout(deadlines.word_s), meter:
                    await heard.until_heard(word.word, asyncio.get_running_loop().time())
            except TimeoutError:
                settings = (
                    f"sensitivity: up to 1, now {word.sensitivity:g};"
                    f" or audio.microphone.gain_db: 10 more, now {microphone.gain_db:g}"
                )
                what = f"not heard within {deadlines.word_s:g} s; at best it was {meter.best:.0%} sure of it"
                yield failed(name, what, remedies.edit(config_path, settings))
            else:
                yield ok(name, "heard")


class ScoreMeter:
    """Shows a person how sure the engine is of a word while they speak; `best` is the highest that it was."""

    def __init__(self, engine: WakeWords, index: int, person: Person) -> None:
        self.best = 0.0
        self._engine = engine
        self._index = index
        self._person = person
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._engine.scores()  # what was said before does not count
        self._task = asyncio.create_task(self._run(), name="score meter")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._show()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_METER_EACH_S)
            self._show()

    def _show(self) -> None:
        score = self._engine.scores()[self._index]
        self.best = max(self.best, score)
        self._person.score(score)


@asynccontextmanager
async def _listening(
    words: Sequence[WakeWordTrigger], settings: MicrophoneSettings
) -> AsyncIterator[tuple[WakeWordEvents, WakeWords]]:
    """Open the microphone for the engine; both are closed in any case."""
    loop = asyncio.get_running_loop()
    heard = WakeWordEvents()
    soon_again = [msgspec.structs.replace(word, refractory_s=_AFTER_WORD_S) for word in words]
    engine = WakeWords(soon_again, loop=loop, on_word=heard.take, on_failure=heard.fail)

    def listen(periods: list[Period]) -> None:
        engine.put(periods)
        heard.listened(engine.counters.frames)

    microphone = Microphone(settings, loop=loop, on_periods=listen, on_failure=heard.fail, on_recovery=lambda: None)
    try:
        microphone.open()
        yield heard, engine
    finally:
        await microphone.close()
        await engine.close()


def _other(contact: ButtonTrigger | MotionTrigger) -> str:
    """The other value of `active_high`."""
    return str(not contact.active_high).lower()
