"""Mute: the microphone stays closed, because a person wants it, also over restarts, or by the hardware switch."""

from __future__ import annotations

import logging
from collections.abc import Callable

from device_daemon.system.saved_state import SavedState

logger = logging.getLogger(__name__)


class MuteControl:
    """The hardware switch wins over every other setting. `on_change` is called when the microphone was muted or allowed."""

    def __init__(self, saved_state: SavedState, on_change: Callable[[], None]) -> None:
        self.switched_off = False
        """The hardware switch keeps the microphone off."""
        self._saved_state = saved_state
        self._on_change = on_change

    @property
    def on(self) -> bool:
        """The microphone stays closed."""
        return self.switched_off or self._saved_state.remembered.muted

    def set(self, *, on: bool) -> None:
        """Close the microphone until it is allowed again, or allow it, as far as the switch lets it."""
        if self._saved_state.remembered.muted != on:
            before = self.on
            self._saved_state.remembered.muted = on
            self._saved_state.save()
            self._changed(before)

    def set_switch(self, *, off: bool) -> None:
        """The hardware switch was turned."""
        before = self.on
        self.switched_off = off
        self._changed(before)

    def _changed(self, before: bool) -> None:
        if before != self.on:
            logger.info("microphone %s", "muted" if self.on else "allowed again")
            self._on_change()
