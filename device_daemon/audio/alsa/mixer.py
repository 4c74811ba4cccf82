"""The playback volume of a card, if it has one: by decibels, switches included."""

from __future__ import annotations

import logging
import math
from typing import Any, Final

import alsaaudio

from device_daemon.audio.alsa.mixer_controls import IN_THE_WAY, ONE_OF_SEVERAL, is_off, mixer_of, opened, with_volume
from device_daemon.audio.alsa.stream import Negotiated
from device_daemon.audio.pcm import volume_gain

logger = logging.getLogger(__name__)

_PLAYBACK: Final = {"pcmtype": alsaaudio.PCM_PLAYBACK}
_IN_DB: Final = {**_PLAYBACK, "units": alsaaudio.VOLUME_UNITS_DB}
"""pyalsaaudio counts in hundredths of a decibel."""
_PLAUSIBLE_CDB: Final = range(-20_000, 5_000)
"""Where a card tells no decibels, pyalsaaudio returns whatever its memory held."""


class Mixer:
    """One playback volume of one card."""

    def __init__(self, mixer: str, control: str) -> None:
        self._mixer = mixer
        self.control = control

    def set_volume(self, percent: int) -> float | None:
        """Set a volume of 0..100 on the loudness curve of `pcm.volume_gain`, and switch the card on.

        Returns:
            The gain that the samples must be scaled by for what the card cannot do: 1.0 if it can do all, 0.0 for a
            volume of 0. None if the card does not take it (any more).
        """
        try:
            for name in dict.fromkeys((*IN_THE_WAY["playback"], self.control)):
                self._switch_on(name)
            with opened(self._mixer, self.control) as control:
                return _set_gain(control, volume_gain(percent))
        except alsaaudio.ALSAAudioError as error:
            logger.info("mixer control %s of %s: %s", self.control, self._mixer, error)
            return None

    def _switch_on(self, name: str) -> None:
        try:
            with opened(self._mixer, name) as control:
                if is_off(control, "playback"):
                    control.setmute(0)
                    logger.info("mixer control %s of %s was switched off: it is on now", name, self._mixer)
        except alsaaudio.ALSAAudioError as error:
            logger.debug("mixer control %s of %s: %s", name, self._mixer, error)


def find_mixer(negotiated: Negotiated) -> Mixer | None:
    """Return the playback volume of the card behind an open device, None if it has none. Never fails."""
    mixer = mixer_of(negotiated)
    if mixer is None:
        return None
    names = with_volume(mixer, IN_THE_WAY["playback"] + ONE_OF_SEVERAL["playback"], "playback")
    return next((Mixer(mixer, name) for name in names), None)


def _set_gain(control: Any, gain: float) -> float:
    """Set a gain (0..1) relative to the control's maximum; return what of it is left for the samples."""
    least_cdb, most_cdb = control.getrange(**_IN_DB)
    if most_cdb not in _PLAUSIBLE_CDB or most_cdb <= least_cdb:
        control.setvolume(100, **_PLAYBACK)  # it tells no decibels: the samples make all of the curve
        return gain
    wanted_cdb = most_cdb + 2000 * math.log10(gain) if gain else least_cdb
    control.setvolume(round(max(wanted_cdb, least_cdb)), **_IN_DB)
    if not gain:
        return 0.0
    # The card is set in steps: one that is too loud is made good by the samples, one that is too quiet is near enough.
    got_cdb = max(control.getvolume(**_IN_DB))
    return float(min(1.0, 10 ** ((wanted_cdb - got_cdb) / 2000)))
