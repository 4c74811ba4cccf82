"""The limits of use, with the clock of the device and what was used before the last restart."""

from __future__ import annotations

from device_daemon.config.settings import Limits
from device_daemon.conversation.budget import Budget
from device_daemon.device.event_stream import local_time
from device_daemon.errors import LimitReached
from device_daemon.system.saved_state import SavedState


class UsageLimits:
    """Counts conversations; where there are no limits nothing is saved for them."""

    def __init__(self, limits: Limits, saved_state: SavedState) -> None:
        self._budget = Budget(limits, saved_state.remembered.usage)
        self._saved_state = saved_state

    def began(self) -> None:
        """Count a conversation that begins."""
        self._budget.began(local_time())
        self._save()

    def ended(self, duration_s: float) -> None:
        """Count the time of a conversation that is over."""
        self._budget.ended(local_time(), duration_s)
        self._save()

    def reached(self) -> LimitReached | None:
        """Return which limit keeps a conversation from beginning now."""
        return self._budget.refusal(local_time())

    def held_today(self) -> int:
        """Return how many conversations and announcements began today."""
        return self._budget.held_today(local_time())

    def _save(self) -> None:
        if self._budget.counts:
            self._saved_state.save()
