"""The exact line that mends a failure this program knows."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from device_daemon.errors import (
    AuthRefused,
    ClockNotSet,
    ConfigError,
    DeviceBusy,
    DeviceGone,
    DeviceUnknown,
    KeyMissing,
    PinUnusable,
    ServiceBusy,
    ServiceUnreachable,
    SessionRejected,
    SpeakerError,
    WakeWordsUnusable,
    WakeWordUnknown,
)
from device_daemon.system import clock_sync
from device_daemon.system.paths import SYSTEM_CONFIG
from device_daemon.triggers.wakeword_engine import INSTALL_COMMAND
from device_daemon.voicelive.credentials import KEY_VARIABLE

SET_CLOCK = "sudo timedatectl set-ntp true"
GET_CLOCK = f"sudo apt install systemd-timesyncd && {SET_CLOCK}"
STOP_SERVICE = "sudo systemctl stop voicelive-speaker"
JOURNAL = "journalctl -u voicelive-speaker -n 50"
GET_LGPIO = "sudo apt install python3-lgpio"
AS_ROOT = "sudo voicelive-speaker doctor"
_DEV = Path("/dev")


def set_clock() -> str:
    """How the clock gets right, and stays so."""
    return SET_CLOCK if clock_sync.is_kept() else GET_CLOCK


def set_key() -> str:
    """How the key gets to where it is looked for."""
    if shutil.which("voicelive-speaker-set-key"):
        return "sudo voicelive-speaker-set-key"
    return f"export {KEY_VARIABLE}=…    # or name a file with service.api_key_file"


def edit(config_path: Path, setting: str) -> str:
    """How a setting is changed."""
    sudo = "sudo " if config_path.is_relative_to(SYSTEM_CONFIG.parent) else ""
    return f"{sudo}nano {config_path}    # {setting}"


def join(group: str) -> str:
    """How this user gets at a device of that group."""
    return f'sudo usermod -aG {group} "$USER"    # then log in again'


def enable_spi(bus: int, device: int) -> str:
    """How a light strip gets its bus."""
    if importlib.util.find_spec("spidev") is None:
        return "sudo apt install python3-spidev"
    path = _DEV / f"spidev{bus}.{device}"
    if path.exists():
        return join("spi")
    return "sudo raspi-config nonint do_spi 0 && sudo reboot"


def mend_for(error: SpeakerError, config_path: Path) -> str:
    """The line for one of our exceptions; its message says in words what it is about."""
    for kind, line in _LINES:
        if isinstance(error, kind):
            return line(config_path)
    return JOURNAL


def _card(config_path: Path) -> str:
    cards = list(_DEV.glob("snd/controlC*"))
    if not cards:
        return "plug a sound card in, or name its dtoverlay= in /boot/firmware/config.txt; then: aplay -l"
    if not any(os.access(card, os.R_OK | os.W_OK) for card in cards):
        return join("audio")
    return f"voicelive-speaker devices    # then put one of those names into {config_path}"


def _pins(config_path: Path) -> str:
    chips = list(_DEV.glob("gpiochip*"))
    if not chips:
        return (
            f"{edit(config_path, 'no triggers: and lights: with pins, for this machine has none')}\n"
            "GPIOZERO_PIN_FACTORY=mock voicelive-speaker doctor    # tries the rest with make-believe pins"
        )
    if not any(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        return join("gpio")
    if importlib.util.find_spec("lgpio") is None:
        return GET_LGPIO
    return f"gpioinfo    # who holds which pin; which ones are used is said in {config_path}"


_LINES: tuple[tuple[type[SpeakerError] | tuple[type[SpeakerError], ...], Callable[[Path], str]], ...] = (
    (ConfigError, lambda path: f"voicelive-speaker check-config --config {path}"),
    ((KeyMissing, AuthRefused), lambda _: set_key()),
    (SessionRejected, lambda path: edit(path, "service:")),
    (ClockNotSet, lambda _: SET_CLOCK),
    (ServiceBusy, lambda _: "sleep 60; voicelive-speaker doctor"),
    (ServiceUnreachable, lambda _: "nmcli general status; ping -c 3 1.1.1.1    # is there a network at all?"),
    (WakeWordUnknown, lambda path: edit(path, "triggers: word")),
    (WakeWordsUnusable, lambda _: INSTALL_COMMAND),
    (PinUnusable, _pins),
    (DeviceBusy, lambda _: "sudo fuser -v /dev/snd/*    # who holds the card; stop that program"),
    (DeviceGone, lambda _: "journalctl -k -n 30    # what the kernel says about the card; then see to its plug"),
    (DeviceUnknown, _card),
)
"""The first that fits: what is special comes before what it is a kind of."""
