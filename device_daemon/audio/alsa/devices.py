"""Which devices there are, by names that stay the same over reboots."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import alsaaudio
from msgspec import Struct

from device_daemon.audio.alsa.error_handler import quieten
from device_daemon.audio.alsa.stream import Direction, reason

PCM_TYPES: Final[dict[Direction, int]] = {
    "capture": alsaaudio.PCM_CAPTURE,
    "playback": alsaaudio.PCM_PLAYBACK,
}

_HARDWARE: Final = re.compile(r"^\w+:CARD=([^,]+),DEV=(\d+)")
_PLUGINS: Final = frozenset(
    {
        "null",
        "lavrate",
        "samplerate",
        "speexrate",
        "speex",
        "upmix",
        "vdownmix",
        "jack",
        "oss",
        "pulse",
        "pipewire",
        "sysdefault",
    }
)
"""Names that alsa-lib's configuration always defines, whether anything is behind them or not."""
_OWN_WORDS: Final = {"default": "what the system's ALSA configuration says"}
_ANY_RATE_HZ: Final = 1_000_000
_COMMON_RATES_HZ: Final = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)


class DeviceInfo(Struct, frozen=True):
    """A device as `voicelive-speaker devices` shows it."""

    name: str
    """What to put into the config."""
    direction: Direction
    description: str
    rates_hz: tuple[int, ...]
    """What the card can do by itself; empty if alsa-lib converts whatever is asked for, or if it cannot be opened."""
    channels: tuple[int, ...]
    problem: str
    """Why it cannot be opened just now, "" if it can."""


def device_names(direction: Direction) -> list[str]:
    """Return the names worth putting into the config for a direction."""
    quieten()
    return worth_naming(alsaaudio.pcms(PCM_TYPES[direction]))


def worth_naming(hints: Iterable[str]) -> list[str]:
    """Return, of alsa-lib's many names for the same things, one for each: default, then cards, then the owner's own.

    Cards are named `plughw:CARD=id,DEV=0`: their number would change from boot to boot, and plughw converts what the
    card cannot do.
    """
    cards: list[str] = []
    others: list[str] = []
    for name in hints:
        match = _HARDWARE.match(name)
        if match:
            cards.append(f"plughw:CARD={match[1]},DEV={match[2]}")
        elif ":" not in name and name not in _PLUGINS and name != "default":
            others.append(name)
    return list(dict.fromkeys(["default", *cards, *others]))


def list_devices() -> list[DeviceInfo]:
    """Return every device worth naming, microphones first; each is opened for a moment to see what it can do.

    Takes some milliseconds for each and blocks meanwhile: it is for the command line.
    """
    quieten()
    cards = _descriptions()
    directions: tuple[Direction, ...] = ("capture", "playback")
    return [_look_at(name, direction, cards) for direction in directions for name in device_names(direction)]


def _descriptions() -> dict[str, str]:
    """Return each card's long name by its id."""
    try:
        return {
            card: alsaaudio.card_name(index)[1]
            for card, index in zip(alsaaudio.cards(), alsaaudio.card_indexes(), strict=True)
        }
    except (alsaaudio.ALSAAudioError, ValueError):
        return {}  # no permission, or one was unplugged just now: names do without


def _look_at(name: str, direction: Direction, cards: dict[str, str]) -> DeviceInfo:
    match = _HARDWARE.match(name)
    description = cards.get(match[1], "") if match else _OWN_WORDS.get(name, "")
    try:
        # Of a card its own abilities are of interest, not what plughw makes of them.
        pcm = alsaaudio.PCM(
            type=PCM_TYPES[direction], mode=alsaaudio.PCM_NONBLOCK, device=name.removeprefix("plug") if match else name
        )
    except alsaaudio.ALSAAudioError as error:
        return DeviceInfo(name, direction, description, (), (), reason(error))
    try:
        rates = _rates(pcm)
        # Where any rate will do, any number of channels will: asking for each of 10 000 takes a third of a second.
        channels = tuple(pcm.getchannels()) if rates else ()
    finally:
        pcm.close()
    return DeviceInfo(name, direction, description, rates, channels, "")


def _rates(pcm: Any) -> tuple[int, ...]:
    rates = pcm.getrates()
    if isinstance(rates, int):
        return (rates,)
    if isinstance(rates, tuple):
        lowest, highest = rates
        if highest > _ANY_RATE_HZ or highest < 0:
            return ()
        return tuple(rate for rate in _COMMON_RATES_HZ if lowest <= rate <= highest)
    return tuple(rates)
