"""The microphone between its listeners: a conversation, at rest the wake words, and the stop word.

Nothing that is heard leaves this module but to these; both kinds of words keep it on the device.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from device_daemon.audio.microphone import Microphone, as_they_are
from device_daemon.audio.period import Period
from device_daemon.config.settings import MicrophoneSettings
from device_daemon.errors import SpeakerError

KEPT_S = 3.0
"""How much of what was heard at rest is kept, in memory: what follows a wake word in the same breath."""
UNRESPONSIVE_S = 10.0


class MicrophoneRouter:
    """All methods are called from the event loop's thread."""

    def __init__(
        self,
        settings: MicrophoneSettings,
        *,
        on_failure: Callable[[SpeakerError], None],
        on_recovery: Callable[[], None],
        process: Callable[[list[Period]], list[Period]] = as_they_are,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.microphone = Microphone(
            settings,
            loop=self._loop,
            on_periods=self._hear,
            on_failure=on_failure,
            on_recovery=on_recovery,
            process=process,
        )
        self.conversation: Callable[[list[Period]], None] | None = None
        """Who is in a conversation hears everything."""
        self.words: Callable[[list[Period]], None] | None = None
        """The wake words, if there are any."""
        self.stop_word: Callable[[list[Period]], None] | None = None
        """The stop word, which hears everything while something sounds."""
        self.on_gap: Callable[[], None] = _nobody
        """Called when what is heard next does not follow what was heard last."""
        self._kept: deque[Period] = deque()
        self._kept_s = 0.0
        self._heard_s: float | None = None
        """When the microphone last gave something; None while it is closed."""

    @property
    def open(self) -> bool:
        """The microphone captures, or tries to."""
        return self._heard_s is not None

    def listen(self) -> None:
        """Open the microphone; the light says so already. Does nothing if it is open."""
        if self._heard_s is None:
            self._heard_s = self._loop.time()
            self.on_gap()
            self.microphone.open()

    def close(self) -> Awaitable[None]:
        """Close the microphone; nothing is heard after the call. Await what it returns: then it is closed."""
        self._heard_s = None
        self._kept.clear()
        self._kept_s = 0.0
        self.on_gap()  # no word of before is reported any more
        return self.microphone.close()

    def since(self, from_s: float) -> list[Period]:
        """What was heard at rest from a time on (time.monotonic), as far as it is kept: complete periods, one more rather than one less."""
        return [period for period in self._kept if period.captured_at_s > from_s]

    def unresponsive(self) -> str:
        """Return what is wrong with the microphone's thread, "" for nothing.

        It hands over sound or reports a failure: where it does neither for `UNRESPONSIVE_S`, it hangs. A microphone
        that is missing is no reason to start the program anew.
        """
        if self._heard_s is None or not self.microphone.health.ok:
            return ""
        since_s = max(self._heard_s, self.microphone.health.since_s or 0.0)
        if self._loop.time() - since_s < UNRESPONSIVE_S:
            return ""
        return f"the microphone is open and gave neither sound nor an error for {UNRESPONSIVE_S:g} s"

    def _hear(self, periods: list[Period]) -> None:
        self._heard_s = self._loop.time()
        if self.conversation is not None:
            self.conversation(periods)
        elif self.words is not None:
            self._keep(periods)
        if self.words is not None:
            self.words(periods)
        if self.stop_word is not None:
            self.stop_word(periods)

    def _keep(self, periods: list[Period]) -> None:
        for period in periods:
            self._kept.append(period)
            self._kept_s += period.captured_at_s - period.begins_at_s
        while self._kept_s > KEPT_S:
            oldest = self._kept.popleft()
            self._kept_s -= oldest.captured_at_s - oldest.begins_at_s


def _nobody() -> None:
    """The default of `on_gap`: does nothing."""
