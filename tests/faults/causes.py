"""How each cause of the fault table is brought about, and lifted again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from device_daemon.localservice.faults import Faults
from scripts.rig.card import SimulatedCard
from scripts.rig.device import BUTTON_PIN, Device
from scripts.rig.surroundings import Lookup, Surroundings
from tests.e2e.room import Room
from tests.faults.line import Line
from tests.faults.row import (
    Button,
    ButtonPin,
    Card,
    Cause,
    Clock,
    Close,
    Dated,
    Disk,
    LightPin,
    Names,
    Network,
    NoRoute,
    Service,
    Signal,
    Stalled,
    Starved,
    Suspended,
    WrongClock,
)

SLOW_OPEN_MS = 3000
_BOUNCES = 6
_TAPPED_S = 0.1
_SYNC_MS = 3000
_DAY_S = 86_400
_STARVED_S, _FED_S = 0.4, 0.1
_CAUGHT_S = 0.3
_LOOKUPS = {"fails": Lookup.FAILS, "hangs": Lookup.HANGS}


class Causes:
    """Brings faults about on one running speaker, and lifts them."""

    def __init__(
        self, room: Room, line: Line, device: Device, pace: Faults, surroundings: Surroundings | None = None
    ) -> None:
        self._room = room
        self._line = line
        self._device = device
        self._surroundings = surroundings
        self._pace = pace
        """The service as it is without a fault."""
        self._healing = False
        self._occupied = False
        self._later: set[asyncio.Task[None]] = set()
        self._lift: list[Callable[[], None]] = []

    async def begin(self, cause: Cause) -> None:  # noqa: C901 - one table of causes
        """Let it happen."""
        match cause:
            case Service() | Close() | Network():
                await self._begin_far(cause)
            case Card():
                strike(self._room.card, cause)
                if cause.for_s is not None:
                    self._after(cause.for_s, lambda: spare(self._room.card))
            case Signal():
                await self._signal(cause)
            case Names() | NoRoute() | Clock() | WrongClock() | Suspended() | Disk("slow"):
                await self._begin_around(cause)
            case Dated(days):
                self._line.date_certificate(days)
                self._line.cut()
            case Starved() | Stalled() | LightPin() | ButtonPin():
                await self._begin_inside(cause)
            case Disk(kind):
                self._mount(self._room.folder / "speaker" / "state", kind)
            case Button(kind):
                for _ in range(_BOUNCES if kind == "bounces" else 0):
                    await self._device.push(BUTTON_PIN)
                    await self._device.let_go(BUTTON_PIN)
                if kind == "stuck":
                    await self._device.push(BUTTON_PIN)

    async def _begin_around(self, cause: Names | NoRoute | Clock | WrongClock | Suspended | Disk) -> None:
        """What the machine takes away."""
        around = self._surroundings
        assert around is not None, "the daemon lives in the machine's own surroundings"
        match cause:
            case Disk():
                around.slow_disk(_SYNC_MS)
            case Names(kind):
                around.look_up(_LOOKUPS[kind])
                self._line.cut()
            case NoRoute():
                around.cut_off()
                self._line.cut()
            case Clock(days):
                around.step_clock(days * _DAY_S)
            case WrongClock(days):
                around.step_clock(days * _DAY_S)
                self._line.cut()
            case Suspended(hours):
                await self._stand_still(1.0)
                around.step_clock(hours * 3600)
                self._line.cut()

    async def _be_caught_by_it(self, cause: Names | Disk) -> None:
        """Let the speaker begin what then takes so long."""
        if isinstance(cause, Disk):
            await self._device.ask("mute on")
            await self._device.ask("mute off")
        await asyncio.sleep(_CAUGHT_S)

    async def _begin_inside(self, cause: Starved | Stalled | LightPin | ButtonPin) -> None:
        """What happens to the process, or in it."""
        match cause:
            case Starved(times):
                self._later.add(asyncio.create_task(self._starve(times)))
            case Stalled(ms):
                await self._device.stall(ms)
            case LightPin("fails"):
                await self._device.break_pin()
                self._healing = True
            case ButtonPin("at start"):
                self._occupied = True
            case ButtonPin("at reload"):
                self._occupied = True
                await self._device.occupy_pin(BUTTON_PIN)
                self._rewire_button()
                self._device.process.send_signal(signal.SIGHUP)
                await self._device.wait_for_log(f"button on pin {BUTTON_PIN}: ")

    async def _begin_far(self, cause: Service | Close | Network) -> None:
        """What happens at the other end of the line, or on it."""
        match cause:
            case Service():
                self._room.service.faults = misbehaving(self._pace, cause)
                if cause.anew:
                    self._line.cut()
            case Close(code):
                sessions = list(self._room.service._connections)
                await asyncio.gather(*(session.close(code, "for the test") for session in sessions))
            case Network("cut"):
                self._line.cut()
            case Network("refuse"):
                self._line.refuse()
            case Network("freeze"):
                self._line.freeze()
            case Network(kind):
                raise ValueError(kind)

    async def _stand_still(self, seconds: float) -> None:
        await asyncio.sleep(_TAPPED_S)  # as below, for SIGSTOP
        self._device.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self._device.process.send_signal(signal.SIGCONT)

    async def _starve(self, times: int) -> None:
        for _ in range(times):
            try:
                await self._stand_still(_STARVED_S)
            finally:
                self._device.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(_FED_S)

    async def end(self) -> None:
        """Lift whatever there was."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        while self._lift:
            self._lift.pop()()
        if self._surroundings is not None:
            self._surroundings.restore()
        if self._healing:
            await self._device.heal_pin()
        if self._occupied:
            await self._device.free_pin(BUTTON_PIN)
        self._line.date_certificate(0)
        self._room.service.faults = self._pace
        spare(self._room.card)
        await self._line.restore()

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            do()

        self._later.add(asyncio.create_task(later()))

    @property
    def _config(self) -> Path:
        return self._room.folder / "speaker" / "config.yaml"

    def _rewire_button(self) -> None:
        """Have its pin opened anew with the next reload."""
        config = yaml.safe_load(self._config.read_text(encoding="utf-8"))
        config["triggers"][0]["debounce_ms"] = 6
        self._config.write_text(yaml.safe_dump(config), encoding="utf-8")

    async def _signal(self, cause: Signal) -> None:
        if cause.meanwhile is not None:
            await self._begin_around(cause.meanwhile)
            await self._be_caught_by_it(cause.meanwhile)
        if cause.name == "SIGSTOP":
            # The mock pins are driven by a thread of the process: no tap may be under way when that stops.
            await asyncio.sleep(_TAPPED_S)
        path = self._config
        if cause.config == "broken":
            before = path.read_bytes()
            path.write_bytes(before + b"\nnonsense: [\n")
            self._lift.append(lambda: _write(path, before))
        self._device.process.send_signal(getattr(signal, cause.name))
        if cause.name == "SIGSTOP":
            self._after(cause.for_s, lambda: self._device.process.send_signal(signal.SIGCONT))

    def _mount(self, folder: Path, kind: str) -> None:
        """Put a file system of its own over the state directory: a full one, or one that cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        option = "ro" if kind == "read-only" else "size=4k"
        subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(folder)], check=True)
        self._lift.append(lambda: _run("umount", "--lazy", str(folder)))
        if kind == "full":
            with (folder / "filler").open("wb") as filler:
                try:
                    filler.write(bytes(65_536))
                    filler.flush()
                except OSError:
                    pass


def misbehaving(pace: Faults, cause: Service) -> Faults:
    """Return the service's pace with the fields of the cause."""
    values: dict[str, Any] = msgspec.structs.asdict(pace) | dict(cause.faults)
    return msgspec.convert(values, Faults)


def strike(card: SimulatedCard, cause: Card) -> None:
    """Do to a card what the cause says."""
    match cause.kind:
        case "unplugged":
            card.unplug(*cause.directions)
        case "busy":
            card.occupy(*cause.directions)
            _pull_and_put_back(card, cause)
        case "refusing":
            card.refuse(*cause.directions)
            _pull_and_put_back(card, cause)
        case "renumbered":
            card.unplug()
            card.renumber()
        case "renamed":
            card.rename("2")
            _pull_and_put_back(card, cause)
        case "stuck":
            card.stall(*cause.directions)
        case "slow":
            card.be_slow(open_ms=SLOW_OPEN_MS)
        case kind:
            raise ValueError(kind)


def spare(card: SimulatedCard) -> None:
    """Let the card work again."""
    card.plug()
    card.busy = False
    card.accept()
    card.rename("")
    if card.stuck:
        card.stuck = False
    card.be_slow()


def _pull_and_put_back(card: SimulatedCard, cause: Card) -> None:
    """Whoever had it open has to open it again."""
    card.unplug(*cause.directions)
    card.plug()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def possible(cause: Cause) -> bool:
    """Whether this machine lets it happen: a file system of its own needs root."""
    return not isinstance(cause, Disk) or cause.kind == "slow" or os.geteuid() == 0
