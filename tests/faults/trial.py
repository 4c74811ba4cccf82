"""One cell of the fault table: a speaker is brought into a state, the fault happens, and what follows is judged.

Judged from outside only: the card's tracks, the pins, the log, the socket of the process. Nothing here knows the code.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from device_daemon.audio.sounds import earcon
from device_daemon.state import RESTING, State
from scripts.rig.card import SimulatedCard
from tests.e2e.room import GREETING, WORD_FRAMES, Room, service_for_tests, voice
from tests.faults.lights import LightWatch
from tests.faults.line import Certificates, Line
from tests.faults.row import (
    ButtonPin,
    Dated,
    End,
    Row,
    Service,
    Signal,
    Stage,
    Starved,
    WrongClock,
)
from tests.faults.scene import HELD_PIN, QUESTION, Killed, Scene, is_of_surroundings, kills

_LOOKS_EVERY_S: Final = 0.05
_RECOVERS_WITHIN_S: Final = 6.0
_COMES_TO_REST_S: Final = 1.5
_MOST_WARNINGS: Final = 8
_TROUBLE: Final = earcon("error")
_MUTED: Final = earcon("muted")


@dataclass(slots=True)
class Verdict:
    """What became of one cell."""

    row: Row
    stage: Stage
    problems: list[str] = field(default_factory=list)
    end: End | None = None
    seconds: float = 0.0
    log: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """The speaker stood it."""
        return not self.problems


async def trial(row: Row, stage: Stage, folder: Path) -> Verdict:
    """Run one cell in an empty folder. Never raises for what the speaker does."""
    verdict, began_s = Verdict(row, stage), time.monotonic()
    service = service_for_tests()
    await service.start()
    certificates = Certificates(folder / "certificates") if isinstance(row.cause, Dated | WrongClock) else None
    line = Line(int(service.endpoint.rpartition(":")[2]), certificates=certificates)
    await line.start()
    room = Room(folder, SimulatedCard(folder / "card", history_s=120.0), service)
    scene = Scene(row, stage, room, line, certificates)
    try:
        await _Trial(scene, verdict).run()
    except (AssertionError, TimeoutError, OSError) as failure:
        verdict.problems.append(_first_line(failure))
    finally:
        await line.stop()
        await service.stop()
    verdict.log = scene.log
    verdict.seconds = time.monotonic() - began_s
    return verdict


class _Trial:
    def __init__(self, scene: Scene, verdict: Verdict) -> None:
        self._scene = scene
        self._verdict = verdict
        self._row = verdict.row
        self._happened_s = 0.0
        """When the fault began."""

    async def run(self) -> None:
        stopped = End.STOPPED in self._row.ends
        with suppress(Killed):
            async with self._scene.speaker() as device:
                await self._scene.enter()
                told = 0 if self._row.cause == ButtonPin("at start") else len(device.log)
                seen = told, len(device.states), len(device.pin_changes)
                causes = self._scene.causes()
                try:
                    self._happened_s = self._scene.acted_s = time.monotonic()
                    await causes.begin(self._row.cause)
                    if stopped:
                        self._scene.acted_s = time.monotonic()
                        await self._stops()
                    else:
                        async with LightWatch(self._scene.room, device, exempt=self._row) as watch:
                            await self._scene.act()
                            await self._settles(seen)
                        self._verdict.problems += watch.lies
                finally:
                    await causes.end()
                if not stopped:
                    await self._say_is_answered()
                    self._journal(device.log[seen[0] :])
                    await self._recovers()
                    self._greeted_once()
        if stopped:
            self._scene.stage = Stage.RESTING
            async with self._scene.speaker():
                await self._recovers()

    # What follows

    async def _settles(self, seen: tuple[int, int, int]) -> None:
        allowed = self._row.ends | self._row.also.get(self._scene.stage, frozenset())
        if self._scene.stage is Stage.ANNOUNCING:
            allowed |= {End.SHOWN, End.GOES_ON}
        if self._scene.asked_s is not None and self._scene.stage is Stage.SPEAKING:
            self._scene.asked_s = None  # that answer was heard already; whether it goes on is seen by the next one
        give_up_s = self._scene.acted_s + self._row.settled_s
        sign_s: float | None = None
        while self._verdict.end is None and time.monotonic() < give_up_s:
            await asyncio.sleep(_LOOKS_EVERY_S)
            if sign_s is None and (self._changed(seen) or self._scene.room.card.first_sound_after(self._scene.acted_s)):
                sign_s = time.monotonic() - self._scene.acted_s
            self._verdict.end = self._end(seen, allowed)
            self._scene.ask_if_listening()
        if self._verdict.end is not None and sign_s is None:
            sign_s = time.monotonic() - self._scene.acted_s
        if isinstance(self._row.cause, Starved) and not self._scene.room.card.overruns:
            self._verdict.problems.append("the microphone did not overrun: nothing was tried")
        if self._verdict.end is None:
            state = self._scene.device.state
            self._verdict.problems.append(
                f"after {self._row.settled_s:g} s nobody knows: {state}, and no sound said so"
            )
        elif self._verdict.end not in allowed:
            self._verdict.problems.append(f"ended as {self._verdict.end!r}")
        if sign_s is None or sign_s > self._row.sign_s + 0.2:
            after = "no sign at all" if sign_s is None else f"the first sign after {sign_s:.1f} s"
            self._verdict.problems.append(f"{after} (of {self._row.sign_s:g})")

    def _changed(self, seen: tuple[int, int, int]) -> bool:
        return len(self._scene.device.pin_changes) > seen[2] or len(self._scene.device.states) > seen[1]

    def _end(self, seen: tuple[int, int, int], allowed: frozenset[End]) -> End | None:
        if End.GOES_ON in allowed and self._scene.asked_s is not None and self._scene.answers(self._scene.asked_s):
            return End.GOES_ON
        if State(self._scene.device.state) not in RESTING and self._scene.device.state not in {"listening", "waiting"}:
            return None
        reaches_it = not isinstance(self._row.cause, ButtonPin)
        if self._scene.stage is Stage.RESTING and reaches_it and len(self._scene.device.states) == seen[1]:
            return None  # the press is still on its way
        told = _MUTED if self._scene.device.state == "muted" else _TROUBLE
        if self._scene.room.all_heard(told, self._happened_s):
            return End.TOLD
        if State(self._scene.device.state) not in RESTING:
            return None
        if self._scene.stage is Stage.ANNOUNCING and self._scene.device.state == "idle":
            return End.GOES_ON
        if self._scene.device.state in {"error", "offline", "no-clock"} and _warnings(
            self._scene.device.log[seen[0] :]
        ):
            return End.SHOWN if End.SHOWN in allowed else None
        return None

    async def _stops(self) -> None:
        """The process was asked to end, or was killed."""
        async with asyncio.timeout(self._row.settled_s + 8.0):
            await self._scene.device.process.wait()
        took_s = time.monotonic() - self._scene.acted_s
        if took_s > self._row.settled_s + 0.3:
            self._verdict.problems.append(f"it took {took_s:.1f} s to end")
        self._verdict.end = End.STOPPED
        if self._scene.announcement is not None:
            await asyncio.gather(self._scene.announcement, return_exceptions=True)  # nobody answers any more
        room = self._scene.room
        if not kills(self._row):
            await room.until(lambda: all(session.closed_s for session in room.service.record.sessions), "goodbye")
            closed = [s for s in room.sessions if (s.closed_s or 0.0) > self._scene.acted_s]
            rude = [session.close_code for session in closed if session.close_code not in {1000, 1001}]
            if rude:
                self._verdict.problems.append(f"sessions closed with {rude}")
        half_written = [path.name for path in room.folder.rglob("state/**/*") if path.suffix in {".tmp", ".new"}]
        # Where the disk takes longer than that, the next save replaces what is left of this one.
        if half_written and not kills(self._row) and not is_of_surroundings(self._row.cause):
            self._verdict.problems.append(f"half-written: {half_written}")

    async def _say_is_answered(self) -> None:
        """`say` says that it was said if its last word was heard, and else why not."""
        if self._scene.announcement is None:
            return
        try:
            async with asyncio.timeout(_RECOVERS_WITHIN_S):
                answer = await self._scene.announcement
        except TimeoutError:
            answer = "nothing"
        last_word = voice(GREETING)[-WORD_FRAMES * 2 :]
        said = any(
            heard.frames > WORD_FRAMES // 2 for heard in self._scene.room.all_heard(last_word, self._scene.announced_s)
        )
        if not answer.startswith("ok: said" if said else "error: it was not said: "):
            self._verdict.problems.append(f"the text was {'' if said else 'not '}said, and `say` answers {answer!r}")

    def _journal(self, lines: list[str]) -> None:
        warned = _warnings(lines)
        if self._row.journal and not warned and self._verdict.end is not End.GOES_ON:
            self._verdict.problems.append("the journal says nothing")
        if len(warned) > _MOST_WARNINGS:
            self._verdict.problems.append(f"the journal says {len(warned)} times that something is wrong")
        for sign in ("Traceback", "bug in this program", "never retrieved", "IllegalTransition"):
            if any(sign in line for line in lines):
                self._verdict.problems.append(f"{sign!r} in the log")

    async def _recovers(self) -> None:
        """The fault is gone: the next press is greeted and answered, without anybody's help."""
        device, room = self._scene.device, self._scene.room
        with suppress(OSError):
            if State(device.state) not in RESTING:
                await device.ask("stop")
            if device.state == "muted":  # by a button that was held down
                await device.ask("mute off")
        if isinstance(self._row.cause, Signal) is False and self._scene.stage is Stage.HELD:
            await device.let_go(HELD_PIN)
        await device.let_go()
        rests = await _true_within(self._row.heals_s or _COMES_TO_REST_S, lambda: device.state == "idle")
        if self._row.heals_s is not None and not rests:
            self._verdict.problems.append(f"{self._row.heals_s:g} s after the fault was gone: {device.state}")
        if isinstance(self._row.cause, Service) and (retry_after_s := self._row.cause.faults.get("retry_after_s")):
            await asyncio.sleep(retry_after_s)  # until then a press is told that the service is busy
        if isinstance(self._row.cause, Signal) and self._row.cause.config == "good":
            await device.wait_for_log("ready: ", count=2)  # it is read again when the conversation is over
        before = len(device.states)
        self._scene.pressed_s = await device.press()
        greeted = await _true_within(
            _RECOVERS_WITHIN_S, lambda: any(entered.state == "listening" for entered in device.states[before:])
        )
        asked_s = room.says(QUESTION)
        if not greeted or not await _true_within(_RECOVERS_WITHIN_S, lambda: self._scene.answers(asked_s)):
            self._verdict.problems.append(f"when the fault was gone a press was not answered: {device.state}")

    def _greeted_once(self) -> None:
        begins = voice(GREETING)[: WORD_FRAMES * 2]
        greetings = [h for h in self._scene.room.all_heard(begins, self._scene.pressed_s) if h.frames == WORD_FRAMES]
        if len(greetings) > 1:
            self._verdict.problems.append(f"one press, greeted {len(greetings)} times")


async def _true_within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether it becomes true in that time; looked at again and again, as it has no event of its own."""
    give_up_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_s:
            return False
        await asyncio.sleep(_LOOKS_EVERY_S)
    return True


def _warnings(lines: list[str]) -> list[str]:
    return [line for line in lines if " WARNING " in line or " ERROR " in line]


def _first_line(failure: BaseException) -> str:
    return (str(failure) or type(failure).__name__).splitlines()[0]
