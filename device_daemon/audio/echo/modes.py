"""Which way the loudspeaker's echo is removed: the ladder of `audio.echo`, the step in force, and why it is that one.

From the best to the last resort: `hardware` (the card cancels), `client-reference` (the service cancels, with what the
loudspeaker really played beside each sample of the microphone), `local` (cancelled on this device), `service` (the service
cancels with what it sent), `half-duplex` (nobody cancels: nobody is heard while the speaker talks).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from device_daemon.errors import EchoModeUnavailable

AUTO: Final = "auto"

CARDS_THAT_CANCEL: Final = (
    "Jabra SPEAK",
    "Jabra Speak",
    "Anker PowerConf",
    "PowerConf",
    "EMEET",
    "eMeet",
    "Poly Sync",
    "Plantronics Calisto",
    "Poly Calisto",
    "EPOS EXPAND SP",
    "Sennheiser SP",
    "Logitech P710e",
    "YAMAHA YVC",
    "reSpeaker XVF3800",
    "ReSpeaker 4 Mic Array",
)
"""Speakerphones and microphone arrays with an echo canceller of their own, by a part of the name that ALSA shows.
The arrays of XMOS need their loudspeaker at their own output."""

REFUSALS_OF_CLIENT_REFERENCE: Final = frozenset(
    {
        "invalid_ec_reference_channels",
        "invalid_ec_channels_requires_client",
        "invalid_ec_channels_format",
        "change_in_ec_channels_not_allowed",
    }
)
"""Error codes by which the service refuses a client's reference (Voice Live API reference 2026-07-15)."""


class EchoMode(StrEnum):
    """A step of the ladder, under its name in the config."""

    HARDWARE = "hardware"
    CLIENT_REFERENCE = "client-reference"
    LOCAL = "local"
    SERVICE = "service"
    HALF_DUPLEX = "half-duplex"

    @property
    def hears_over_own_sounds(self) -> bool:
        """Whether a person can talk over sound that the service did not send (a cached greeting, a notice)."""
        return self in {EchoMode.HARDWARE, EchoMode.CLIENT_REFERENCE, EchoMode.LOCAL}


class EchoChoice(Struct, frozen=True):
    """The mode in force, and the reason as `status`, journal and doctor show it."""

    mode: EchoMode
    reason: str


class EchoPort(Protocol):
    """Whoever knows the echo mode for a new session."""

    def choice(self) -> EchoChoice:
        """Return the mode in force now."""

    def refused(self, code: str, message: str) -> bool:
        """Report that the service refused a session; True if another mode is in force now."""


class FixedEchoMode:
    """A mode that nothing changes: the service's own, for sessions that only try something out."""

    def choice(self) -> EchoChoice:
        """Return the service's mode."""
        return EchoChoice(EchoMode.SERVICE, "nothing else was asked for")

    def refused(self, code: str, message: str) -> bool:
        """Return that nothing changed."""
        del code, message
        return False


class EchoLadder:
    """Chooses the mode, and steps down when the service refuses it. One for each speaker; asked at each session."""

    def __init__(self, setting: str, *, card_name: str, local_unavailable: str | None) -> None:
        """Take what is known at the start.

        Args:
            setting: `audio.echo`: "auto" or the name of a mode.
            card_name: the microphone's card as ALSA shows it; "" where it is not known.
            local_unavailable: why nothing can be cancelled on this device; None if it can.

        Raises:
            EchoModeUnavailable: the config asks for `local`, which is not installed.
        """
        if setting == EchoMode.LOCAL and local_unavailable:
            raise EchoModeUnavailable(local_unavailable)
        self._setting = setting
        self._card_name = card_name
        self._local_unavailable = local_unavailable
        self._refused = ""

    def choice(self) -> EchoChoice:
        """Return the mode in force now."""
        if self._setting != AUTO and not self._refused:
            return EchoChoice(EchoMode(self._setting), "audio.echo says so")
        if known := next((name for name in CARDS_THAT_CANCEL if name in self._card_name), None):
            return EchoChoice(EchoMode.HARDWARE, f'the card "{self._card_name}" cancels echo by itself ({known})')
        if not self._refused:
            return EchoChoice(EchoMode.CLIENT_REFERENCE, "the service is given what the loudspeaker plays")
        if self._local_unavailable is None:
            return EchoChoice(EchoMode.LOCAL, f"{self._refused}; this device cancels the echo itself")
        return EchoChoice(EchoMode.SERVICE, f"{self._refused}; no canceller is installed on this device")

    def refused(self, code: str, message: str) -> bool:
        """Note that the service refused a session; returns True if another mode is to be tried, with a new session.

        The refusal is remembered as long as this object lives: for this service and this config.
        """
        if code not in REFUSALS_OF_CLIENT_REFERENCE or self.choice().mode is not EchoMode.CLIENT_REFERENCE:
            return False
        self._refused = f"the service refused a client's echo reference ({code}: {message.rstrip('.')})"
        return True
