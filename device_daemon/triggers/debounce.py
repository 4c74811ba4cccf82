"""Debounce for contacts that stay where they are put (switches, sensors): a pure rule, times passed in.

Buttons have a rule of their own (`gesture`), which trusts the first edge and so costs a press less time.
"""

from __future__ import annotations

from msgspec import Struct


class Settled(Struct, frozen=True):
    """The contact took a new position and kept it for the settling time."""

    closed: bool
    at_s: float
    """When it took that position: the time of the last edge."""


class Debouncer:
    """Reports a position once no edge came for `settle_s`, and only if it differs from the one reported last.

    All times are seconds on one clock that never goes back.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self.start_at(closed=False)

    def start_at(self, *, closed: bool) -> None:
        """Take a position as the one reported last; edges before are forgotten."""
        self.closed = self._reported = closed
        self._edge_at_s: float | None = None

    @property
    def deadline_s(self) -> float | None:
        """When `tick` is due; None while the contact is quiet."""
        return None if self._edge_at_s is None else self._edge_at_s + self._settle_s

    def edge(self, closed: bool, at_s: float) -> list[Settled]:
        """Note that the contact closed or opened at `at_s`; return what is settled by then."""
        settled = self.tick(at_s)
        if closed is not self.closed:
            self.closed, self._edge_at_s = closed, at_s
        return settled

    def tick(self, now_s: float) -> list[Settled]:
        """Return what settled up to `now_s`. Calling it late or too often changes nothing."""
        at_s, deadline_s = self._edge_at_s, self.deadline_s
        if at_s is None or deadline_s is None or now_s < deadline_s:
            return []
        self._edge_at_s = None
        if self.closed is self._reported:
            return []
        self._reported = self.closed
        return [Settled(self.closed, at_s)]
