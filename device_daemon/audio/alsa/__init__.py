"""The sound cards: which there are, how to open one, what it agreed to. Nobody outside this folder talks to alsa-lib.

PCMs and their lists go through ctypes (`libasound`), mixers through pyalsaaudio (`mixer_controls`). In here alsa-lib's error
numbers and sentences become this program's exceptions, and what was negotiated is read back and known.
"""

from device_daemon.audio.alsa.devices import DeviceInfo, device_names, list_devices
from device_daemon.audio.alsa.mixer import Mixer, find_mixer
from device_daemon.audio.alsa.opening import open_stream
from device_daemon.audio.alsa.stream import ROLES, XRUN, Direction, Negotiated, Stream

__all__ = [
    "ROLES",
    "XRUN",
    "DeviceInfo",
    "Direction",
    "Mixer",
    "Negotiated",
    "Stream",
    "device_names",
    "find_mixer",
    "list_devices",
    "open_stream",
]
