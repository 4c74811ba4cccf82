"""A push-to-talk turn: what is captured while the button is held is the person's turn."""

from __future__ import annotations

from math import inf

TAP_S = 0.3
"""A button that is released sooner was pressed and not held: nothing was to be said."""
COMMIT_AFTER_S = 0.1
"""The microphone hands sound over in chunks of 60 ms: what was captured before the release arrives a little after it."""


class PushToTalkTurn:
    """The newest turn; times are time.monotonic."""

    def __init__(self) -> None:
        self._from_s = inf
        self._to_s = -inf
        self.complete_at_s = inf
        """When all of the turn has been captured; infinity while it goes on, or there is none."""
        self.complete = False
        """A turn is to be handed in."""
        self._committed = False
        """A turn was handed in and is not answered yet."""
        self.tap_ends = False
        """The button went down while the speaker waited for it: if that is a tap, it ends the conversation."""

    @property
    def open(self) -> bool:
        """The microphone is to be open: the button is held, or what was captured before the release is still arriving."""
        return self.held or self.complete_at_s < inf

    @property
    def held(self) -> bool:
        """The button is down."""
        return self._to_s == inf

    def begin(self, at_s: float) -> None:
        """The button went down."""
        self._from_s, self._to_s, self.complete_at_s, self.complete = at_s, inf, inf, False
        self._committed = False

    def end(self, at_s: float) -> bool:
        """The button was released. Return True if that was a tap, which is no turn."""
        tap = at_s - self._from_s < TAP_S
        self._to_s = -inf if tap else at_s
        self.complete_at_s = inf if tap else at_s + COMMIT_AFTER_S
        return tap

    def finish(self) -> None:
        """`complete_at_s` has come."""
        self.complete_at_s, self.complete = inf, True

    def commit(self) -> None:
        """The turn was handed in."""
        self.drop()
        self._committed = True

    def answered(self) -> None:
        """The answer to the turn is heard, or nobody waits for it any more."""
        self._committed = False

    def session_lost(self) -> float | None:
        """Return the start of the turn that the new session needs from its beginning, None if there is none.

        A turn that was handed in and not answered is to be handed in again.
        """
        self.complete |= self._committed
        self._committed = False
        return self._from_s if self.open or self.complete else None

    def drop(self) -> None:
        """Forget the turn."""
        self._to_s, self.complete_at_s, self.complete, self._committed = -inf, inf, False, False

    def holds(self, captured_at_s: float) -> bool:
        """Return whether sound whose last sample was captured then belongs to the turn."""
        return self._from_s <= captured_at_s <= self._to_s
