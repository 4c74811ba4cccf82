"""Whether this machine has a sound card that somebody could talk to and hear."""

from __future__ import annotations

from device_daemon.audio.alsa.devices import list_devices


def why_simulated() -> str:
    """Return "" if ALSA's default is a card that can record and play, or else why it will not do."""
    devices = list_devices()
    if not any(device.name.startswith("plughw:") for device in devices):
        return "no sound card here"
    for device in devices:
        if device.name == "default" and device.problem:
            return f"ALSA's default device cannot be used for {device.direction} ({device.problem})"
    return ""
