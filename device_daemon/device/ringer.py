"""The ringer: makes the timers that ring heard, louder and louder at rest, softly in the pauses of a conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from device_daemon.audio import sounds
from device_daemon.audio.speaker import Speaker
from device_daemon.conversation import events as on
from device_daemon.conversation.conversations import Conversations
from device_daemon.device.notices import TICKET
from device_daemon.system.wake_up import Loop, WakeUpTimer

EVERY_S: Final = 2.5
"""From ring to ring at rest: the pauses are for whoever says something."""
EVERY_IN_CONVERSATION_S: Final = 5.0
SOFTEST_DB: Final = -14.0
LOUDER_DB: Final = 2.0
"""From ring to ring, until it is as loud as it can be."""
MOST_QUEUED_MS: Final = 1000
"""While more than this waits to be played, such as a notice, nothing is added."""


class Ringer:
    """All methods are called from the event loop's thread.

    Args:
        speaker: Plays at rest.
        conversations: Asked for the conversation that is open.
        rings: Whether something rings.
        least_volume: How loud it rings at least, in per cent.
        loop: Time and timers.
    """

    def __init__(
        self,
        speaker: Speaker,
        conversations: Conversations,
        rings: Callable[[], bool],
        least_volume: int,
        *,
        loop: Loop,
    ) -> None:
        self._speaker = speaker
        self._conversations = conversations
        self._rings = rings
        self._least_volume = least_volume
        self._loop = loop
        self._timer: WakeUpTimer | None = None
        self._count = 0

    def update(self) -> None:
        """Begin to ring, or fall silent at once: what rings has changed, or a conversation began or ended."""
        ringing = self._timer is not None
        self.close()
        if self._rings():
            self._count = self._count if ringing else 0
            self._ring()
        elif ringing and not self._conversations.open:
            self._speaker.flush(TICKET)

    def close(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._speaker.play_at_least_at(0)

    def _ring(self) -> None:
        if self._conversations.open:
            every_s = EVERY_IN_CONVERSATION_S
            self._speaker.play_at_least_at(0)
            if conversation := self._conversations.current:
                conversation.person_event(on.ChimeRequested())
        else:
            every_s = EVERY_S
            self._speaker.play_at_least_at(self._least_volume)
            if self._speaker.queued_ms < MOST_QUEUED_MS:
                loudness_db = min(0.0, SOFTEST_DB + LOUDER_DB * self._count)
                self._count += 1
                self._speaker.play("sound:timer", sounds.earcon("timer"), TICKET, gain=10 ** (loudness_db / 20))
        self._timer = self._loop.call_at(self._loop.time() + every_s, self._ring)
