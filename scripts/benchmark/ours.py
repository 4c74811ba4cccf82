"""This speaker: the daemon with a button that has been greeted by before, and one that never is."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.benchmark import process
from scripts.benchmark.command_line import CannotMeasure
from scripts.benchmark.rounds import DEADLINE_S
from scripts.benchmark.scene import GREETING, SHORT_GREETING
from scripts.rig.card import SimulatedCard
from scripts.rig.device import BUTTON_PIN, Device, config_for, running

NEW_PIN: Final = 27
_AT_REST: Final = {"idle", "wake-word"}
_PRESSES_APART_S: Final = 0.5
_GREETING_IS_OVER_MS: Final = 600.0
_SETTLES_S: Final = 5.0
_WATCHED_S: Final = 20.0


class Ours:
    """The daemon."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._free_s: dict[int, float] = {}

    @property
    def card(self) -> SimulatedCard:
        """The room it stands in."""
        return self.device.card

    @property
    def pid(self) -> int:
        """The daemon's process; the mock pins live in it and only read a pipe."""
        return self.device.process.pid

    async def press(self) -> float:
        """Push the button whose greeting is made anew each time; returns when."""
        return await self._push(NEW_PIN)

    async def press_known(self) -> float:
        """Push the button whose greeting was spoken before; returns when."""
        return await self._push(BUTTON_PIN)

    async def _push(self, pin: int) -> float:
        """Push a button, at a random place of the card's period, and not so soon that it is a double press."""
        await asyncio.sleep(max(self._free_s.get(pin, 0.0) - time.monotonic(), 0.0) + random.uniform(0.0, 0.05))
        pressed_s = await self.device.press(pin)
        self._free_s[pin] = pressed_s + _PRESSES_APART_S
        return pressed_s

    async def hang_up(self) -> None:
        """End the conversation, wait until it has ended, and forget its log: the next one is looked for in a short one."""
        states = len(self.device.states)
        await self.device.ask("stop")
        await self.device.wait_until(
            lambda: any(each.state in _AT_REST for each in self.device.states[states:]), "rest"
        )
        self.device.log.clear()
        self.device.states.clear()
        self.device.pin_changes.clear()

    async def learn(self) -> None:
        """Wait until the greeting of the first button was fetched in advance, at idle after the start; and hear it once."""
        await self.device.wait_for_log("fetched in advance")
        pressed_s = await self.press_known()
        heard_s = await self.device.wait_for_sound(pressed_s, DEADLINE_S)
        await self.device.wait_for_silence(heard_s, _GREETING_IS_OVER_MS)
        await self.hang_up()

    async def known_round_ms(self) -> float:
        """Press the button whose greeting is known, and return how long it took until something was heard."""
        pressed_s = await self.press_known()
        heard_s = await self.device.wait_for_sound(pressed_s, DEADLINE_S)
        await self.hang_up()
        return (heard_s - pressed_s) * 1000


def config(endpoint: str, **sections: Any) -> dict[str, Any]:
    """Return the config with both buttons; `sections` as for config_for."""
    known: Mapping[str, Any] = {"type": "button", "pin": BUTTON_PIN, "greeting": "welcome"}
    new: Mapping[str, Any] = {"type": "button", "pin": NEW_PIN, "greeting": "new"}
    # The service cancels the echo, as it does for the quickstart; the scene's voices are clicks and noise, which a
    # canceller takes for nothing worth keeping. `scripts/bench echo` measures the other modes.
    sections.setdefault("audio", {"echo": "service"})
    return config_for(
        endpoint,
        **{
            "conversation": {"idle_timeout_s": 600.0, "max_duration_s": 86_400.0},
            "greetings": {"welcome": {"say": SHORT_GREETING}, "new": {"say": GREETING, "cache": False}},
            "triggers": [known, new],
            **sections,
        },
    )


@asynccontextmanager
async def ours(folder: Path, endpoint: str, *, echo_gain: float = 0.0, **sections: Any) -> AsyncIterator[Ours]:
    """The daemon, at rest, in a room with that much echo."""
    card = SimulatedCard(folder / "card", echo_gain=echo_gain)
    async with running(folder / "daemon", config(endpoint, **sections), card) as device:
        yield Ours(device)


async def start_ms(folder: Path, endpoint: str) -> float:
    """Start the daemon and stop it again; return how many milliseconds it took until systemd was told READY=1."""
    began_s = time.monotonic()
    async with (
        asyncio.timeout(DEADLINE_S),
        running(folder / "daemon", config(endpoint), SimulatedCard(folder / "card")) as device,
    ):
        return (await device.systemd.ready() - began_s) * 1000


@dataclass(frozen=True, slots=True)
class RestCost:
    """What a speaker costs while nobody does anything."""

    cpu_ms_per_s: float
    wakeups_per_s: float
    memory: process.Memory


async def cost_at_rest(speaker: Ours) -> RestCost:
    """Watch it for 20 s."""
    await asyncio.sleep(_SETTLES_S)
    memory, began_s = process.memory(speaker.pid), time.monotonic()
    used_s, wakeups = process.cpu_s(speaker.pid), process.switches(speaker.pid)
    await asyncio.sleep(_WATCHED_S)
    used_s, wakeups = process.cpu_s(speaker.pid) - used_s, process.switches(speaker.pid) - wakeups
    watched_s = time.monotonic() - began_s
    return RestCost(used_s * 1000 / watched_s, wakeups / watched_s, memory)


async def idle_cost(folder: Path, endpoint: str) -> RestCost:
    """Return what a daemon costs that waits for its button and has no light."""
    async with ours(folder, endpoint, lights=[]) as speaker:
        cost = await cost_at_rest(speaker)
        if speaker.card.microphone_open:
            raise CannotMeasure("the idle daemon has its microphone open: that is a fault, and no figure is worth it")
        return cost


def cores() -> int:
    """How many processor cores this program may use."""
    return len(os.sched_getaffinity(0))
