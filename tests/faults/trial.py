"""One cell of the fault table: a speaker is brought into a state, the fault happens, and what follows is judged.

Judged from outside only: the card's tracks, the pins, the log, the socket of the process. Nothing here knows the code.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from device_daemon.audio.sounds import earcon
from device_daemon.localservice.faults import NONE, Faults
from device_daemon.state import RESTING, State
from scripts.rig.card import SimulatedCard
from scripts.rig.device import BUTTON_PIN, LED_PIN, Device
from scripts.rig.surroundings import Surroundings
from tests.e2e.room import ANSWER, GREETING, RATE_HZ, WORD_FRAMES, Room, service_for_tests, voice
from tests.faults.causes import Causes
from tests.faults.lights import LightWatch
from tests.faults.line import Certificates, Line
from tests.faults.row import (
    ButtonPin,
    Cause,
    Clock,
    Close,
    Dated,
    Disk,
    End,
    LightPin,
    Names,
    Network,
    NoRoute,
    Row,
    Service,
    Signal,
    Stage,
    Starved,
    Suspended,
    WrongClock,
)

HELD_PIN: Final = 27
QUESTION: Final = "what do you think it is that stands over there"
"""1.2 s: what is shorter than a second may be a cough, which need not be answered."""
_QUESTION_S: Final = len(voice(QUESTION)) / 2 / RATE_HZ
_LOOKS_EVERY_S: Final = 0.05
_STARTS_WITHIN_S: Final = 30.0
_ASKS_AGAIN_S: Final = 4.0
_RECOVERS_WITHIN_S: Final = 6.0
_COMES_TO_REST_S: Final = 1.5
_MOST_WARNINGS: Final = 8
_FEW_PERIODS: Final = 8
"""Of 30 ms, as the config's own default: so they overrun where the process gets hardly any time."""
_TROUBLE: Final = earcon("error")
_MUTED: Final = earcon("muted")
_PACES: Final[dict[Stage, dict[str, Any]]] = {
    Stage.CONNECTING: {"session_updated_delay_ms": 1500},
    Stage.THINKING: {"think_ms": 1500},
}
_PACE: Final[dict[str, Any]] = {"speed": 1.0, "delta_ms": 100}
"""Sound is made as fast as it is heard, so that there is some left when the fault happens."""


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
    try:
        await _Trial(verdict, room, line, certificates).run()
    except (AssertionError, TimeoutError, OSError) as failure:
        verdict.problems.append(_first_line(failure))
    finally:
        await line.stop()
        await service.stop()
    verdict.seconds = time.monotonic() - began_s
    return verdict


class _Trial:
    def __init__(self, verdict: Verdict, room: Room, line: Line, certificates: Certificates | None) -> None:
        self.verdict = verdict
        self.row, self.stage = verdict.row, verdict.stage
        self.room = room
        self.line = line
        self.certificates = certificates
        self.surroundings = Surroundings(room.folder) if _is_of_surroundings(self.row.cause) else None
        self.device: Device
        self.pace = msgspec.convert(_PACE | _PACES.get(self.stage, {}), Faults)
        self.pressed_s = 0.0
        self.happened_s = 0.0
        """When the fault began."""
        self.acted_s = 0.0
        """When the person began to wait."""
        self.asked_s: float | None = None
        self.announcement: asyncio.Task[str] | None = None
        """What `say` answers."""
        self.announced_s = 0.0

    async def run(self) -> None:
        stopped = End.STOPPED in self.row.ends
        with suppress(_Killed):
            async with self._speaker() as device:
                self.device = device
                await self._enter()
                told = 0 if self.row.cause == ButtonPin("at start") else len(device.log)
                seen = told, len(device.states), len(device.pin_changes)
                causes = Causes(self.room, self.line, device, self.pace, self.surroundings)
                try:
                    self.happened_s = self.acted_s = time.monotonic()
                    await causes.begin(self.row.cause)
                    if stopped:
                        self.acted_s = time.monotonic()
                        await self._stops()
                    else:
                        async with LightWatch(self.room, device, exempt=self.row) as watch:
                            await self._act()
                            await self._settles(seen)
                        self.verdict.problems += watch.lies
                finally:
                    await causes.end()
                if not stopped:
                    await self._say_is_answered()
                    self._journal(device.log[seen[0] :])
                    await self._recovers()
                    self._greeted_once()
        if stopped:
            self.stage = Stage.RESTING
            async with self._speaker() as device:
                self.device = device
                await self._recovers()

    @asynccontextmanager
    async def _speaker(self) -> AsyncIterator[Device]:
        self.room.service.faults = NONE
        greeting: dict[str, Any] = {"say": GREETING, "cache": self.stage is Stage.REMEMBERED}
        held = {"type": "button", "pin": HELD_PIN, "mode": "push-to-talk", "greeting": "none"}
        triggers = [{"type": "button", "pin": 17, "greeting": "welcome"}, held]
        sections: dict[str, Any] = {"greetings": {"welcome": greeting}, "triggers": triggers}
        if isinstance(self.row.cause, Starved):
            sections["audio"] = {"microphone": {"periods": _FEW_PERIODS}, "speaker": {"periods": 16, "volume": 100}}
        if self.certificates is not None:
            sections["service"] = {"ca_file": str(self.certificates.ca_file)}
        environment = self.surroundings.environment() if self.surroundings else {}
        if self.row.cause == LightPin("busy"):
            environment["PINS_BUSY"] = str(LED_PIN)
        if self.row.cause == ButtonPin("at start"):
            environment["PINS_BUSY"] = str(BUTTON_PIN)
        log: list[str] = []
        try:
            async with self.room.speaker(environment, endpoint=self.line.endpoint, **sections) as device:
                log = device.log
                # Not a promise: on a busy machine the first connection takes its time.
                await self.room.service.wait_for("session.created", deadline_s=_STARTS_WITHIN_S)
                yield device
        except AssertionError as failure:
            if "ended with -9" in str(failure) and _kills(self.row):
                raise _Killed from failure
            raise
        finally:
            self.verdict.log += log

    # Into the state

    async def _enter(self) -> None:
        device, room, stage = self.device, self.room, self.stage
        if stage is Stage.REMEMBERED:
            await room.until(lambda: any(room.folder.rglob("greetings/*")), "greeting in the cache")
            await device.wait_until(lambda: device.state == "idle", "rest")
        room.service.faults = self.pace
        if stage is Stage.RESTING:
            return
        if stage is Stage.ANNOUNCING:
            began_s = self.announced_s = time.monotonic()
            self.announcement = asyncio.create_task(device.ask(f"say {GREETING}"))
            await room.sounds(began_s)
            return
        if stage is Stage.HELD:
            await device.push(HELD_PIN)
            await room.until(lambda: room.card.microphone_running, "open microphone")
            self.asked_s = room.says(QUESTION)
            await room.captured_until(self.asked_s + _QUESTION_S / 2)
            return
        self.pressed_s = await device.press()
        if stage is Stage.CONNECTING:
            await device.wait_for_state("connecting")
            return
        await room.sounds(self.pressed_s)
        if stage in {Stage.GREETING, Stage.REMEMBERED}:
            return
        await device.wait_for_state("listening")
        if stage is Stage.LISTENING:
            return
        self.asked_s = room.says(QUESTION)
        if stage is Stage.THINKING:
            await device.wait_for_state("thinking")
        else:
            await self._answered(self.asked_s)

    async def _act(self) -> None:
        """What a person does who does not know of the fault."""
        match self.stage:
            case Stage.RESTING:
                self.acted_s = self.pressed_s = await self.device.tap()
            case Stage.LISTENING:
                self.asked_s = self.room.says(QUESTION)
                self.acted_s = self.asked_s + _QUESTION_S
            case Stage.HELD:
                assert self.asked_s is not None
                await asyncio.sleep(max(0.0, self.asked_s + _QUESTION_S + 0.1 - time.monotonic()))
                self.acted_s = await self.device.let_go(HELD_PIN)
            case _:
                self.acted_s = time.monotonic()

    # What follows

    async def _settles(self, seen: tuple[int, int, int]) -> None:
        allowed = self.row.ends | self.row.also.get(self.stage, frozenset())
        if self.stage is Stage.ANNOUNCING:
            allowed |= {End.SHOWN, End.GOES_ON}
        if self.asked_s is not None and self.stage is Stage.SPEAKING:
            self.asked_s = None  # that answer was heard already; whether it goes on is seen by the next one
        give_up_s = self.acted_s + self.row.settled_s
        sign_s: float | None = None
        while self.verdict.end is None and time.monotonic() < give_up_s:
            await asyncio.sleep(_LOOKS_EVERY_S)
            if sign_s is None and (self._changed(seen) or self.room.card.first_sound_after(self.acted_s)):
                sign_s = time.monotonic() - self.acted_s
            self.verdict.end = self._end(seen, allowed)
            self._ask_if_listening()
        if self.verdict.end is not None and sign_s is None:
            sign_s = time.monotonic() - self.acted_s
        if isinstance(self.row.cause, Starved) and not self.room.card.overruns:
            self.verdict.problems.append("the microphone did not overrun: nothing was tried")
        if self.verdict.end is None:
            state = self.device.state
            self.verdict.problems.append(f"after {self.row.settled_s:g} s nobody knows: {state}, and no sound said so")
        elif self.verdict.end not in allowed:
            self.verdict.problems.append(f"ended as {self.verdict.end!r}")
        if sign_s is None or sign_s > self.row.sign_s + 0.2:
            after = "no sign at all" if sign_s is None else f"the first sign after {sign_s:.1f} s"
            self.verdict.problems.append(f"{after} (of {self.row.sign_s:g})")

    def _changed(self, seen: tuple[int, int, int]) -> bool:
        return len(self.device.pin_changes) > seen[2] or len(self.device.states) > seen[1]

    def _end(self, seen: tuple[int, int, int], allowed: frozenset[End]) -> End | None:
        if End.GOES_ON in allowed and self.asked_s is not None and self._answers(self.asked_s):
            return End.GOES_ON
        if State(self.device.state) not in RESTING and self.device.state not in {"listening", "waiting"}:
            return None
        reaches_it = not isinstance(self.row.cause, ButtonPin)
        if self.stage is Stage.RESTING and reaches_it and len(self.device.states) == seen[1]:
            return None  # the press is still on its way
        told = _MUTED if self.device.state == "muted" else _TROUBLE
        if self.room.all_heard(told, self.happened_s):
            return End.TOLD
        if State(self.device.state) not in RESTING:
            return None
        if self.stage is Stage.ANNOUNCING and self.device.state == "idle":
            return End.GOES_ON
        if self.device.state in {"error", "offline", "no-clock"} and _warnings(self.device.log[seen[0] :]):
            return End.SHOWN if End.SHOWN in allowed else None
        return None

    def _ask_if_listening(self) -> None:
        """Ask, and once more if no answer comes; but what was asked before a break must not have to be said again."""
        now_s = time.monotonic()
        again = not isinstance(self.row.cause, Close | Network) and now_s > (self.asked_s or 0.0) + _ASKS_AGAIN_S
        if self.device.state == "listening" and (self.asked_s is None or again):
            self.asked_s = self.room.says(QUESTION)

    def _answers(self, after_s: float) -> bool:
        begins = voice(ANSWER)[:WORD_FRAMES]  # half a word, 60 ms: a bad network may put a pause behind it
        return any(heard.frames == WORD_FRAMES // 2 for heard in self.room.all_heard(begins, after_s))

    async def _answered(self, after_s: float) -> None:
        await self.room.until(lambda: self._answers(after_s), "answer")

    async def _stops(self) -> None:
        """The process was asked to end, or was killed."""
        async with asyncio.timeout(self.row.settled_s + 8.0):
            await self.device.process.wait()
        took_s = time.monotonic() - self.acted_s
        if took_s > self.row.settled_s + 0.3:
            self.verdict.problems.append(f"it took {took_s:.1f} s to end")
        self.verdict.end = End.STOPPED
        room = self.room
        if not _kills(self.row):
            await room.until(lambda: all(session.closed_s for session in room.service.record.sessions), "goodbye")
            closed = [s for s in room.sessions if (s.closed_s or 0.0) > self.acted_s]
            rude = [session.close_code for session in closed if session.close_code not in {1000, 1001}]
            if rude:
                self.verdict.problems.append(f"sessions closed with {rude}")
        half_written = [path.name for path in room.folder.rglob("state/**/*") if path.suffix in {".tmp", ".new"}]
        # Where the disk takes longer than that, the next save replaces what is left of this one.
        if half_written and not _kills(self.row) and not _is_of_surroundings(self.row.cause):
            self.verdict.problems.append(f"half-written: {half_written}")

    async def _say_is_answered(self) -> None:
        """`say` says that it was said if its last word was heard, and else why not."""
        if self.announcement is None:
            return
        try:
            async with asyncio.timeout(_RECOVERS_WITHIN_S):
                answer = await self.announcement
        except TimeoutError:
            answer = "nothing"
        last_word = voice(GREETING)[-WORD_FRAMES * 2 :]
        said = any(heard.frames > WORD_FRAMES // 2 for heard in self.room.all_heard(last_word, self.announced_s))
        if not answer.startswith("ok: said" if said else "error: it was not said: "):
            self.verdict.problems.append(f"the text was {'' if said else 'not '}said, and `say` answers {answer!r}")

    def _journal(self, lines: list[str]) -> None:
        warned = _warnings(lines)
        if self.row.journal and not warned and self.verdict.end is not End.GOES_ON:
            self.verdict.problems.append("the journal says nothing")
        if len(warned) > _MOST_WARNINGS:
            self.verdict.problems.append(f"the journal says {len(warned)} times that something is wrong")
        for sign in ("Traceback", "bug in this program", "never retrieved", "IllegalTransition"):
            if any(sign in line for line in lines):
                self.verdict.problems.append(f"{sign!r} in the log")

    async def _recovers(self) -> None:
        """The fault is gone: the next press is greeted and answered, without anybody's help."""
        device, room = self.device, self.room
        with suppress(OSError):
            if State(device.state) not in RESTING:
                await device.ask("stop")
            if device.state == "muted":  # by a button that was held down
                await device.ask("mute off")
        if isinstance(self.row.cause, Signal) is False and self.stage is Stage.HELD:
            await device.let_go(HELD_PIN)
        await device.let_go()
        rests = await _true_within(self.row.heals_s or _COMES_TO_REST_S, lambda: device.state == "idle")
        if self.row.heals_s is not None and not rests:
            self.verdict.problems.append(f"{self.row.heals_s:g} s after the fault was gone: {device.state}")
        if isinstance(self.row.cause, Service) and (retry_after_s := self.row.cause.faults.get("retry_after_s")):
            await asyncio.sleep(retry_after_s)  # until then a press is told that the service is busy
        if isinstance(self.row.cause, Signal) and self.row.cause.config == "good":
            await device.wait_for_log("ready: ", count=2)  # it is read again when the conversation is over
        before = len(device.states)
        self.pressed_s = await device.press()
        greeted = await _true_within(
            _RECOVERS_WITHIN_S, lambda: any(entered.state == "listening" for entered in device.states[before:])
        )
        asked_s = room.says(QUESTION)
        if not greeted or not await _true_within(_RECOVERS_WITHIN_S, lambda: self._answers(asked_s)):
            self.verdict.problems.append(f"when the fault was gone a press was not answered: {device.state}")

    def _greeted_once(self) -> None:
        begins = voice(GREETING)[: WORD_FRAMES * 2]
        greetings = [h for h in self.room.all_heard(begins, self.pressed_s) if h.frames == WORD_FRAMES]
        if len(greetings) > 1:
            self.verdict.problems.append(f"one press, greeted {len(greetings)} times")


async def _true_within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether it becomes true in that time; looked at again and again, as it has no event of its own."""
    give_up_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_s:
            return False
        await asyncio.sleep(_LOOKS_EVERY_S)
    return True


def _is_of_surroundings(cause: Cause) -> bool:
    """Whether it is brought about in the daemon's own surroundings."""
    if isinstance(cause, Signal):
        return cause.meanwhile is not None
    return isinstance(cause, Names | NoRoute | Clock | WrongClock | Suspended) or cause == Disk("slow")


class _Killed(Exception):
    """The process ended as it was to."""


def _kills(row: Row) -> bool:
    return isinstance(row.cause, Signal) and row.cause.name == "SIGKILL"


def _warnings(lines: list[str]) -> list[str]:
    return [line for line in lines if " WARNING " in line or " ERROR " in line]


def _first_line(failure: BaseException) -> str:
    return (str(failure) or type(failure).__name__).splitlines()[0]
