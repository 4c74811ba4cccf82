"""Durations with units in the config: 500ms, 15m, 1h30m. A number alone has the unit in the name of its key."""

from __future__ import annotations

import re
from typing import Final

_UNIT_MS: Final = {
    "ms": 1,
    "s": 1_000,
    "sec": 1_000,
    "second": 1_000,
    "m": 60_000,
    "min": 60_000,
    "minute": 60_000,
    "h": 3_600_000,
    "hour": 3_600_000,
    "d": 86_400_000,
    "day": 86_400_000,
}
_UNIT: Final = "ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?"
_PART: Final = rf"[0-9]{{1,9}}(?:\.[0-9]{{1,6}})? ?(?:{_UNIT})"
DURATION: Final = rf"^{_PART}( ?{_PART})*$"
"""The notation, as a pattern that JSON Schema understands, too."""
EXAMPLES: Final = {"s": "30s, 15m or 1h", "ms": "20ms or 0.5s"}
NAMES: Final = {"s": "seconds", "ms": "milliseconds"}


def parse_duration_ms(text: str) -> float | None:
    """Return the milliseconds in "15m" or "1h 30m"; None for any other text."""
    if re.search(DURATION, text) is None:
        return None
    parts = re.findall(rf"([0-9.]+) ?({_UNIT})(?![a-z])", text)
    return sum(float(number) * _unit_ms(unit) for number, unit in parts)


def _unit_ms(unit: str) -> int:
    return 1 if unit.startswith("milli") else _UNIT_MS.get(unit) or _UNIT_MS[unit.removesuffix("s")]
