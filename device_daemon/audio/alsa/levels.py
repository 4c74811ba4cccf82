"""How far a card's mixer is turned up, for both directions: what a person looks at in alsamixer."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

import alsaaudio
from msgspec import Struct

from device_daemon.audio.alsa.devices import PCM_TYPES
from device_daemon.audio.alsa.error_handler import quieten
from device_daemon.audio.alsa.stream import Direction, Negotiated

logger = logging.getLogger(__name__)

_IN_THE_WAY: Final[dict[Direction, tuple[str, ...]]] = {
    "playback": ("Master", "PCM", "Digital", "Playback"),
    "capture": ("Capture", "ADC", "Digital"),
}
"""All sound passes through each of these: one that is shut silences the card."""
_ONE_OF_SEVERAL: Final[dict[Direction, tuple[str, ...]]] = {
    "playback": ("Speaker", "Headphone", "Headset", "Line Out", "Line"),
    "capture": ("Mic", "Headset Mic", "Internal Mic", "Line"),
}
"""Ways out, and in: a card is silent only if all it has are shut."""
_VOLUMES: Final[dict[Direction, frozenset[str]]] = {
    "playback": frozenset({"Volume", "Playback Volume"}),
    "capture": frozenset({"Volume", "Capture Volume"}),
}


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
    if negotiated.card_number >= 0:
        mixer = f"hw:{negotiated.card_number}"
    elif negotiated.device == "default":
        mixer = "default"
    else:
        return []
    quieten()
    try:
        there = set(alsaaudio.mixers(device=mixer))
        names = [name for name in _IN_THE_WAY[direction] + _ONE_OF_SEVERAL[direction] if name in there]
        levels = [_level(mixer, name, direction) for name in names]
    except alsaaudio.ALSAAudioError as error:
        logger.debug("no mixer for %s: %s", negotiated.device, error)
        return []
    return [level for level in levels if level is not None]


def silencing(levels: Iterable[MixerLevel]) -> list[MixerLevel]:
    """Return the controls that keep a card from being heard; pure."""
    by_rank: dict[bool, list[MixerLevel]] = {True: [], False: []}
    for level in levels:
        by_rank[level.control in _IN_THE_WAY[level.direction]].append(level)
    ways = by_rank[False]
    shut = ways if all(way.silent for way in ways) else []
    return [level for level in by_rank[True] if level.silent] + shut


def _level(mixer: str, name: str, direction: Direction) -> MixerLevel | None:
    control = alsaaudio.Mixer(control=name, device=mixer)
    try:
        if not _VOLUMES[direction].intersection(control.volumecap()):
            return None
        percents = control.getvolume(pcmtype=PCM_TYPES[direction])
        return MixerLevel(mixer, name, direction, max(percents, default=0), _is_off(control, direction))
    finally:
        control.close()


def _is_off(control: Any, direction: Direction) -> bool:
    try:
        switches = control.getmute() if direction == "playback" else [not on for on in control.getrec()]
    except alsaaudio.ALSAAudioError:
        return False  # it has no switch
    return bool(switches) and all(switches)
