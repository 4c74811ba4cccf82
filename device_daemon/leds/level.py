"""Level meter as a pattern: brightness follows the level of a voice, with attack and release."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from device_daemon.leds.patterns import FRAMES_PER_S

QUIET_DBFS: Final = -50.0
"""This level and everything under it is shown as the dimmest light."""
LOUD_DBFS: Final = -20.0
"""This level and everything above it is shown as full light: a voice close to the microphone."""
DIMMEST: Final = 0.2
"""In silence: never dark, because the light also says that the microphone is open."""

ATTACK_PER_S: Final = 8.0
RELEASE_PER_S: Final = 1.2
"""The most that brightness changes in a second. Falling by half the range takes a third of a second, so the light
follows syllables and never flashes more than three times a second."""

FRAMES: Final = 2
"""Asked every second frame, 12.5 times a second: this is shown for most of a conversation, and each time wakes the
program up."""


def brightness_of(level_dbfs: float) -> float:
    """Return how bright (`DIMMEST`..1) a sound of this level is in the end, if it lasts."""
    share = (level_dbfs - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)
    return DIMMEST + (1 - DIMMEST) * min(1.0, max(0.0, share))


def follow(brightness: float, level_dbfs: float, elapsed_s: float) -> float:
    """Return the brightness `elapsed_s` after it was `brightness`, on its way to that of `level_dbfs`."""
    target = brightness_of(level_dbfs)
    if target > brightness:
        return min(target, brightness + ATTACK_PER_S * elapsed_s)
    return max(target, brightness - RELEASE_PER_S * elapsed_s)


class LevelPattern:
    """The pattern `level`. It begins lit, as every pattern does, and asks for the level only when it is shown.

    Args:
        level_dbfs: Returns the level of the voice at this moment.
    """

    def __init__(self, level_dbfs: Callable[[], float]) -> None:
        self._level_dbfs = level_dbfs
        self._step = 0
        self._brightness = 1.0

    def level(self, t_s: float) -> float:
        """Return the brightness, 0..1, `t_s` seconds after the state began; every state is first shown at 0."""
        step = _step(t_s)
        if step == 0:
            self._step, self._brightness = 0, 1.0
        elif step > self._step:
            elapsed_s = (step - self._step) * FRAMES / FRAMES_PER_S
            self._step, self._brightness = step, follow(self._brightness, self._level_dbfs(), elapsed_s)
        return self._brightness

    def next_change_s(self, t_s: float) -> float:
        """Return when the level is to be asked for again."""
        return (_step(t_s) + 1) * FRAMES / FRAMES_PER_S


def _step(t_s: float) -> int:
    # The same margin as in `patterns`: a timer may fire a clock tick early.
    return math.floor(t_s * FRAMES_PER_S / FRAMES + 1e-3)
