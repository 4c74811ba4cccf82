"""`voicelive-speaker devices`: which sound devices there are, and which ones the config picks."""

from __future__ import annotations

from pathlib import Path

from device_daemon.audio.alsa.devices import DeviceInfo, list_devices
from device_daemon.audio.alsa.opening import MOST_MIXED_CHANNELS
from device_daemon.config.reader import load
from device_daemon.config.settings import Audio
from device_daemon.errors import ConfigError

_TITLES = {"capture": "microphones", "playback": "speakers"}


def report(config_path: Path) -> str:
    """A readable list, microphones first. Works without a config, too: it helps to write one."""
    note = ""
    try:
        audio = load(config_path).audio
    except ConfigError:
        audio, note = (
            Audio(),
            f"\n{config_path} cannot be read; the marks are for the defaults (check-config says more)",
        )
    picked = {"capture": audio.microphone.device, "playback": audio.speaker.device}
    infos = list_devices()
    lines: list[str] = []
    for direction, title in _TITLES.items():
        there = [info for info in infos if info.direction == direction]
        lines.append(f"{title} ({direction}):")
        lines.extend(_line(info, picked=info.name == picked[direction]) for info in there)
        if picked[direction] not in {info.name for info in there}:
            lines.append(f"  * {picked[direction]}  picked by the config, but not in this list")
    return "\n".join(lines) + "\n* is what the config picks" + note


def _line(info: DeviceInfo, *, picked: bool) -> str:
    mark = "*" if picked else " "
    if info.problem:
        return f"  {mark} {info.name}  {info.description}  ({info.problem})"
    rates = ", ".join(f"{rate // 1000}k" if rate % 1000 == 0 else f"{rate / 1000:g}k" for rate in info.rates_hz)
    channels = "/".join(map(str, info.channels))
    able = f"  [{rates}; {channels} channels]" if rates else "  [any rate]"
    return f"  {mark} {info.name}  {info.description}{able}{_array(info)}"


def _array(info: DeviceInfo) -> str:
    """Say which channel of a microphone array is listened to."""
    if info.direction != "capture" or not info.channels or info.channels[0] <= MOST_MIXED_CHANNELS:
        return ""
    return f"\n      a microphone array: channel 0 is heard, the processed one; audio.microphone.channel: 0..{info.channels[0] - 1} for another"
