from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scripts.rig.card import SimulatedCard
from tests.e2e.room import Room, service_for_tests


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """A card, and a voice service in this test's loop, whose faults can be set at any time."""
    service = service_for_tests()
    await service.start()
    yield Room(tmp_path, SimulatedCard(tmp_path / "card", history_s=120.0), service)
    await service.stop()
