"""The sections `audio`, `sounds` and `timers`: sound cards, echo, and how loud the device itself is."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from device_daemon.config.sections.value_types import IN_MS, IN_SECONDS, Percent, Text

PeriodMs = Annotated[int, Meta(ge=2, le=100, extra=IN_MS)]
Periods = Annotated[int, Meta(ge=2, le=32)]


class MicrophoneSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Capture: an ALSA device and its buffer."""

    device: Text = "default"
    """An ALSA name, such as plughw:CARD=seeed2micvoicec; `voicelive-speaker devices` lists them."""
    period_ms: PeriodMs = 30
    """Milliseconds of sound per period."""
    periods: Periods = 8
    """Periods in the card's buffer; more tolerate a slower machine."""
    gain_db: Annotated[float, Meta(ge=-40, le=40)] = 0.0
    """Gain, in decibels."""
    channel: Annotated[int, Meta(ge=0, le=31)] | None = None
    """Which channel of a card with several, counted from 0; by default the first of a microphone array, and the mean
    of two."""


class SpeakerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Playback: an ALSA device, its buffer, the volume."""

    device: Text = "default"
    """An ALSA name, such as plughw:CARD=seeed2micvoicec; `voicelive-speaker devices` lists them."""
    period_ms: PeriodMs = 40
    """Milliseconds of sound per period."""
    periods: Periods = 9
    """Periods in the card's buffer; more tolerate a slower machine."""
    volume: Percent = 80
    """Volume, in per cent, until it is set by a command: that is remembered, and counts from then on."""


class EchoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the loudspeaker's echo is removed from what the microphone hears; a single word stands for `mode`."""

    shorthand: ClassVar[str] = "mode"

    mode: Literal["auto", "hardware", "client-reference", "local", "service", "half-duplex"] = "auto"
    """Which way; auto takes the best that the card, the service and the installation have."""
    local: Literal["aec3", "speexdsp"] | None = None
    """Which canceller works on this device; given alone, it chooses the mode local."""

    @property
    def setting(self) -> str:
        """The mode that the file asks for."""
        return "local" if self.local and self.mode == "auto" else self.mode


class Audio(Struct, frozen=True, forbid_unknown_fields=True):
    """Microphone, speaker, and who cancels the echo."""

    microphone: MicrophoneSettings = MicrophoneSettings()
    """Capture."""
    speaker: SpeakerSettings = SpeakerSettings()
    """Playback."""
    echo: EchoSettings = EchoSettings()
    """How the speaker is kept from hearing itself: one word, or {local: speexdsp}."""


class Sounds(Struct, frozen=True, forbid_unknown_fields=True):
    """Earcons and spoken notices of the device."""

    ready: bool = True
    """A sound when the speaker begins to listen."""
    error: bool = True
    """A sound when something fails."""
    notices: bool = True
    """Spoken notices that say what failed."""
    volume: Percent = 60
    """Volume of the sounds, in per cent."""


class TimerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How timers and alarms ring."""

    volume: Percent = 60
    """How loud they ring at least, in per cent, however low the speaker's own volume is."""
    snooze_s: Annotated[float, Meta(ge=10, le=7200, extra=IN_SECONDS)] = 540.0
    """After how many seconds they ring again if they are snoozed."""
    ring_for_s: Annotated[float, Meta(ge=10, le=7200, extra=IN_SECONDS)] = 600.0
    """After how many seconds they stop by themselves, and count as missed."""
