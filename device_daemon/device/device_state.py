"""The state of the device, as the light and the events show it, and the microphone between conversations.

The light is true: it says so before the microphone opens, and until it is closed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.conversation.conversations import Conversations
from device_daemon.device.event_stream import EventStream
from device_daemon.device.events import Event, StateChanged
from device_daemon.device.health_report import HealthReport
from device_daemon.device.mute import MuteControl
from device_daemon.device.resting_state import resting_state
from device_daemon.device.word_engines import WordEngines
from device_daemon.errors import DeviceUnknown, SpeakerError
from device_daemon.health import Part
from device_daemon.state import State, check_transition
from device_daemon.system.logs import STATE_CHANGED, fields
from device_daemon.timers.timers import Timers

logger = logging.getLogger(__name__)

_TRIGGERS: Final = frozenset({Part.WAKE_WORDS, Part.PINS})
_NEEDED_TO_ANSWER: Final = (Part.SPEAKER, Part.CLOCK, Part.SERVICE)
"""While one of these fails a wake word would lead to nothing, and the light says that instead."""


class DeviceState:
    """A conversation enters its own states; between conversations the state follows from the parts (`rest`).

    Args:
        router: Opens and closes the microphone.
        words: Whether there are wake words to listen for.
        mute: Whether the microphone has to stay closed.
        health: Of all parts.
        timers: Whether one rings.
        conversations: Whether one is open, and shows its own state.
        events: Where each new state is published.
        show: Called with each new state.
    """

    def __init__(
        self,
        *,
        router: MicrophoneRouter,
        words: WordEngines,
        mute: MuteControl,
        health: HealthReport,
        timers: Timers,
        conversations: Conversations,
        events: EventStream,
        show: Callable[[State], None],
    ) -> None:
        self.current = State.STARTING
        self._router = router
        self._words = words
        self._mute = mute
        self._health = health
        self._timers = timers
        self._conversations = conversations
        self._events = events
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._closing: set[asyncio.Future[None]] = set()

    async def close(self) -> None:
        """Wait until the microphone is closed."""
        if self._closing:
            await asyncio.wait(self._closing)

    @property
    def resting(self) -> State:
        """The state between conversations, as it is now."""
        if self._timers.ringing:
            return State.RINGING  # whatever else is true: it has the highest priority in the lights' table
        listens = self._words.listening
        # While the microphone is open the light has to say so, whatever becomes of a button.
        failures = self._health.failures(besides=frozenset({Part.PINS}) if listens else frozenset())
        return resting_state(muted=self._mute.on, failures=failures, wake_words=listens)

    @property
    def readiness(self) -> State:
        """The same for a request to talk: what it came by works, whatever becomes of other triggers."""
        return resting_state(muted=self._mute.on, failures=self._health.failures(besides=_TRIGGERS))

    def keeps_microphone_open(self, failure: SpeakerError | None = None) -> bool:
        """Whether the microphone must be open at rest, after a conversation that ended with this failure.

        It is open for the wake words, unless the light cannot say so. One that failed is opened again and again: nothing
        else would ever bring it back.
        """
        if not self._words.listening or self._mute.on or self._health.any_fails(*_NEEDED_TO_ANSWER):
            return False
        return failure is None or isinstance(failure, DeviceUnknown)

    def rest(self) -> None:
        """Show the resting state, unless a conversation shows its own; the light says so before the microphone opens."""
        self._health.publish_changes()
        if self._conversations.open:
            return
        wanted = self.keeps_microphone_open()
        if self._router.open and not wanted:
            self._close_microphone_first(self._router.close())
            return
        self.enter(self.resting)
        if wanted:
            self._router.listen()
        elif not self._router.microphone.health.ok and not self._mute.on:
            self._router.microphone.look_for()

    def enter(self, state: State) -> None:
        """Show a state; a step that the table of transitions does not have is a bug."""
        if state is self.current:
            return
        check_transition(self.current, state)
        journal = fields(STATE_CHANGED, STATE=state, CONVERSATION=self._conversations.number)
        logger.info("%s -> %s", self.current, state, extra=journal)
        before, self.current = self.current, state
        self._show(state)
        self._events.publish(StateChanged(state=state, before=before, failure=self._health.reason))

    def event(self) -> Event:
        """Return the state as it is now, for somebody who begins to read the events."""
        now = StateChanged(state=self.current, before=self.current, failure=self._health.reason)
        return self._events.dated(now)

    def _close_microphone_first(self, closing: Awaitable[None]) -> None:
        """Close the microphone before the light says that it is closed."""

        async def close() -> None:
            await closing
            self.rest()

        task = self._loop.create_task(close(), name="microphone closes")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
