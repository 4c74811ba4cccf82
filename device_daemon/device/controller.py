"""What a speaker is between and around conversations: its state, its microphone at rest, mute, and what it says itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from msgspec.structs import asdict

from device_daemon.audio.microphone import Microphone, Period
from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config
from device_daemon.conversation import events as on
from device_daemon.conversation.manager import ConversationManager, ManagerCallbacks
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.ports import ClientPort
from device_daemon.device.notices import Notices
from device_daemon.errors import ClockNotSet, DeviceUnknown, ServiceUnreachable, SpeakerError
from device_daemon.greetings.cache import GreetingCache
from device_daemon.greetings.resolver import GreetingResolver
from device_daemon.leds.patterns import foremost
from device_daemon.state import State, check_transition
from device_daemon.system.logs import STATE_CHANGED, fields
from device_daemon.system.saved_state import SavedState
from device_daemon.voicelive.greeting_prefetch import GreetingPrefetch
from device_daemon.voicelive.reachability import Reachability
from device_daemon.voicelive.warm_session import WarmSession

logger = logging.getLogger(__name__)


class Words(Protocol):
    """The part of triggers.wakeword.WakeWords that listening needs."""

    def put(self, periods: list[Period]) -> None:
        """What the microphone heard."""

    def reset(self) -> None:
        """What comes next does not follow what came last."""

    async def close(self) -> None:
        """Listen no more."""


def resting_state(*, muted: bool, failure: SpeakerError | None, words: bool = False) -> State:
    """What the device shows while nobody talks to it: the first in the table of lights of what is so."""
    so = {State.MUTED} if muted else set()
    if words:
        so.add(State.WAKE_WORD)
    match failure:
        case None:
            pass
        case ClockNotSet():
            so.add(State.NO_CLOCK)
        case ServiceUnreachable():
            so.add(State.OFFLINE)
        case _:
            so.add(State.ERROR)
    return foremost(so)


class Controller:
    """Lives as long as its config; all methods are called from the event loop's thread."""

    def __init__(
        self,
        config: Config,
        client: ClientPort,
        memory: SavedState,
        store: GreetingCache,
        show: Callable[[State], None],
    ) -> None:
        self._config = config
        self._memory = memory
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._started_s = time.monotonic()
        self.state = State.STARTING
        self.speaker = Speaker(config.audio.speaker, loop=self._loop, on_event=self._speaker_event)
        self.notices = Notices(config.sounds, self.speaker, lambda: self.talks.current is None)
        self._ear = MicrophoneRouter(
            config.audio.microphone, on_failure=self._microphone_failed, on_recovery=self._microphone_recovered
        )
        self._store = store
        openings = GreetingResolver(config, memory, store)
        self._standby = WarmSession(client, config.service.standby)
        self._probe = Reachability(client, self._found)
        self._rehearsal = GreetingPrefetch(client, store, openings.wanted)
        self.talks = ConversationManager(
            config,
            client=self._standby,
            speaker=self.speaker,
            ear=self._ear,
            memory=memory,
            openings=openings,
            outlets=ManagerCallbacks(
                own_sound=self.notices.own_sound,
                on_state=self._set_state,
                on_said=self._said,
                on_begin=self._conversation_begins,
                on_end=self._conversation_ends,
                stays_open=self._wants_ear,
            ),
        )
        self._switch_off = False
        self._failure: SpeakerError | None = None  # of the last conversation, or of reaching the service
        self._speaker_failure: SpeakerError | None = None
        self._words: Words | None = None
        self._words_failure: SpeakerError | None = None
        self._tasks: set[asyncio.Future[None]] = set()

    # Life

    def start(self) -> None:
        """Take the speaker's card, show the resting state, and see in the background whether the service is there."""
        if (volume := self._memory.remembered.volume) is not None:
            self.speaker.volume = volume
        self.speaker.start()
        self._rest()
        self._probe.begin(at_once=True)

    async def finish_conversation(self, stopped: asyncio.Event) -> None:
        """Wait for the end of the conversation there is, or until `stopped`."""
        await self.talks.finish(stopped)

    def ailing(self) -> str:
        """What is wrong with the device, for the watchdog; "" for nothing."""
        return self._ear.ailing()

    async def close(self) -> None:
        """End what goes on and let go of both cards; every task is awaited."""
        await self._probe.close()
        await self._rehearsal.close()
        await self.talks.close()
        await self._ear.close()
        if self._words is not None:
            await self._words.close()
        await self._standby.close()
        await self.notices.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.speaker.close()

    # Wake words

    def listen_for(self, words: Words) -> None:
        """From now on the microphone is open at rest, for these alone."""
        self._words = words
        self._ear.words, self._ear.on_gap = words.put, words.reset
        self._rest()

    def words_failed(self, error: SpeakerError) -> None:
        """No word will be heard: what could open a conversation is broken, so that somebody has to mend it."""
        self._ear.words = None
        self._words_failure = error
        self._rest()

    # Mute

    @property
    def muted(self) -> bool:
        """The microphone stays closed: by a person, or by the hardware switch."""
        return self._switch_off or self._memory.remembered.muted

    @property
    def switched_off(self) -> bool:
        """The hardware switch keeps the microphone off, whatever else is wanted."""
        return self._switch_off

    def mute(self, *, on: bool) -> None:
        """Close the microphone until it is allowed again, also over restarts."""
        if self._memory.remembered.muted != on:
            before = self.muted
            self._memory.remembered.muted = on
            self._memory.save()
            self._muted_changed(before)

    def switch(self, *, off: bool) -> None:
        """The hardware switch was turned; it wins over everything."""
        before = self.muted
        self._switch_off = off
        self._muted_changed(before)

    def _muted_changed(self, before: bool) -> None:
        if before == self.muted:
            return
        logger.info("microphone %s", "muted" if self.muted else "allowed again")
        if self.muted:
            self.talks.stop(EndReason.MUTED)
            self.talks.forget_answer()
        self._rest()
        self.notices.play("muted" if self.muted else "unmuted")

    # What happens

    def _conversation_begins(self) -> None:
        self._probe.stop()
        self._rehearsal.stop()
        self._failure = None  # what went wrong before is tried anew
        self.notices.hush()  # a notice of the time before must not talk into the greeting

    def _conversation_ends(self, failure: SpeakerError | None, somebody_waits: bool) -> None:
        self._failure = failure
        self._rest(over=True)
        if failure and failure.notice and somebody_waits:
            self.notices.say(failure.notice)
        if isinstance(failure, ServiceUnreachable):
            self._probe.begin(at_once=False)
        elif failure is None:
            self._rehearsal.begin()
            self._standby.conversation_ended()

    def _found(self, failure: SpeakerError | None) -> None:
        """What the probe learned; each thing is said once."""
        if failure and type(failure) is not type(self._failure):
            logger.warning("%s", failure)
        if failure is None and self._failure:
            logger.info("the service can be reached again")
        self._failure = failure
        self._rest()
        if failure is None:
            self._rehearsal.begin()
            self._standby.begin()

    def _speaker_event(self, event: on.SpeakerEvent) -> None:
        if isinstance(event, on.SpeakerFailed):
            self._speaker_failure = event.error
        elif isinstance(event, on.SpeakerRecovered):
            self._speaker_failure = None
            if isinstance(self._failure, DeviceUnknown):
                self._failure = None  # it ended the last conversation; a microphone on the same card is back, too
        self.talks.speaker_event(event)
        if isinstance(event, on.SpeakerFailed | on.SpeakerRecovered):
            self._rest()

    def _microphone_failed(self, error: SpeakerError) -> None:
        if self.talks.current:
            self.talks.microphone_failed(error)
        elif self._ear.open:
            self._failure = error
            self._rest()

    def _microphone_recovered(self) -> None:
        if isinstance(self._failure, DeviceUnknown):
            self._failure = None
            self._rest()

    def _said(self, role: str, text: str) -> None:
        if self._config.privacy.log_transcripts:
            logger.info("%s: %s", role, text)

    # States

    @property
    def failure(self) -> SpeakerError | None:
        """What is wrong now, as far as known."""
        return self._speaker_failure or self._failure or self._words_failure

    @property
    def resting(self) -> State:
        """What the device shows, or would show, while nobody talks to it."""
        return resting_state(muted=self.muted, failure=self.failure, words=self._ear.words is not None)

    @property
    def fit(self) -> State:
        """The same for those who want a conversation: a broken wake word engine is in nobody else's way."""
        return resting_state(muted=self.muted, failure=self._speaker_failure or self._failure)

    def _wants_ear(self, failure: SpeakerError | None) -> bool:
        """Whether the microphone is to be open at rest: for the wake words, unless the light cannot say so.

        One that failed is tried until it works: nothing else would ever bring it back.
        """
        if self._ear.words is None or self.muted or self._speaker_failure:
            return False
        return failure is None or isinstance(failure, DeviceUnknown)

    def _rest(self, *, over: bool = False) -> None:
        """Show the resting state, unless a conversation shows its own; the light says so before the microphone opens."""
        if self.talks.open and not over:
            return
        if not self._wants_ear(self._failure) and self._ear.open:
            self._await(self._ear.close())
            return
        self._set_state(self.resting)
        if self._wants_ear(self._failure):
            self._ear.listen()

    def _await(self, closing: Awaitable[None]) -> None:
        """Close the microphone before the light says that nobody listens."""

        async def close() -> None:
            await closing
            self._rest()

        task = self._loop.create_task(close(), name="microphone closes")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set_state(self, state: State) -> None:
        if state is self.state:
            return
        check_transition(self.state, state)
        told = fields(STATE_CHANGED, STATE=state, CONVERSATION=self.talks.number)
        logger.info("%s -> %s", self.state, state, extra=told)
        self.state = state
        self._show(state)

    # Status

    def status(self) -> dict[str, Any]:
        """Everything that is known, for machines."""
        microphone = self._ear.microphone
        return {
            "state": str(self.state),
            "failure": str(self.failure) if self.failure else None,
            "muted": self.muted,
            "volume": self.speaker.volume,
            "up_s": round(time.monotonic() - self._started_s, 1),
            "conversation": self.talks.status(),
            "last_conversation": self.talks.last,
            "microphone": _card(microphone),
            "speaker": _card(self.speaker),
            "levels_dbfs": {
                "microphone": round(microphone.level_dbfs(), 1),
                "speaker": round(self.speaker.level_dbfs(), 1),
            },
            "remembered_greetings": asdict(self._store.counters),
            "measures": self.talks.measures.as_dict(),
        }


def _card(card: Microphone | Speaker) -> dict[str, Any]:
    counters = card.counters
    return {name: getattr(counters, name) for name in counters.__struct_fields__} | {
        "negotiated": str(card.negotiated) if card.negotiated else None
    }
