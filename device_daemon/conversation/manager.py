"""Holds one conversation at a time, with the microphone that belongs to it, and keeps account of them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from msgspec import Struct

from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import End
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.policy import ConversationPolicy, EndReason
from device_daemon.conversation.ports import ClientPort
from device_daemon.conversation.runner import ConversationRunner, RunnerContext
from device_daemon.errors import SpeakerError
from device_daemon.greetings.opening import Opening
from device_daemon.greetings.resolver import ConversationRequest, GreetingResolver
from device_daemon.state import State
from device_daemon.system.logs import CONVERSATION_OVER, fields
from device_daemon.system.memory_trim import give_back
from device_daemon.system.saved_state import SavedState

logger = logging.getLogger(__name__)

GOODBYES_DEADLINE_S = 4.0
MOST_WAITING = 8
"""Requests of other programs that may wait for the end of a conversation."""
ANSWER_KEPT_S = 300.0
"""How long the last answer can be said again after its conversation; the next person should not hear it."""


class ManagerCallbacks(Struct):
    """Where conversations show and tell what happens."""

    own_sound: Callable[[str], tuple[bytes, float]]
    on_state: Callable[[State], None]
    on_said: Callable[[str, str], None]
    on_begin: Callable[[], None]
    on_end: Callable[[SpeakerError | None, bool], None]
    """Called when a conversation is over, with what it failed from, and whether there is somebody to be told."""
    stays_open: Callable[[SpeakerError | None], bool]
    """Whether the microphone is wanted after a conversation that ended so: for the wake words."""


class ConversationManager:
    """All methods are called from the event loop's thread."""

    def __init__(
        self,
        config: Config,
        *,
        client: ClientPort,
        speaker: Speaker,
        ear: MicrophoneRouter,
        memory: SavedState,
        openings: GreetingResolver,
        outlets: ManagerCallbacks,
    ) -> None:
        self.number = 0
        """How many conversations were opened."""
        self._measures = Metrics()  # of all that are over
        self._current = Metrics()
        self.last: dict[str, Any] | None = None
        """What there is to say of the last conversation, ready for JSON."""
        self.over_s: float | None = None
        """When the last conversation was over (time.monotonic)."""
        self.dropped_wishes = 0
        """Requests that came while too many waited, or that waited for too long."""
        self._config = config
        self._client = client
        self._speaker = speaker
        self._ear = ear
        self._memory = memory
        self._openings = openings
        self._outlets = outlets
        self._loop = asyncio.get_running_loop()
        self._conversation: ConversationRunner | None = None
        self._wish: ConversationRequest | None = None
        self._opened_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._waiting: deque[ConversationRequest] = deque()
        self._answer: tuple[bytes, float] = b"", 0.0
        self._goodbyes: set[asyncio.Future[None]] = set()

    @property
    def open(self) -> bool:
        """A conversation goes on, or is just being closed."""
        return self._task is not None

    @property
    def current(self) -> ConversationRunner | None:
        """The conversation that a press would reach, if there is one."""
        return self._conversation if self._conversation and not self._conversation.over else None

    @property
    def measures(self) -> Metrics:
        """Of all conversations, the one that goes on included."""
        together = Metrics()
        together.join(self._measures)
        together.join(self._current)
        return together

    @property
    def wish(self) -> ConversationRequest | None:
        """What the current conversation was opened for."""
        return self._wish

    @property
    def opened_s(self) -> float:
        """When the newest conversation was opened (time.monotonic)."""
        return self._opened_s

    def begin(self, wish: ConversationRequest) -> int:
        """Open a conversation, or have it wait for the end of the one there is; return how many wait before it.

        Raises OverflowError if too many wait.
        """
        if self._task is None:
            self._start(wish)
            return 0
        if len(self._waiting) >= MOST_WAITING:
            self.dropped_wishes += 1
            raise OverflowError
        self._waiting.append(wish)
        return len(self._waiting)

    def stop(self, reason: EndReason) -> bool:
        """End the conversation there is, and forget what waits; False if there was none."""
        self._waiting.clear()
        if self.current is None:
            return False
        self.current.stop(reason)
        return True

    def let_go(self) -> None:
        """A push-to-talk button was let go: what still waits for it must not open the microphone for nobody."""
        self._waiting = deque(wish for wish in self._waiting if wish.held_from_s is None)

    def last_answer(self) -> bytes:
        """The sound of the last answer, 24 kHz mono S16LE; empty if there is none, or it is too long ago."""
        if self._conversation and (pcm := self._conversation.answer()):
            return pcm
        pcm, until_s = self._answer
        return pcm if self._loop.time() < until_s else b""

    def forget_answer(self) -> None:
        """Nobody is to hear the last answer again."""
        self._answer = b"", 0.0
        if self._conversation:
            self._conversation.forget_answer()

    async def finish(self, stopped: asyncio.Event) -> None:
        """Wait for the end of the conversation there is, or until `stopped`."""
        if self._task:
            stop = self._loop.create_task(stopped.wait())
            await asyncio.wait({self._task, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()

    async def close(self) -> None:
        """End what goes on, and say goodbye to the service."""
        self.stop(EndReason.STOPPED)
        if self._task:
            await asyncio.wait({self._task})
        if self._goodbyes:
            _, late = await asyncio.wait(self._goodbyes, timeout=GOODBYES_DEADLINE_S)
            for task in late:
                task.cancel()

    def speaker_event(self, event: on.SpeakerEvent) -> None:
        """What the speaker's thread reports."""
        if self._conversation:
            self._conversation.speaker_event(event)

    def microphone_failed(self, error: SpeakerError) -> None:
        """What the microphone's thread reports."""
        if self._conversation:
            self._conversation.microphone_failed(error)

    def status(self) -> dict[str, Any] | None:
        """What there is to say of the conversation that goes on, ready for JSON."""
        if self._conversation is None or self._wish is None:
            return None
        return {
            "trigger": self._wish.trigger,
            "greeting": str(self._conversation.dialogue.ledger.step),
            "for_s": round(self._loop.time() - self._wish.pressed_s, 1),
            "waiting": len(self._waiting),
        }

    def _start(self, wish: ConversationRequest) -> None:
        self._opened_s = self._loop.time()
        self._wish = wish
        self._task = self._loop.create_task(self._converse(wish), name="conversation")
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            logger.error("a bug in this program; please report it", exc_info=error)
        while self._waiting and self._task is None:
            wish = self._waiting.popleft()
            if wish.expires_s is not None and self._loop.time() > wish.expires_s:
                self.dropped_wishes += 1
                logger.info("%s: too late now, its conversation is not opened", wish.trigger)
            else:
                self._start(wish)

    async def _converse(self, wish: ConversationRequest) -> None:
        self._outlets.on_begin()
        self.number += 1
        self._current = measures = Metrics(conversations=1)
        spoken: list[tuple[Opening, bytes]] = []
        around = RunnerContext(
            client=self._client,
            speaker=self._speaker,
            measures=measures,
            own_sound=self._outlets.own_sound,
            on_state=self._outlets.on_state,
            on_microphone=self._microphone,
            on_said=self._outlets.on_said,
            on_greeting_spoken=lambda opening, pcm: spoken.append((opening, pcm)),
        )
        dialogue = Dialogue(self._openings.opening(wish), self._rules(wish))
        conversation = ConversationRunner(dialogue, around, wish.pressed_s)
        self._conversation = conversation
        self._ear.conversation = conversation.microphone_periods
        if wish.heard_from_s is not None:
            conversation.microphone_periods(self._ear.since(wish.heard_from_s))
        held = [] if wish.held_from_s is None else [on.TalkBegan(wish.held_from_s)]
        end = await conversation.run(*held)
        self._ear.conversation = None
        if not self._outlets.stays_open(end.failure):
            await self._ear.close()  # before the light says that nobody listens
        if answer := conversation.answer():
            self._answer = answer, self._loop.time() + ANSWER_KEPT_S
        self._conversation = self._wish = None
        self.over_s = self._loop.time()
        self._account(wish, conversation, end)
        self._measures.join(measures)
        self._current = Metrics()
        measures.unreadable_messages = 0  # from here on: what the goodbye brings
        self._say_goodbye(self._leave(conversation, measures, spoken))
        self._outlets.on_end(end.failure, wish.asked or conversation.times.greeting_heard_s is not None)

    def _microphone(self, wanted: bool) -> None:
        if wanted:
            self._ear.listen()
        else:
            self._say_goodbye(self._ear.close())

    def _say_goodbye(self, leaving: Awaitable[None]) -> None:
        goodbye = asyncio.ensure_future(leaving)
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)

    async def _leave(
        self, conversation: ConversationRunner, measures: Metrics, spoken: list[tuple[Opening, bytes]]
    ) -> None:
        await conversation.close()
        self._measures.unreadable_messages += measures.unreadable_messages
        if conversation.greets_itself:
            await asyncio.to_thread(self._openings.forget)
        for opening, pcm in spoken:
            await asyncio.to_thread(self._openings.spoken, opening, pcm)  # a memory card takes its time
        give_back()

    def _account(self, wish: ConversationRequest, conversation: ConversationRunner, end: End) -> None:
        duration_s = self._loop.time() - wish.pressed_s
        greeting_s = conversation.times.greeting_heard_s
        opening = conversation.dialogue.opening
        self.last = {
            "trigger": wish.trigger,
            "greeting": opening.name if opening else "none",
            "remembered": conversation.dialogue.ledger.remembered,
            "ended": str(end.reason),
            "failure": str(end.failure) if end.failure else None,
            "duration_s": round(duration_s, 1),
            "press_to_greeting_ms": round((greeting_s - wish.pressed_s) * 1000, 1) if greeting_s else None,
            "reconnects": conversation.dialogue.reconnects,
        }
        over = fields(
            CONVERSATION_OVER,
            CONVERSATION=self.number,
            TRIGGER=wish.trigger,
            DURATION_S=round(duration_s, 1),
            REASON=end.reason,
            OVERRUNS=self._ear.microphone.counters.overruns,
            UNDERRUNS=self._speaker.counters.underruns,
        )
        why = end.failure or end.reason
        told = ", ".join([wish.trigger, *self._current.in_short()])
        logger.info("conversation of %.1f s over: %s (%s)", duration_s, why, told, extra=over)
        self._memory.remembered.last_conversation_at = datetime.now().astimezone()
        self._memory.save()

    def _rules(self, wish: ConversationRequest) -> ConversationPolicy:
        config = self._config
        return ConversationPolicy(
            idle_timeout_s=config.conversation.idle_timeout_s,
            max_duration_s=config.conversation.max_duration_s,
            interruptible=config.conversation.interruptible,
            half_duplex=config.audio.echo == "half-duplex",
            echo_by_service=config.audio.echo == "service",
            push_to_talk=wish.held_from_s is not None,
            ready_sound=config.sounds.ready,
            error_sound=config.sounds.error,
        )
