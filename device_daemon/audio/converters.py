"""Conversion between the program's own sample format and a sound card's.

A card that takes 24 kHz mono S16_LE is given the program's bytes, scaled by `gain` where needed. Every other format needs
numpy, whose import costs 110 ms and 15 MB: `convert` is imported by the first object that has something to convert.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from device_daemon.audio.gain import Gain
from device_daemon.audio.pcm import OWN_FORMAT, CardFormat, Samples

if TYPE_CHECKING:
    from device_daemon.audio.convert import PlaybackConverter


class ToCard:
    """Turns the program's sound into a card's, piece by piece, as one continuous stream.

    Pieces may have any length and each its own gain, 0..1; `reset` starts a new stream. While the card takes the
    program's own format and the gain has always been 1, pieces pass through untouched.
    """

    def __init__(self, card: CardFormat) -> None:
        self._conversion: Gain | PlaybackConverter
        if card == OWN_FORMAT:
            self._conversion = Gain()
        else:
            from device_daemon.audio.convert import PlaybackConverter  # noqa: PLC0415 - see the head of this module

            self._conversion = PlaybackConverter(card)

    def convert(self, pcm: Samples, gain: float) -> Samples:
        """Return the card's frames for a piece of the program's; a resampler holds back its last millisecond."""
        return self._conversion.convert(pcm, gain)

    def reset(self) -> None:
        """Forget what was held back: the next piece does not continue the last one."""
        self._conversion.reset()


def from_card(card: CardFormat, gain_db: float, channel: int | None = None) -> Callable[[bytes], bytes]:
    """Return a function that turns a card's sound into the program's, piece by piece, as one continuous stream.

    `channel` is that of the card to take; None takes the mean of two, and the first of more.
    """
    if card == OWN_FORMAT and gain_db == 0.0:
        return bytes  # which returns the very same object
    from device_daemon.audio.convert import CaptureConverter  # noqa: PLC0415 - see the head of this module

    return CaptureConverter(card, gain_db, channel).convert
