from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.rig.card import SimulatedCard
from tests.integration.audio.mouth import MakeMouth, Mouth


@pytest.fixture
async def make_mouth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeMouth]:
    """Make a `Mouth` on a card of its own: `card` holds the card's properties, the rest are the speaker's settings."""
    mouths: list[Mouth] = []

    def make(
        card: dict[str, Any] | None = None, before: Callable[[SimulatedCard], None] | None = None, **settings: Any
    ) -> Mouth:
        simulated = SimulatedCard(tmp_path / "card", **(card or {}))
        if before:
            before(simulated)
        for name, value in simulated.environment().items():
            monkeypatch.setenv(name, value)
        mouths.append(Mouth(simulated, **settings))
        return mouths[-1]

    yield make
    closings: list[Awaitable[None]] = [mouth.speaker.close() for mouth in mouths]
    await asyncio.gather(*closings)
