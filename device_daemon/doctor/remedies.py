"""Remedies: the command that fixes each failure this program knows."""

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
    SettingUnusable,
    SpeakerError,
    WakeWordsUnusable,
    WakeWordUnknown,
)
from device_daemon.system import clock_sync
from device_daemon.system.paths import SYSTEM_CONFIG
from device_daemon.triggers.wakeword_models import INSTALL_COMMAND
from device_daemon.voicelive.credentials import KEY_VARIABLE

SET_CLOCK = "sudo timedatectl set-ntp true"
GET_CLOCK = f"sudo apt install systemd-timesyncd && {SET_CLOCK}"
STOP_SERVICE = "sudo systemctl stop voicelive-speaker"
JOURNAL = "journalctl -u voicelive-speaker -n 50"
GET_LGPIO = "sudo apt install python3-lgpio"
AS_ROOT = "sudo voicelive-speaker doctor"
AS_SERVICE = "sudo systemctl cat voicelive-speaker    # User= and Protect…= say what it may read"
DEV = Path("/dev")


def set_clock() -> str:
    """Set the clock and keep it right."""
    return SET_CLOCK if clock_sync.is_kept() else GET_CLOCK


def set_key() -> str:
    """Store the API key where the speaker looks for it."""
    if shutil.which("voicelive-speaker-set-key"):
        return "sudo voicelive-speaker-set-key"
    return f"export {KEY_VARIABLE}=…    # or name a file with service.api_key_file"


def edit(config_path: Path, setting: str) -> str:
    """Edit the config; `setting` says what to change."""
    sudo = "sudo " if config_path.is_relative_to(SYSTEM_CONFIG.parent) else ""
    return f"{sudo}nano {config_path}    # {setting}"


def join(group: str) -> str:
    """Give this user access to a device of a group."""
    return f'sudo usermod -aG {group} "$USER"    # then log in again'


def enable_spi(bus: int, device: int) -> str:
    """Enable the SPI bus of an LED strip."""
    if importlib.util.find_spec("spidev") is None:
        return "sudo apt install python3-spidev"
    path = DEV / f"spidev{bus}.{device}"
    if path.exists():
        return join("spi")
    return "sudo raspi-config nonint do_spi 0 && sudo reboot"


def remedy_for(error: SpeakerError, config_path: Path, dev: Path = DEV) -> str:
    """The remedy for one of our exceptions; what is wrong is in the message of the exception."""
    for kind, line in _LINES:
        if isinstance(error, kind):
            return line(config_path, dev)
    return JOURNAL


def _card(config_path: Path, dev: Path) -> str:
    cards = list(dev.glob("snd/controlC*"))
    if not cards:
        return "plug a sound card in, or name its dtoverlay= in /boot/firmware/config.txt; then: aplay -l"
    if not any(os.access(card, os.R_OK | os.W_OK) for card in cards):
        return join("audio")
    return f"voicelive-speaker devices    # then put one of those names into {config_path}"


def _pins(config_path: Path, dev: Path) -> str:
    chips = list(dev.glob("gpiochip*"))
    if not chips:
        return (
            f"{edit(config_path, 'remove triggers: and lights: with pins; this machine has none')}\n"
            "GPIOZERO_PIN_FACTORY=mock voicelive-speaker doctor    # checks the rest with mock pins"
        )
    if not any(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        return join("gpio")
    if importlib.util.find_spec("lgpio") is None:
        return GET_LGPIO
    return f"gpioinfo    # who holds which pin; the pins of the config are in {config_path}"


_LINES: tuple[tuple[type[SpeakerError] | tuple[type[SpeakerError], ...], Callable[[Path, Path], str]], ...] = (
    (ConfigError, lambda path, _: f"voicelive-speaker check-config --config {path}"),
    ((KeyMissing, AuthRefused), lambda _path, _dev: set_key()),
    ((SessionRejected, SettingUnusable), lambda path, _: edit(path, "service:")),
    (ClockNotSet, lambda _path, _dev: SET_CLOCK),
    (ServiceBusy, lambda _path, _dev: "sleep 60; voicelive-speaker doctor"),
    (ServiceUnreachable, lambda _path, _dev: "nmcli general status; ping -c 3 1.1.1.1    # is there a network?"),
    (WakeWordUnknown, lambda path, _: edit(path, "triggers: word")),
    (WakeWordsUnusable, lambda _path, _dev: INSTALL_COMMAND),
    (PinUnusable, _pins),
    (DeviceBusy, lambda _path, _dev: "sudo fuser -v /dev/snd/*    # who holds the card; stop that program"),
    (
        DeviceGone,
        lambda _path, _dev: "journalctl -k -n 30    # what the kernel says about the card; then check its plug",
    ),
    (DeviceUnknown, _card),
)
"""The first match counts: subclasses come before their base class."""
