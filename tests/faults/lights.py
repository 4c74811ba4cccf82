"""Whether the light tells the truth: the state that the log shows, beside what the sound card says of the microphone."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from device_daemon.state import MICROPHONE_OPEN, State
from scripts.rig.device import Device
from tests.e2e.room import Room
from tests.faults.row import Card, Row, Signal, Starved, Suspended

_LOOKS_EVERY_S: Final = 0.05
_LAG_S: Final = 1.2
"""A light may be wrong for so long: the log is read late, and a silent device has to be noticed."""
_FLOWS_S: Final = 1.0
_LISTENING: Final = frozenset({"listening", "wake-word"})


class LightWatch:
    """Watches while its block runs; `lies` says what was untrue for longer than a moment."""

    def __init__(self, room: Room, device: Device, *, exempt: Row | None = None) -> None:
        self._room = room
        self._device = device
        self._exempt = exempt is not None and _cannot_be_judged(exempt)
        self._task: asyncio.Task[None] | None = None
        self.lies: list[str] = []

    async def __aenter__(self) -> Self:
        if not self._exempt:
            self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        since: dict[str, float] = {}
        while True:
            now_s = time.monotonic()
            since = {lie: since.get(lie, now_s) for lie in self._untrue(now_s)}
            self.lies += [lie for lie, from_s in since.items() if now_s - from_s > _LAG_S and lie not in self.lies]
            await asyncio.sleep(_LOOKS_EVERY_S)

    def _untrue(self, now_s: float) -> set[str]:
        state, card = self._device.state, self._room.card
        found = set()
        if state in _LISTENING and not (card.microphone_running and now_s - card.captured_until_s < _FLOWS_S):
            found.add(f'the light says "{state}" and no microphone sound flows')
        # One that is stuck captures nothing, and is started to see whether that is over: then it must be closed at once.
        if State(state) not in MICROPHONE_OPEN and card.microphone_open and not card.stuck:
            found.add(f'the light says "{state}" and the microphone is open')
        return found


def _cannot_be_judged(row: Row) -> bool:
    """A process that is stopped tells nothing, and a card that is being opened is neither open nor closed."""
    cause = row.cause
    return (
        isinstance(cause, Suspended | Starved)
        or (isinstance(cause, Signal) and cause.name == "SIGSTOP")
        or (isinstance(cause, Card) and cause.kind == "slow")
    )
