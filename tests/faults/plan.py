"""What a soak does: one conversation after the other, each drawn from a seed, so that a failing one can be held again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.faults.row import Card, Close, Network, Row, Service, Stage
from tests.faults.table import TABLE

_FAULTY: Final = 0.5
"""The share of conversations that something happens to."""
_MOST_TURNS: Final = 3
_LONGEST_FAULT_S: Final = 4.0
_SOAKED: Final = tuple(row for row in TABLE if isinstance(row.cause, Close | Network | Card | Service))
"""Process and disk are left out: a soak is about one process that runs on."""


class Opening(StrEnum):
    """What a person does first."""

    PRESS = "press"
    HOLD = "hold"
    ANNOUNCE = "announce"


class Turn(StrEnum):
    """What a person does next."""

    ASK = "ask"
    """Ask, and listen to the answer."""
    BARGE_IN = "barge in"
    """Ask, and talk over the answer."""
    PRESS = "press"
    """Press the button again."""
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Plan:
    """One conversation."""

    number: int
    opening: Opening
    turns: tuple[Turn, ...]
    row: Row | None
    fault_after_s: float
    """From the opening on."""
    fault_for_s: float

    def __str__(self) -> str:
        fault = f", {self.row.name} after {self.fault_after_s:.1f} s for {self.fault_for_s:.1f} s" if self.row else ""
        return f"{self.number}: {self.opening}, {', '.join(self.turns) or 'nothing more'}{fault}"


def plans(seed: int, first: int = 1) -> Iterator[Plan]:
    """Yield conversations without end, the `first`-th first; each depends on the seed and its number alone."""
    number = first
    while True:
        chance = random.Random(f"{seed}/{number}")
        turns = tuple(chance.choice(tuple(Turn)) for _ in range(chance.randint(0, _MOST_TURNS)))
        row = chance.choice(_SOAKED) if chance.random() < _FAULTY else None
        weights = {Opening.PRESS: 6, Opening.HOLD: 2, Opening.ANNOUNCE: 1}
        opening = chance.choices(tuple(weights), tuple(weights.values()))[0]
        yield Plan(
            number,
            opening,
            turns,
            row,
            0.0 if row and row.stages == (Stage.RESTING,) else chance.uniform(0.0, 3.0),
            chance.uniform(0.2, _LONGEST_FAULT_S),
        )
        number += 1
