"""A conversation as somebody in the room has it: button, lights, greeting, answer, interruption."""

from __future__ import annotations

import time
from pathlib import Path

from tests.vm import unit
from tests.vm.board import LED, PWM_LED, LightWatch
from tests.vm.room import talk
from tests.vm.speaker import QUICK_MS, SHARE, Check, Speaker
from tests.vm.unit import Failed, Journal


class Conversation:
    """What a person does with a speaker."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def in_order(self) -> list[Check]:
        """Each builds on those before it."""
        return [
            ("press -> light -> greeting heard", self.greets),
            ("lights follow the conversation", self.lights_follow),
            ("hears a person and answers", self.answers),
            ("talked over, it falls silent", self.interrupted),
            ("a press ends the conversation", self.ends),
            ("holding the button mutes", self.mutes),
        ]

    def greets(self) -> str:
        self._speaker.rest()
        journal = Journal()
        with LightWatch(self._speaker.board, LED) as watch:
            pressed_s = self._speaker.board.push()
            heard_s = self._speaker.room.first_sound_s(pressed_s)
            lit_s = watch.first_lit_s(pressed_s)
        if lit_s is None:
            raise Failed("no light")
        if heard_s is None:
            raise Failed(f"nothing was heard; it is {unit.state() or 'not there'}, the light came")
        unit.wait_for("listening")
        end_s = time.monotonic()
        spoken_s = self._speaker.room.sound_s(pressed_s, end_s)
        if spoken_s < 1:
            raise Failed(f"only {spoken_s:.1f} s of sound: that is no sentence")
        own = journal.wait(r"greeting heard (\d+) ms after the press")[1]
        light_ms, sound_ms = (lit_s - pressed_s) * 1000, (heard_s - pressed_s) * 1000
        if sound_ms > QUICK_MS:
            raise Failed(f"heard only {sound_ms:.0f} ms after the press")
        return (
            f"light {light_ms:.0f} ms, sound {sound_ms:.0f} ms after the press (it says {own}); {spoken_s:.1f} s long"
        )

    def lights_follow(self) -> str:
        time.sleep(0.5)
        if self._speaker.board.lit((LED,)) != [LED]:
            raise Failed(f"it is {unit.state()}, and the light is dark")
        self._speaker.rest()
        if lit := self._speaker.board.lit():
            raise Failed(f"idle, and line {lit} is lit")
        with LightWatch(self._speaker.board, LED) as led, LightWatch(self._speaker.board, PWM_LED) as dimmed:
            self._speaker.board.push()
            unit.wait_for("listening")
        if len(led.changes) < 3 or len(dimmed.changes) < 3:
            raise Failed(f"while it greeted the lights changed {len(led.changes)} and {len(dimmed.changes)} times")
        return f"dark, then {len(led.changes)} changes while it greets, lit while it listens"

    def answers(self) -> str:
        unit.wait_for("listening")
        asked_s = time.monotonic()
        talk(SHARE / "question.wav").wait()
        ended_s = time.monotonic()
        unit.wait_for("speaking")
        heard_s = self._speaker.room.first_sound_s(asked_s)
        if heard_s is None:
            raise Failed("speaking, and nothing was heard")
        return f"answer heard {heard_s - ended_s:.1f} s after the question"

    def interrupted(self) -> str:
        journal = Journal()
        unit.wait_for("speaking")
        time.sleep(1.5)
        begun_s = time.monotonic()
        person = talk(SHARE / "interruption.wav")
        last_s = self._speaker.room.last_sound_s(begun_s, deadline_s=10)
        person.wait()
        if last_s is None:
            raise Failed("it goes on talking")
        said = journal.wait(r"interrupted ([\d.]+) ms after speech began; (\d+) ms of \S+ were heard")
        silent_ms = (last_s - begun_s) * 1000
        if silent_ms > QUICK_MS:
            raise Failed(f"silent only after {silent_ms:.0f} ms")
        return f"silent {silent_ms:.0f} ms after the person's program started; it says {said[1]} ms after speech began"

    def ends(self) -> str:
        unit.wait_for("speaking", "listening")
        if unit.state() == "speaking":
            self._speaker.board.push()  # this press only cuts the answer off
            unit.wait_for("listening")
        self._speaker.board.push()
        took_s = unit.wait_for("idle")
        unit.until("lights out", lambda: not self._speaker.board.lit(), QUICK_MS / 1000)
        open_ = [path.parts[4] for path in _open_captures()]
        if open_:
            raise Failed(f"the microphone is still open: {open_}")
        return f"idle in {took_s:.1f} s, lights dark, microphone closed"

    def mutes(self) -> str:
        self._speaker.rest()
        self._speaker.board.push(for_s=1.6)
        try:
            unit.wait_for("muted")
            self._speaker.room.last_sound_s(time.monotonic())
            begun_s = time.monotonic()
            self._speaker.board.push()
            if self._speaker.room.first_sound_s(begun_s) is None:
                raise Failed("a press while muted is answered with silence")
            self._speaker.room.last_sound_s(time.monotonic())
        finally:
            unit.ask("mute off")
        unit.wait_for("idle")
        self._speaker.room.last_sound_s(time.monotonic())
        return "muted, says so when pressed, allowed again"


def _open_captures() -> list[Path]:
    statuses = Path("/proc/asound/Loopback/pcm0c").glob("sub*/status")
    return [path for path in statuses if path.read_text().strip() != "closed"]
