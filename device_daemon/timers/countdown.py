"""A countdown of elapsed time that neither a clock step nor a restart shifts; after a power cut it goes by the time of day.

Pure. Linux counts the time since boot, also while suspended (CLOCK_BOOTTIME), and names each boot (boot_id): as long as
the device runs, a countdown goes by that. What was left at a power cut only the time of day can tell.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

STEP_S: Final = 1.0
"""By so much the time of day must have been set for the stored due time to be corrected; it always drifts a little."""

EpochS = Annotated[float, Meta(ge=0, le=1e11)]
"""Seconds since 1970."""


class Now(Struct, frozen=True):
    """A moment, on all the clocks that count."""

    boot_s: float
    """Since boot (CLOCK_BOOTTIME)."""
    boot_id: str
    """Which boot."""
    epoch_s: float
    """Since 1970, by the device's clock, which may be set."""
    zone: tzinfo
    clock_is_set: bool = True
    """Whether the device's clock can be trusted. Until then it is behind, where it is wrong."""


class Countdown(Struct, frozen=True):
    """Counts down a span of elapsed time."""

    span_s: Annotated[float, Meta(ge=0, le=1e9)]
    """How long it takes in all."""
    boot_id: str
    due_boot_s: Annotated[float, Meta(ge=-1e9, le=1e9)]
    """When it is over, by the time since that boot."""
    due_epoch_s: EpochS
    """The same by the time of day, for a power cut."""
    waits_for_clock: bool = False
    """After a power cut: when it is over is seen again when the clock is set."""

    def left_s(self, now: Now) -> float:
        """Return how many seconds are left, negative when it is over. Correct after `corrected` only."""
        return self.due_boot_s - now.boot_s

    def corrected(self, now: Now) -> Countdown:
        """Return the countdown with both due times right for this moment: after a power cut, or a step of the clock."""
        if self.boot_id != now.boot_id:
            return self._by_time_of_day(now)
        if self.waits_for_clock:
            return self._by_time_of_day(now) if now.clock_is_set else self
        due_epoch_s = now.epoch_s + self.left_s(now)
        return replace(self, due_epoch_s=due_epoch_s) if abs(due_epoch_s - self.due_epoch_s) > STEP_S else self

    def _by_time_of_day(self, now: Now) -> Countdown:
        # Never more than the span: a clock that is behind, as a Pi's is without network, must not hold it up for days.
        left_s = min(self.due_epoch_s - now.epoch_s, self.span_s)
        return replace(self, boot_id=now.boot_id, due_boot_s=now.boot_s + left_s, waits_for_clock=not now.clock_is_set)


def countdown(span_s: float, now: Now) -> Countdown:
    """Return a countdown that begins now."""
    return Countdown(span_s, now.boot_id, now.boot_s + span_s, now.epoch_s + span_s)
