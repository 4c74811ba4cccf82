"""The volume: what somebody set it to last counts, also over restarts, and not the config."""

from __future__ import annotations

import logging

from device_daemon.audio.speaker import Speaker
from device_daemon.device.event_stream import EventStream
from device_daemon.device.events import VolumeChanged
from device_daemon.system.saved_state import SavedState

logger = logging.getLogger(__name__)


class VolumeControl:
    """In per cent; `configured` is what the config says."""

    def __init__(self, speaker: Speaker, saved_state: SavedState, events: EventStream, configured: int) -> None:
        self._speaker = speaker
        self._saved_state = saved_state
        self._events = events
        self._configured = configured

    @property
    def percent(self) -> int:
        """As it is now."""
        return self._speaker.volume

    def restore(self) -> None:
        """Set what was set before the restart."""
        if (volume := self._saved_state.remembered.volume) is None:
            return
        self._speaker.volume = volume
        if volume != self._configured:
            logger.info(
                "volume %d, as the `volume` command set it last; audio.speaker.volume: %d of the config has not counted"
                " since: `voicelive-speaker volume %d` sets it",
                volume,
                self._configured,
                self._configured,
            )

    def set(self, percent: int) -> None:
        """Set it, and keep it for the next start."""
        self._speaker.volume = percent
        self._saved_state.remembered.volume = percent
        self._saved_state.save()
        self._events.publish(VolumeChanged(volume=percent))
