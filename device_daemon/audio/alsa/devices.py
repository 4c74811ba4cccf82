"""Which devices there are, by names that stay the same over reboots."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from msgspec import Struct

from device_daemon.audio.alsa.libasound import AlsaError, card_description, pcm_names
from device_daemon.audio.alsa.pcm_handle import PcmHandle
from device_daemon.audio.alsa.stream import Direction

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
USABLE_FORMATS: Final = frozenset({"S16_LE", "S32_LE"})
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
    """Return the names worth putting into the config for a direction; cards are opened for a moment to try them."""
    try:
        names = worth_naming(pcm_names(direction))
    except AlsaError:
        return []  # alsa-lib's own configuration is broken, which it says where a device is opened
    return [working_name(name, partial(_takes_sound, direction)) for name in names]


def working_name(name: str, works: Callable[[str], bool]) -> str:
    """Return a name for the same card that works, the given one if none does.

    plughw cannot convert to the IEC958 frames that HDMI takes on a Raspberry Pi; the card's own names can.
    """
    match = _HARDWARE.match(name)
    if match is None or works(name):
        return name
    others = f"hdmi:CARD={match[1]},DEV={match[2]}", f"sysdefault:CARD={match[1]}"
    return next((other for other in others if works(other)), name)


def _takes_sound(direction: Direction, name: str) -> bool:
    """Return whether a device takes samples that this program has; True for one that is only busy."""
    try:
        pcm = PcmHandle(direction, name)
    except AlsaError as error:
        return error.number == errno.EBUSY
    try:
        return not USABLE_FORMATS.isdisjoint(pcm.formats())
    finally:
        pcm.close()


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
    directions: tuple[Direction, ...] = ("capture", "playback")
    return [_look_at(name, direction) for direction in directions for name in device_names(direction)]


def _look_at(name: str, direction: Direction) -> DeviceInfo:
    match = _HARDWARE.match(name)
    description = card_description(match[1]) if match else _OWN_WORDS.get(name, "")
    try:
        # Of a card its own abilities are of interest, not what plughw makes of them.
        pcm = PcmHandle(direction, name.removeprefix("plug") if match else name)
    except AlsaError as error:
        return DeviceInfo(name, direction, description, (), (), error.text)
    try:
        if pcm.highest_rate_hz() >= _ANY_RATE_HZ:
            return DeviceInfo(name, direction, description, (), (), "")
        rates = tuple(rate for rate in _COMMON_RATES_HZ if pcm.has_rate(rate))
        return DeviceInfo(name, direction, description, rates, tuple(pcm.channels()), "")
    finally:
        pcm.close()
