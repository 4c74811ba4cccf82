"""The volume control of a card, if it has one."""

from __future__ import annotations

import logging
from typing import Any, Final

import alsaaudio

from device_daemon.audio.alsa.error_handler import quieten
from device_daemon.audio.alsa.stream import Negotiated

logger = logging.getLogger(__name__)

_CONTROLS: Final = ("Master", "PCM", "Digital", "Playback", "Speaker", "Headphone", "Headset", "Line Out", "Line")
"""Best first: what governs everything, then what governs one way out."""
_PLAYBACK_VOLUME: Final = frozenset({"Volume", "Playback Volume"})


class Mixer:
    """One playback volume of one card."""

    def __init__(self, device: str, control: str) -> None:
        self._device = device
        self.control = control

    def set_volume(self, percent: int) -> bool:
        """Set 0..100 of the control's range; return False if the card does not take it (any more)."""
        try:
            control = alsaaudio.Mixer(control=self.control, device=self._device)
            try:
                control.setvolume(percent, pcmtype=alsaaudio.PCM_PLAYBACK)
            finally:
                control.close()
        except alsaaudio.ALSAAudioError as error:
            logger.info("mixer control %s of %s: %s", self.control, self._device, error)
            return False
        return True


def find_mixer(negotiated: Negotiated) -> Mixer | None:
    """Return the playback volume of the card behind an open device, or None. Never fails: volume can be had without."""
    if negotiated.card_number >= 0:
        device = f"hw:{negotiated.card_number}"
    elif negotiated.device == "default":
        device = "default"
    else:
        return None
    quieten()
    try:
        controls = alsaaudio.mixers(device=device)
        for name in _CONTROLS:
            if name in controls and _has_playback_volume(alsaaudio.Mixer(control=name, device=device)):
                return Mixer(device, name)
    except alsaaudio.ALSAAudioError as error:
        logger.debug("no mixer for %s: %s", negotiated.device, error)
    return None


def _has_playback_volume(control: Any) -> bool:
    try:
        return bool(_PLAYBACK_VOLUME.intersection(control.volumecap()))
    finally:
        control.close()
