"""Opening a card: ask for the program's own format, take the best it has, and say well what stands in the way."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final, Protocol

from device_daemon.audio.alsa.busy_owner import holder_of
from device_daemon.audio.alsa.devices import device_names
from device_daemon.audio.alsa.error_handler import forget_messages, messages
from device_daemon.audio.alsa.libasound import AlsaError
from device_daemon.audio.alsa.pcm_handle import PcmHandle
from device_daemon.audio.alsa.stream import ROLES, Direction, Negotiated, Stream
from device_daemon.audio.pcm import OWN_FORMAT, CardFormat, SampleFormat
from device_daemon.errors import DeviceBusy, DeviceUnknown

_RATES_HZ: Final = (OWN_FORMAT.rate_hz, 48_000, 96_000, 44_100, 32_000, 192_000, 16_000)
"""Best first: twice the program's rate is cheap to convert and loses nothing, less than it loses treble."""
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM}
_REFUSED: Final = {errno.EINVAL, errno.EIO, errno.EPIPE, errno.EPROTO, errno.ETIMEDOUT}
"""What drivers report that cannot set the rate: the last four are those of USB."""
_NO_SERVER: Final = {errno.ECONNREFUSED, errno.EHOSTDOWN}
"""What alsa-lib's plugins for PulseAudio and PipeWire report where no server listens."""
MOST_MIXED_CHANNELS: Final = 2
"""The mean of two channels is a voice; a card that cannot do with fewer than three is a microphone array."""
_MISSING: Final = {errno.ENOENT, errno.ENODEV, errno.ENXIO}


_BROKEN_CONFIGURATION: Final = "may be old or corrupted"
"""alsa-lib's words for a file that it cannot read; before them stands where the mistake is."""


class Abilities(Protocol):
    """What a PCM says it can do; see `PcmHandle`."""

    def formats(self) -> list[str]:
        """Sample formats, by alsa-lib's names."""

    def has_rate(self, rate_hz: int) -> bool:
        """Whether it can run at that rate."""


def open_stream(direction: Direction, device: str, period_ms: int, periods: int, channel: int | None = None) -> Stream:
    """Open a device by its ALSA name and return it as it really is.

    Blocks for as long as the card takes, without holding the interpreter.

    Args:
        direction: To capture, or to play.
        device: Its ALSA name.
        period_ms: How long a period shall be; the card may choose another length.
        periods: How many of them its buffer shall hold.
        channel: Which channel is wanted: of a card with several, all are asked for.

    Raises:
        DeviceUnknown: With the names of the devices there are, or with what alsa-lib says to it.
        DeviceBusy: With the program that holds it, if the kernel tells.
    """
    forget_messages()
    channels = _channels_to_ask_for(direction, device, channel)
    try:
        pcm = PcmHandle(direction, device)
    except AlsaError as error:
        raise refusal(direction, device, error) from error
    try:
        sample_format, rate_hz = choose(pcm, direction, device)
        try:
            rate_hz, channels, period, buffer = pcm.configure(sample_format, rate_hz, channels, period_ms, periods)
        except AlsaError as error:
            if error.number in _REFUSED:
                raise _refused(direction, device, rate_hz, error) from error
            raise
        got = CardFormat(rate_hz, channels, sample_format)
        return Stream(pcm, direction, Negotiated(device, got, period, buffer, pcm.card_number()))
    except AlsaError as error:
        pcm.close()
        raise refusal(direction, device, error) from error
    except DeviceUnknown:
        pcm.close()
        raise


def _channels_to_ask_for(direction: Direction, device: str, channel: int | None) -> int:
    """Return how many channels to open, so that the wanted one comes as it is.

    alsa-lib's plug converts any number of channels to one by their mean. Of a microphone array that is wrong: it mixes
    the processed channel with raw ones, and with what is being played. So the card behind a plughw is asked first.
    """
    if direction == "playback" or not device.startswith("plughw:"):
        return max(OWN_FORMAT.channels, (channel or 0) + 1)
    try:
        card = PcmHandle(direction, device.removeprefix("plug"))
    except AlsaError:
        return OWN_FORMAT.channels  # whatever it is, opening the device itself will tell
    try:
        there = card.channels() or [OWN_FORMAT.channels]
    finally:
        card.close()
    if channel is not None:
        return next((number for number in there if number > channel), there[-1])
    return there[0] if there[0] > MOST_MIXED_CHANNELS else OWN_FORMAT.channels


def choose(pcm: Abilities, direction: Direction, device: str) -> tuple[SampleFormat, int]:
    """Return the sample format and the rate to ask of a card: the program's own, or the best it has."""
    formats = pcm.formats()
    rate_hz = next((rate for rate in _RATES_HZ if pcm.has_rate(rate)), OWN_FORMAT.rate_hz)
    if "S16_LE" in formats:
        return "S16_LE", rate_hz
    if "S32_LE" in formats:
        return "S32_LE", rate_hz
    raise _unusable(direction, device, sorted(formats))


def _unusable(direction: Direction, device: str, formats: Sequence[str]) -> DeviceUnknown:
    role = ROLES[direction]
    converting = f"plug{device}" if device.startswith("hw:") else f"plug:'{device}'"
    remedy = f'"{converting}"'
    if "plug" in device or "IEC958_SUBFRAME_LE" in formats:  # HDMI: what converts to that has a name of its own
        remedy = f"one of: {_others(direction, device)}"
    has = f"has only {', '.join(formats)} samples" if formats else "takes no samples that this program has"
    return DeviceUnknown(f'the {role} "{device}" {has}: set audio.{role}.device to {remedy}', device)


def _refused(direction: Direction, device: str, rate_hz: int, error: AlsaError) -> DeviceUnknown:
    """Return the exception for a card that does not take what it says it can do: its driver or its USB link fails."""
    role = ROLES[direction]
    return DeviceUnknown(
        f'the {role} "{device}" offers {rate_hz} Hz and refuses it ({error.text}): unplug it and plug it in again, or set '
        f"audio.{role}.device to one of: {_others(direction, device)}; it is taken as soon as it agrees",
        device,
    )


def _others(direction: Direction, device: str) -> str:
    return ", ".join(name for name in device_names(direction) if name != device)


def refusal(direction: Direction, device: str, error: AlsaError) -> DeviceUnknown:
    """Return the exception for a device that could not be opened."""
    role = ROLES[direction]
    if error.number == errno.EBUSY:
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
    if error.number in _FORBIDDEN:
        return DeviceUnknown(f'no permission for the {role} "{device}": add this user to the group audio', device)
    missing = error.number in _MISSING
    said = "; ".join(dict.fromkeys([error.text, *messages()]))
    if _BROKEN_CONFIGURATION in said:
        return DeviceUnknown(
            f'the {role} "{device}" cannot be opened, since alsa-lib cannot read its configuration ({said}): '
            "correct the file that it names, or remove it",
            device,
        )
    if error.number in _NO_SERVER:
        return DeviceUnknown(
            f'the {role} "{device}" is a sound server (PipeWire, PulseAudio) that does not answer ({said}): a system '
            f"service cannot reach the one of a desktop session; set audio.{role}.device to the card itself, one of: "
            f"{_others(direction, device)}; or share the card without it, as /usr/share/voicelive-speaker/boards/asound-shared.conf says",
            device,
        )
    problem = f'there is no {role} "{device}"' if missing else f'the {role} "{device}" cannot be opened ({said})'
    others = _others(direction, device)
    remedy = f"set audio.{role}.device to one of: {others}" if others else "this machine has no other: plug one in"
    return DeviceUnknown(f"{problem}: {remedy}", device)
