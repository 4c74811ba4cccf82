"""What opens a conversation: each button pressed, each sensor walked past, each word said, each schedule's next time.

All of it by what the speaker itself listens with, so that what works here works there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

import msgspec

from device_daemon.audio.microphone import Microphone, Period
from device_daemon.config.settings import (
    ButtonTrigger,
    MicrophoneSettings,
    MotionTrigger,
    ScheduleTrigger,
    WakeWordTrigger,
)
from device_daemon.config.wake_words import name_of
from device_daemon.doctor import remedies
from device_daemon.doctor.findings import Finding, failed, note, ok
from device_daemon.doctor.person import Person
from device_daemon.doctor.recording import Listening
from device_daemon.doctor.runner import Check
from device_daemon.system import clock_sync
from device_daemon.system.gpio import describe
from device_daemon.triggers.button import Button
from device_daemon.triggers.contact import is_closed
from device_daemon.triggers.gesture import Gesture, Press
from device_daemon.triggers.motion import Motion
from device_daemon.triggers.schedule import local_zone
from device_daemon.triggers.timetable import Timetable
from device_daemon.triggers.wakeword import WakeWords

PRESS_DEADLINE_S: Final = 10.0
PASSAGE_DEADLINE_S: Final = 20.0
"""Sensors stay active for some seconds after the last motion, and are blind for some more."""
WORD_DEADLINE_S: Final = 15.0
"""For each word: it may take two or three tries."""
ROOM_MS: Final = 1_000
"""Of the room, heard before a word counts: by then the engine is loaded, and knows how loud the room is."""
_AFTER_WORD_S: Final = 1.0
"""The next word is asked for at once, whatever the config says of `refractory_s`."""
_MOTION_SENSOR: Final = "motion sensor"


async def look_at_button(button: ButtonTrigger, person: Person, config_path: Path) -> Check:
    """Read it at rest and have somebody press it, in either mode. Raises PinUnusable."""
    name = describe("button", (button.pin,))
    if is_closed("button", button.pin, active_high=button.active_high):
        mend = remedies.edit(config_path, f"active_high: {_other(button)}, or its wires")
        yield failed(name, "reads as pressed, and nobody presses it", mend)
        return
    if not person.present:
        yield ok(name, "can be read, and is not pressed")
        return
    pressed = asyncio.Event()

    def take(gesture: Gesture) -> None:
        if isinstance(gesture, Press):
            pressed.set()

    watched = Button(button, loop=asyncio.get_running_loop(), on_gesture=take)
    try:
        person.tell(f"press the {name} now")
        async with asyncio.timeout(PRESS_DEADLINE_S):
            await pressed.wait()
    except TimeoutError:
        where = "3.3 V" if button.active_high else "ground"
        mend = f"its wires: one to GPIO {button.pin}, the other to {where}; or correct triggers: pin in {config_path}"
        yield failed(name, f"no press within {PRESS_DEADLINE_S:g} s; {watched.spurious} too short to count", mend)
    else:
        yield ok(name, "pressed")
    finally:
        watched.close()


async def look_at_motion(sensor: MotionTrigger, person: Person, config_path: Path) -> Check:
    """Read it, and have somebody walk past. Raises PinUnusable.

    One that is active when it is read sees who runs the doctor, or is wired the other way round: nobody can tell which.
    """
    name = describe(_MOTION_SENSOR, (sensor.pin,))
    active = is_closed(_MOTION_SENSOR, sensor.pin, active_high=sensor.active_high)
    wrong_way = remedies.edit(config_path, f"active_high: {_other(sensor)}, if it is active while nobody moves")
    if not person.present:
        if active:
            yield note(name, "can be read, and sees somebody", wrong_way)
        else:
            yield ok(name, "can be read, and sees nobody")
        return
    moved = asyncio.Event()
    watched = Motion(sensor, loop=asyncio.get_running_loop(), on_motion=lambda _: moved.set())
    try:
        first = "it sees somebody: keep out of its sight for some seconds, then " if active else ""
        person.tell(f"{first}walk past the {name}")
        async with asyncio.timeout(PASSAGE_DEADLINE_S):
            await moved.wait()
    except TimeoutError:
        waited = f"within {PASSAGE_DEADLINE_S:g} s"
        if active:
            mend = f"its time knob, turned down: its output stays active for so long\n{wrong_way}"
            yield note(name, f"was active already, and told of nobody else {waited}", mend)
        else:
            mend = (
                f"its wires: power, ground, and its output to GPIO {sensor.pin}; it is blind for a minute after power-on\n"
                f"{remedies.edit(config_path, f'active_high: {_other(sensor)}, or triggers: pin')}"
            )
            yield failed(name, f"saw nobody {waited}", mend)
    else:
        yield ok(name, "saw somebody walk past")
    finally:
        watched.close()


async def look_at_schedule(schedule: ScheduleTrigger) -> Check:
    """When it is due next, by this device's clock and zone."""
    yield judge_schedule(schedule, time.time(), local_zone(), clock_is_set=clock_sync.is_set())


def judge_schedule(schedule: ScheduleTrigger, now_epoch_s: float, zone: tzinfo, *, clock_is_set: bool) -> Finding:
    """When it is due next after a moment; nothing is due while the clock is wrong."""
    name = f"schedule {schedule.at} {schedule.days}"
    timetable = Timetable([schedule], zone=lambda: zone, since_epoch_s=now_epoch_s)
    due = datetime.fromtimestamp(round(now_epoch_s + timetable.next_s(now_epoch_s)), zone)
    what = f"next on {due:%A, %-d %B, at %H:%M}, {zone}"
    if not clock_is_set:
        return note(name, f"{what}, but not before the clock is set from the network", remedies.set_clock())
    return ok(name, what)


async def look_at_words(
    words: Sequence[WakeWordTrigger], microphone: MicrophoneSettings, person: Person, config_path: Path
) -> Check:
    """Have the engine listen to the microphone, and somebody say each word. Raises WakeWordsUnusable, DeviceUnknown."""
    async with _listening(words, microphone) as heard:
        await heard.until_listened(ROOM_MS)
        for word in words:
            name = f"wake word {word.word}"
            if not person.present:
                yield ok(name, "the engine loads, and listens to the microphone")
                continue
            person.tell(f"say {name_of(word.word).replace('_', ' ')}")
            try:
                async with asyncio.timeout(WORD_DEADLINE_S):
                    await heard.until_heard(word.word, asyncio.get_running_loop().time())
            except TimeoutError:
                settings = (
                    f"sensitivity: up to 1, now {word.sensitivity:g};"
                    f" or audio.microphone.gain_db: 10 more, now {microphone.gain_db:g}"
                )
                yield failed(name, f"not heard within {WORD_DEADLINE_S:g} s", remedies.edit(config_path, settings))
            else:
                yield ok(name, "heard")


@asynccontextmanager
async def _listening(words: Sequence[WakeWordTrigger], settings: MicrophoneSettings) -> AsyncIterator[Listening]:
    """Open the microphone, for the engine alone; both are closed whatever happens."""
    loop = asyncio.get_running_loop()
    heard = Listening()
    soon_again = [msgspec.structs.replace(word, refractory_s=_AFTER_WORD_S) for word in words]
    engine = WakeWords(soon_again, loop=loop, on_word=heard.take, on_failure=heard.fail)

    def listen(periods: list[Period]) -> None:
        engine.put(periods)
        heard.listened(engine.counters.frames)

    microphone = Microphone(settings, loop=loop, on_periods=listen, on_failure=heard.fail, on_recovery=lambda: None)
    try:
        microphone.open()
        yield heard
    finally:
        await microphone.close()
        await engine.close()


def _other(contact: ButtonTrigger | MotionTrigger) -> str:
    """What `active_high` would be if it is the wrong one."""
    return str(not contact.active_high).lower()
