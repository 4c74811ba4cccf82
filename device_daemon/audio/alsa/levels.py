"""How far a card's mixer is turned up, for both directions: what a person looks at in alsamixer."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import alsaaudio
from msgspec import Struct

from device_daemon.audio.alsa.mixer_controls import (
    IN_THE_WAY,
    ONE_OF_SEVERAL,
    PCM_TYPES,
    is_off,
    mixer_of,
    opened,
    with_volume,
)
from device_daemon.audio.alsa.stream import Direction, Negotiated

logger = logging.getLogger(__name__)


class MixerLevel(Struct, frozen=True):
    """One control of a card, in one direction."""

    mixer: str
    """The name of the card's mixer, as `amixer -D` takes it."""
    control: str
    direction: Direction
    percent: int
    """Of its loudest channel."""
    off: bool
    """Muted, or not captured from."""

    @property
    def silent(self) -> bool:
        """Whether nothing comes through."""
        return self.off or self.percent == 0

    def __str__(self) -> str:
        return f"{self.control} {self.percent}%{' off' if self.off else ''}"


def mixer_levels(negotiated: Negotiated, direction: Direction) -> list[MixerLevel]:
    """Return the controls that decide whether the open device's card can be heard; none if it has no mixer."""
    mixer = mixer_of(negotiated)
    if mixer is None:
        return []
    try:
        names = with_volume(mixer, IN_THE_WAY[direction] + ONE_OF_SEVERAL[direction], direction)
        return [_level(mixer, name, direction) for name in names]
    except alsaaudio.ALSAAudioError as error:
        logger.debug("no mixer for %s: %s", negotiated.device, error)
        return []


def silencing(levels: Iterable[MixerLevel]) -> list[MixerLevel]:
    """Return the controls that keep a card from being heard; pure."""
    by_rank: dict[bool, list[MixerLevel]] = {True: [], False: []}
    for level in levels:
        by_rank[level.control in IN_THE_WAY[level.direction]].append(level)
    ways = by_rank[False]
    shut = ways if all(way.silent for way in ways) else []
    return [level for level in by_rank[True] if level.silent] + shut


def _level(mixer: str, name: str, direction: Direction) -> MixerLevel:
    with opened(mixer, name) as control:
        percents = control.getvolume(pcmtype=PCM_TYPES[direction])
        return MixerLevel(mixer, name, direction, max(percents, default=0), is_off(control, direction))
