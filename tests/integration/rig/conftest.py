"""A simulated card for each test, and PCMs that are closed behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alsaaudio
import pytest

from scripts.rig.card import SimulatedCard
from tests.integration.rig.pcm import PERIOD, PERIODS, MakeCard, Open, Pcm


@pytest.fixture
def make_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeCard:
    def make(**options: Any) -> SimulatedCard:
        card = SimulatedCard(tmp_path / "card", **options)
        for name, value in card.environment().items():
            monkeypatch.setenv(name, value)
        return card

    return make


@pytest.fixture
def card(make_card: MakeCard) -> SimulatedCard:
    return make_card()


@pytest.fixture
def open_pcm() -> Iterator[Open]:
    pcms: list[Pcm] = []

    def open_(direction: int, device: str = "simcard", period: int = PERIOD, periods: int = PERIODS) -> Pcm:
        pcms.append(Pcm(direction, device, period, periods))
        return pcms[-1]

    yield open_
    for pcm in pcms:
        pcm.close()


@pytest.fixture
def speaker(card: SimulatedCard, open_pcm: Open) -> Pcm:
    assert card.rate_hz == 24_000
    return open_pcm(alsaaudio.PCM_PLAYBACK)


@pytest.fixture
def microphone(card: SimulatedCard, open_pcm: Open) -> Pcm:
    assert card.rate_hz == 24_000
    return open_pcm(alsaaudio.PCM_CAPTURE)
