"""The echo mode in force, and the work that it asks of the audio threads. One object for a speaker and its microphone.

The playback thread writes to `track`; the capture thread calls `process`; the event loop asks for `choice` at the start of
each session and reports what the service refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from device_daemon.audio.echo.cancellers import CANCELLERS, unavailable
from device_daemon.audio.echo.modes import EchoChoice, EchoLadder, EchoMode
from device_daemon.audio.echo.presence import EchoPresence
from device_daemon.audio.echo.processor import LocalCancelling
from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.pcm import BYTES_PER_FRAME
from device_daemon.audio.period import Period
from device_daemon.config.settings import EchoSettings

logger = logging.getLogger(__name__)

NO_ECHO = "the microphone does not hear the loudspeaker (headphones?), so nothing is cancelled now"


class EchoControl:
    """See the head of this module."""

    def __init__(
        self,
        settings: EchoSettings,
        card_name: str = "",
        *,
        unavailable: Callable[[str], str | None] = unavailable,
    ) -> None:
        """Take the config's settings and the name of the microphone's card, as ALSA shows it.

        Raises:
            EchoModeUnavailable: the config asks for a canceller that is not installed.
        """
        self._canceller_name = settings.local or "aec3"
        self._ladder = EchoLadder(
            settings.setting, card_name=card_name, local_unavailable=unavailable(self._canceller_name)
        )
        self.track = ReferenceTrack()
        """What the loudspeaker plays; kept in every mode, since the mode can change with a session."""
        self._cancelling: LocalCancelling | None = None
        self._presence = EchoPresence()
        self._mode = self._ladder.choice().mode
        self._log()

    def choice(self) -> EchoChoice:
        """Return the mode in force and the reason for it."""
        choice = self._ladder.choice()
        if self._presence.heard:
            return choice
        return EchoChoice(choice.mode, f"{choice.reason}; {NO_ECHO}")

    def refused(self, code: str, message: str) -> bool:
        """Report that the service refused a session; True if another mode is in force now, for a new session."""
        changed = self._ladder.refused(code, message)
        if changed:
            self._mode = self._ladder.choice().mode
            self._log()
        return changed

    def _log(self) -> None:
        choice = self.choice()
        logger.info("echo cancellation: %s: %s", choice.mode, choice.reason)

    # The capture thread

    def process(self, periods: list[Period]) -> list[Period]:
        """Return the periods as the mode in force wants them: with a reference, without echo, or as they are."""
        heard = self._presence.heard
        if self._mode is EchoMode.CLIENT_REFERENCE:
            periods = [self._with_reference(period) for period in periods]
        elif self._mode is EchoMode.LOCAL:
            periods = self._cancelled(periods)
        if heard != self._presence.heard:
            self._log()
        return periods

    def _with_reference(self, period: Period) -> Period:
        sounds = self.track.sounded_since(period.begins_at_s)
        frames = len(period.pcm) // BYTES_PER_FRAME
        reference = self.track.read(period.begins_at_s, frames) if sounds else bytes(len(period.pcm))
        if not self._presence.observe(period.pcm, reference) or not sounds:
            return period  # no reference stands for silence
        return Period(period.pcm, period.captured_at_s, reference)

    def _cancelled(self, periods: list[Period]) -> list[Period]:
        if self._cancelling is None:
            self._cancelling = LocalCancelling(self.track, CANCELLERS[self._canceller_name](), self._presence)
        return [
            Period(pcm, end_s)
            for period in periods
            for pcm, end_s in [self._cancelling.process(period.pcm, period.begins_at_s)]
            if pcm
        ]
