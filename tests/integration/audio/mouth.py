"""A speaker on a simulated card, and what it told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from device_daemon.audio.speaker import Failed, Flushed, Recovered, Silent, Speaker, SpeakerEvent, Started
from device_daemon.config.settings import SpeakerSettings
from scripts.rig.card import SimulatedCard
from tests.integration.audio.sound import Samples

DEADLINE_S = 8.0
Event = TypeVar("Event", Started, Silent, Flushed, Failed, Recovered)


class Mouth:
    """A speaker and what it told."""

    def __init__(self, card: SimulatedCard, **settings: Any) -> None:
        self.card = card
        self.events: list[SpeakerEvent] = []
        self._changed = asyncio.Event()
        self.began_s = time.monotonic()
        self.speaker = Speaker(
            SpeakerSettings(**{"device": "simcard", "volume": 100, **settings}),
            loop=asyncio.get_running_loop(),
            on_event=self._on_event,
        )
        self.speaker.start()

    def _on_event(self, event: SpeakerEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for an event that makes a condition true."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def silent(self, ticket: int) -> Silent:
        await self.until(lambda: any(event.ticket == ticket for event in self.of(Silent)))
        return self.of(Silent)[-1]

    async def flushed(self, ticket: int) -> Flushed:
        await self.until(lambda: any(event.ticket == ticket for event in self.of(Flushed)))
        return self.of(Flushed)[-1]

    async def until_heard(self, source: str, ms: float) -> None:
        """Wait until so much was heard since a source was first heard."""
        await self.until(lambda: any(event.source == source for event in self.of(Started)))
        async with asyncio.timeout(DEADLINE_S):
            while self.heard_ms(source) < ms:  # noqa: ASYNC110 - there is no event for that
                await asyncio.sleep(0.001)

    def heard_ms(self, source: str) -> float:
        """Return how much was heard since a source was first heard, silence left out."""
        started_s = next(event.at_s for event in self.of(Started) if event.source == source)
        return np.count_nonzero(self.card.heard(started_s, time.monotonic())) * 1000 / self.card.rate_hz

    def heard(self, channel: int = 0) -> Samples:
        """Everything that was heard so far, silence at both ends cut off."""
        samples = self.card.heard(self.began_s, time.monotonic() + 0.1, channel)
        loud = np.flatnonzero(samples)
        return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


MakeMouth = Callable[..., Mouth]
