"""The scene of one cell of the fault table: a speaker, its room, and a person who does not know of the fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from device_daemon.localservice.faults import NONE, Faults
from scripts.rig.device import BUTTON_PIN, LED_PIN, Device
from scripts.rig.surroundings import Surroundings
from tests.e2e.room import ANSWER, GREETING, RATE_HZ, WORD_FRAMES, Room, voice
from tests.faults.causes import Causes
from tests.faults.line import Certificates, Line
from tests.faults.row import (
    ButtonPin,
    Cause,
    Clock,
    Close,
    Disk,
    LightPin,
    Names,
    Network,
    NoRoute,
    Row,
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
_STARTS_WITHIN_S: Final = 30.0
_ASKS_AGAIN_S: Final = 4.0
_FEW_PERIODS: Final = 8
"""Of 30 ms, as the config's own default: so they overrun where the process gets hardly any time."""
_PACES: Final[dict[Stage, dict[str, Any]]] = {
    Stage.CONNECTING: {"session_updated_delay_ms": 1500},
    Stage.THINKING: {"think_ms": 1500},
}
_PACE: Final[dict[str, Any]] = {"speed": 1.0, "delta_ms": 100}
"""Sound is made as fast as it is heard, so that there is some left when the fault happens."""


class Killed(Exception):
    """The process ended as it was to."""


def kills(row: Row) -> bool:
    """Return whether the fault kills the process."""
    return isinstance(row.cause, Signal) and row.cause.name == "SIGKILL"


def is_of_surroundings(cause: Cause) -> bool:
    """Whether it is brought about in the daemon's own surroundings."""
    if isinstance(cause, Signal):
        return cause.meanwhile is not None
    return isinstance(cause, Names | NoRoute | Clock | WrongClock | Suspended) or cause == Disk("slow")


class Scene:
    """Speakers come and go in it; what a person does is dated."""

    def __init__(self, row: Row, stage: Stage, room: Room, line: Line, certificates: Certificates | None) -> None:
        self.row = row
        self.stage = stage
        self.room = room
        self._line = line
        self._certificates = certificates
        self._surroundings = Surroundings(room.folder) if is_of_surroundings(row.cause) else None
        self._pace = msgspec.convert(_PACE | _PACES.get(stage, {}), Faults)
        self.device: Device
        self.log: list[str] = []
        """Of all daemons there were."""
        self.pressed_s = 0.0
        self.acted_s = 0.0
        """When the person began to wait."""
        self.asked_s: float | None = None
        """When the question began that is to be answered."""
        self.announcement: asyncio.Task[str] | None = None
        """What `say` answers."""
        self.announced_s = 0.0

    def causes(self) -> Causes:
        """Return how a fault is brought about on the speaker that runs now."""
        return Causes(self.room, self._line, self.device, self._pace, self._surroundings)

    @asynccontextmanager
    async def speaker(self) -> AsyncIterator[Device]:
        """Run a speaker for this cell; raises Killed if the fault kills it."""
        self.room.service.faults = NONE
        greeting: dict[str, Any] = {"say": GREETING, "cache": self.stage is Stage.REMEMBERED}
        held = {"type": "button", "pin": HELD_PIN, "mode": "push-to-talk", "greeting": "none"}
        triggers = [{"type": "button", "pin": 17, "greeting": "welcome"}, held]
        sections: dict[str, Any] = {"greetings": {"welcome": greeting}, "triggers": triggers}
        if isinstance(self.row.cause, Starved):
            sections["audio"] = {"microphone": {"periods": _FEW_PERIODS}, "speaker": {"periods": 16, "volume": 100}}
        if self._certificates is not None:
            sections["service"] = {"ca_file": str(self._certificates.ca_file)}
        environment = self._surroundings.environment() if self._surroundings else {}
        if self.row.cause == LightPin("busy"):
            environment["PINS_BUSY"] = str(LED_PIN)
        if self.row.cause == ButtonPin("at start"):
            environment["PINS_BUSY"] = str(BUTTON_PIN)
        log: list[str] = []
        try:
            async with self.room.speaker(environment, endpoint=self._line.endpoint, **sections) as device:
                log = device.log
                # Not a promise: on a busy machine the first connection takes its time.
                await self.room.service.wait_for("session.created", deadline_s=_STARTS_WITHIN_S)
                self.device = device
                yield device
        except AssertionError as failure:
            if "ended with -9" in str(failure) and kills(self.row):
                raise Killed from failure
            raise
        finally:
            self.log += log

    # Into the state

    async def enter(self) -> None:
        """Bring the speaker into the stage."""
        device, room, stage = self.device, self.room, self.stage
        if stage is Stage.REMEMBERED:
            await room.until(lambda: any(room.folder.rglob("greetings/*")), "greeting in the cache")
            await device.wait_until(lambda: device.state == "idle", "rest")
        room.service.faults = self._pace
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
        self.asked_s = asked_s = room.says(QUESTION)
        if stage is Stage.THINKING:
            await device.wait_for_state("thinking")
        else:
            await self.room.until(lambda: self.answers(asked_s), "answer")

    async def act(self) -> None:
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

    def ask_if_listening(self) -> None:
        """Ask, and once more if no answer comes; but what was asked before a break must not have to be said again."""
        now_s = time.monotonic()
        again = not isinstance(self.row.cause, Close | Network) and now_s > (self.asked_s or 0.0) + _ASKS_AGAIN_S
        if self.device.state == "listening" and (self.asked_s is None or again):
            self.asked_s = self.room.says(QUESTION)

    def answers(self, after_s: float) -> bool:
        """Return whether the answer was begun to be heard after a time."""
        begins = voice(ANSWER)[:WORD_FRAMES]  # half a word, 60 ms: a bad network may put a pause behind it
        return any(heard.frames == WORD_FRAMES // 2 for heard in self.room.all_heard(begins, after_s))
