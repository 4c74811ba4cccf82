"""Opening a card: ask for the program's own format, take the best it has, and say well what stands in the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Any, Final

import alsaaudio

from device_daemon.audio.alsa.busy_owner import holder_of
from device_daemon.audio.alsa.devices import PCM_TYPES, device_names
from device_daemon.audio.alsa.error_handler import quieten
from device_daemon.audio.alsa.stream import ROLES, Direction, Negotiated, Stream, reason
from device_daemon.audio.pcm import OWN_FORMAT, CardFormat, SampleFormat
from device_daemon.errors import DeviceBusy, DeviceUnknown

_FORMATS: Final[dict[SampleFormat, int]] = {
    "S16_LE": alsaaudio.PCM_FORMAT_S16_LE,
    "S32_LE": alsaaudio.PCM_FORMAT_S32_LE,
}
_RATES_HZ: Final = (48_000, 96_000, 44_100, 32_000, 192_000, 16_000)
"""For a card without 24 kHz, best first: twice the rate is cheap and loses nothing, less than 24 kHz loses treble."""
_BUSY: Final = os.strerror(errno.EBUSY)
_FORBIDDEN: Final = {os.strerror(errno.EACCES), os.strerror(errno.EPERM)}
_MISSING: Final = {os.strerror(errno.ENOENT), os.strerror(errno.ENODEV), os.strerror(errno.ENXIO)}


def open_stream(direction: Direction, device: str, period_ms: int, periods: int) -> Stream:
    """Open a device by its ALSA name and return it as it really is.

    Raises `DeviceUnknown` (with the names of the devices there are) or `DeviceBusy` (with the program that holds it, if
    the kernel tells).
    """
    quieten()
    pcm = _open(direction, device, OWN_FORMAT, period_ms, periods)
    card = _choose(pcm, direction, device)
    if card != OWN_FORMAT:  # ask again, so that the period is right for the rate
        pcm.close()
        pcm = _open(direction, device, card, period_ms, periods)
    info = pcm.info()
    if info["format"] != _FORMATS[card.sample_format]:
        raise _unusable(direction, device, [info["format_name"]])
    got = CardFormat(info["rate"], info["channels"], card.sample_format)
    negotiated = Negotiated(device, got, info["period_size"], info["buffer_size"], info["card_no"])
    return Stream(pcm, direction, negotiated)


def _open(direction: Direction, device: str, card: CardFormat, period_ms: int, periods: int) -> Any:
    try:
        return alsaaudio.PCM(
            type=PCM_TYPES[direction],
            mode=alsaaudio.PCM_NONBLOCK,
            device=device,
            rate=card.rate_hz,
            channels=card.channels,
            format=_FORMATS[card.sample_format],
            periodsize=card.rate_hz * period_ms // 1000,
            periods=periods,
        )
    except alsaaudio.ALSAAudioError as error:
        raise _refusal(direction, device, reason(error)) from error


def _choose(pcm: Any, direction: Direction, device: str) -> CardFormat:
    """Return what to ask of a card that was asked for the program's own format: that, or the best it has."""
    info = pcm.info()
    rate_hz = info["rate"]
    if rate_hz != OWN_FORMAT.rate_hz:
        rates = pcm.getrates()
        if isinstance(rates, tuple):
            rates = [rate for rate in _RATES_HZ if rates[0] <= rate <= rates[1]]
        elif isinstance(rates, int):
            rates = [rates]
        rate_hz = next((rate for rate in _RATES_HZ if rate in rates), rate_hz)
    sample_format: SampleFormat = "S16_LE"
    if info["format"] != _FORMATS["S16_LE"]:
        formats = pcm.getformats()
        if "S32_LE" not in formats:
            raise _unusable(direction, device, sorted(formats))
        sample_format = "S32_LE"
    return CardFormat(rate_hz, info["channels"], sample_format)


def _unusable(direction: Direction, device: str, formats: Sequence[str]) -> DeviceUnknown:
    role = ROLES[direction]
    converting = f"plug{device}" if device.startswith("hw:") else f"plug:'{device}'"
    return DeviceUnknown(
        f'the {role} "{device}" has only {", ".join(formats)} samples: set audio.{role}.device to "{converting}"',
        device,
    )


def _refusal(direction: Direction, device: str, why: str) -> DeviceUnknown:
    """Return the exception for a device that could not be opened."""
    role = ROLES[direction]
    if why == _BUSY:
        holder = holder_of(device, direction) or "another program"
        sharing = (
            ""
            if device == "default"
            else f", or set audio.{role}.device to a name that shares the card, such as default"
        )
        return DeviceBusy(
            f'the {role} "{device}" is in use by {holder}: stop that{sharing}; it is taken as soon as it is free',
            device,
        )
    if why in _FORBIDDEN:
        return DeviceUnknown(f'no permission for the {role} "{device}": add this user to the group audio', device)
    problem = f'there is no {role} "{device}"' if why in _MISSING else f'the {role} "{device}" cannot be opened ({why})'
    others = ", ".join(name for name in device_names(direction) if name != device)
    remedy = f"set audio.{role}.device to one of: {others}" if others else "this machine has no other: plug one in"
    return DeviceUnknown(f"{problem}: {remedy}", device)
