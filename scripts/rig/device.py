"""A whole device: the daemon as a process, over the simulated card and mock pins, talking to the local service.

Tests, the demo and the benchmark use it. Nothing here waits by sleeping: states come from the daemon's own log, lights
from its pins, sound from the card's tracks.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from device_daemon.device.control_client import ask
from device_daemon.triggers.gesture import DOUBLE_PRESS_S
from scripts import REPOSITORY
from scripts.rig.card import SimulatedCard
from scripts.rig.systemd import Notified, environment_of_unit, notified

DEADLINE_S = 20.0
KEY = "a-key-for-tests"
BUTTON_PIN = 17
LED_PIN = 25
NOTIFY = "notify"
_STATE = re.compile(r"\b([\w-]+) -> ([\w-]+)$")


@dataclass(frozen=True, slots=True)
class PinChange:
    """An output pin changed, at a time.monotonic()."""

    pin: str
    level: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Entered:
    """The daemon's log said that it entered a state; `at_s` is when that line was read."""

    state: str
    at_s: float


class Device:
    """A daemon that runs. Made by `running`."""

    def __init__(
        self, process: asyncio.subprocess.Process, card: SimulatedCard | None, socket: Path, systemd: Notified
    ) -> None:
        self._card = card
        self.socket = socket
        self.systemd = systemd
        self.log: list[str] = []
        self.states: list[Entered] = []
        self.pin_changes: list[PinChange] = []
        self.process = process
        self._pressed_s = -DOUBLE_PRESS_S
        self._news = asyncio.Condition()
        self._waited_for = 0
        self._log_ended = False
        self._threads: list[str] | None = None

    # The button

    async def push(self, pin: int = BUTTON_PIN) -> float:
        """Push the button down; returns when."""
        return await self._finger("low", pin)

    async def let_go(self, pin: int = BUTTON_PIN) -> float:
        """Let the button go; returns when."""
        return await self._finger("high", pin)

    async def tap(self, pin: int = BUTTON_PIN) -> float:
        """Push the button and let it go at once, whatever comes of it; returns when it was pushed."""
        self._pressed_s = time.monotonic()
        return await self._finger("tap", pin)

    async def press(self, pin: int = BUTTON_PIN) -> float:
        """Push the button and let it go, and wait until the daemon took it for a press; returns when it was pushed.

        Not so soon after the press before that it would be a double press: nobody sees how a finger takes its time.
        """
        await asyncio.sleep(max(0.0, self._pressed_s + DOUBLE_PRESS_S + 0.05 - time.monotonic()))
        seen = self._presses()
        at_s = await self.tap(pin)
        await self.wait_until(lambda: self._presses() > seen, "a press in the log")
        return at_s

    def _presses(self) -> int:
        return sum("pressed (" in line for line in self.log)

    async def _finger(self, gesture: str, pin: int) -> float:
        assert self.process.stdin is not None
        at_s = time.monotonic()
        self.process.stdin.write(f"{gesture} {pin}\n".encode())
        await self.process.stdin.drain()
        return at_s

    async def threads(self) -> list[str]:
        """The names of the daemon's threads, without the rig's own."""
        self._threads = None
        await self._finger("threads", 0)
        await self.wait_until(lambda: self._threads is not None, "list of its threads")
        return list(self._threads or [])

    async def break_pin(self, pin: int = LED_PIN) -> None:
        """Let a pin raise whenever it is written."""
        await self._finger("break", pin)

    async def heal_pin(self, pin: int = LED_PIN) -> None:
        """Let it work again."""
        await self._finger("heal", pin)

    async def occupy_pin(self, pin: int) -> None:
        """Let another program hold a pin, from the next time that the daemon opens it."""
        await self._finger("occupy", pin)

    async def free_pin(self, pin: int) -> None:
        """Let it go again."""
        await self._finger("free", pin)

    async def stall(self, ms: int) -> None:
        """Keep the daemon's event loop busy for so long."""
        await self._finger("stall", ms)

    # The control socket

    async def ask(self, line: str) -> str:
        """A request over the control socket, and its answer."""
        return await asyncio.to_thread(ask, self.socket, line)

    async def status(self) -> dict[str, Any]:
        """What `status --json` says."""
        return dict(json.loads(await self.ask("status --json")))

    # States and the log

    @property
    def state(self) -> str:
        """The newest state of the log."""
        return self.states[-1].state if self.states else "starting"

    async def enters(self, state: str) -> Entered:
        """The next time it enters that state, later than the one that was waited for last."""
        entered = await self.wait_for_state(state, self._waited_for)
        self._waited_for = self.states.index(entered, self._waited_for) + 1
        return entered

    async def wait_for_state(self, state: str, after: int = 0) -> Entered:
        """The first time that state is entered among `states[after:]`."""

        def found() -> Entered | None:
            return next((entered for entered in self.states[after:] if entered.state == state), None)

        await self.wait_until(lambda: found() is not None, f"state {state}")
        entered = found()
        assert entered is not None
        return entered

    async def wait_for_log(self, words: str, count: int = 1) -> str:
        """The `count`-th log line that holds the words."""

        def found() -> list[str]:
            return [line for line in self.log if words in line]

        await self.wait_until(lambda: len(found()) >= count, f"{words!r} in the log ({count}.)")
        return found()[count - 1]

    async def wait_until(self, condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait for the daemon to make it true; fails with the log, at once if the daemon is gone."""
        try:
            async with asyncio.timeout(deadline_s), self._news:
                await self._news.wait_for(lambda: condition() or self._log_ended)
        except TimeoutError:
            pass
        if not condition():
            ended = f"before the daemon ended (with {self.process.returncode})"
            how = ended if self._log_ended else f"within {deadline_s} s"
            raise AssertionError("\n".join([f"no {what} {how}; the log:", *self.log]))

    async def read_log(self) -> None:
        """Take in the log until the daemon ends."""
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip()
            async with self._news:
                self.log.append(line)
                if found := _STATE.search(line):
                    self.states.append(Entered(found[2], time.monotonic()))
                self._news.notify_all()
        async with self._news:
            self._log_ended = True
            self._news.notify_all()

    # Sound

    @property
    def card(self) -> SimulatedCard:
        """The room it stands in."""
        assert self._card is not None, "with a real sound card nobody can tell what is heard"
        return self._card

    async def wait_for_sound(self, after_s: float, deadline_s: float = DEADLINE_S) -> float:
        """When the card's first audible sample after that time is heard."""
        return await asyncio.to_thread(self.card.wait_for_sound, after_s, deadline_s)

    async def wait_for_silence(self, after_s: float, silence_ms: float = 300.0) -> float:
        """When the sound that was heard after that time stopped."""
        return await asyncio.to_thread(self.card.wait_for_silence, after_s, silence_ms, DEADLINE_S)

    # Lights

    async def read_pins(self, reader: asyncio.StreamReader) -> None:
        """Take in the pins' changes until the daemon ends."""
        async for line in reader:
            news = json.loads(line)
            async with self._news:
                if isinstance(news, list):
                    self._threads = news
                else:
                    self.pin_changes.append(PinChange(**news))
                self._news.notify_all()

    def changes_of(self, pin: int) -> list[PinChange]:
        """All changes of a light's pin so far."""
        return [change for change in self.pin_changes if change.pin == str(pin)]

    def led(self, pin: int = LED_PIN) -> float | None:
        """The newest level of a light's pin."""
        changes = self.changes_of(pin)
        return changes[-1].level if changes else None


def config_for(endpoint: str | None = None, **sections: Any) -> dict[str, Any]:
    """A config for tests: one button, one LED, a greeting. A section given is merged over these, key by key."""
    config: dict[str, Any] = {
        "service": {"endpoint": endpoint, "model": "gpt-realtime"} if endpoint else {"local": True},
        "conversation": {"idle_timeout_s": 30.0},
        "greetings": {"welcome": {"say": "Hi, welcome back! How can I help?"}},
        "triggers": [{"type": "button", "pin": BUTTON_PIN, "greeting": "welcome"}],
        "lights": [{"type": "led", "pin": LED_PIN}],
    }
    for name, section in sections.items():
        merges = isinstance(section, Mapping) and name in config
        config[name] = {**config[name], **section} if merges else section
    return config


@asynccontextmanager
async def running(
    folder: Path,
    config: Mapping[str, Any],
    card: SimulatedCard | None,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    *,
    at_rest: bool = True,
) -> AsyncIterator[Device]:
    """A daemon in `folder` that has started and is at rest; else its process was only just begun.

    It is stopped in good order, and must exit with 0. Without a `card` it takes the ALSA devices that this machine has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    with notified(folder / NOTIFY) as systemd:
        pins_out, pins_in = os.pipe()
        variables = {
            **os.environ,
            **environment_of_unit(),
            **(card.environment() if card else {}),
            "STATE_DIRECTORY": str(folder / "state"),
            "RUNTIME_DIRECTORY": str(folder / "run"),
            "AZURE_VOICELIVE_API_KEY": KEY,
            "PINS_FD": str(pins_in),
            "NOTIFY_SOCKET": str(folder / NOTIFY),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "scripts.rig.pins_host",
            "run",
            "--config",
            str(path),
            *options,
            env=variables,
            cwd=REPOSITORY,
            pass_fds=[pins_in],
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        os.close(pins_in)
        reader = asyncio.StreamReader()
        pipe = os.fdopen(pins_out, "rb")
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        device = Device(process, card, folder / "run" / "control.sock", systemd)
        readers = [asyncio.create_task(device.read_log()), asyncio.create_task(device.read_pins(reader))]
        try:
            if at_rest:
                await device.wait_for_log("ready: ")
                await device.enters(device.state)
            yield device
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(DEADLINE_S):
                code = await process.wait()
            assert code == 0, "\n".join([f"the daemon ended with {code}", *device.log])
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.gather(*readers)
            transport.close()
