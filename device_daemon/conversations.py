"""Holds one conversation at a time, with the microphone that belongs to it, and keeps account of them."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from device_daemon import events as on
from device_daemon import greeting as greetings
from device_daemon.audio.microphone import Microphone, Period
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config
from device_daemon.conversation import ClientPort, Conversation, Surroundings
from device_daemon.dialogue import Dialogue
from device_daemon.errors import SpeakerError
from device_daemon.greeting import Opening
from device_daemon.logs import CONVERSATION_OVER, fields
from device_daemon.measures import Measures
from device_daemon.memory import Memory
from device_daemon.rules import Reason, Rules
from device_daemon.state import State

logger = logging.getLogger(__name__)

DEAF_AFTER_S = 10.0
GOODBYES_DEADLINE_S = 4.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A conversation somebody asked for."""

    trigger: str
    greeting: str
    """Its name in the config, or "none"."""
    pressed_s: float
    announcement: str = ""


@dataclass(slots=True)
class Outlets:
    """Where conversations show and tell what happens."""

    own_sound: Callable[[str], tuple[bytes, float]]
    on_state: Callable[[State], None]
    on_said: Callable[[str, str], None]
    on_begin: Callable[[], None]
    on_end: Callable[[SpeakerError | None], None]
    """Called when a conversation is over, with what it failed from."""


class Conversations:
    """All methods are called from the event loop's thread."""

    def __init__(self, config: Config, client: ClientPort, speaker: Speaker, memory: Memory, outlets: Outlets) -> None:
        self.measures = Measures()
        self.last: dict[str, Any] | None = None
        """What there is to say of the last conversation, ready for JSON."""
        self._config = config
        self._client = client
        self._speaker = speaker
        self._memory = memory
        self._outlets = outlets
        self._loop = asyncio.get_running_loop()
        self.microphone = Microphone(
            config.audio.microphone,
            loop=self._loop,
            on_periods=self._microphone_periods,
            on_failure=self._microphone_failed,
            on_recovery=lambda: None,
        )
        self._heard_s: float | None = None
        """When the microphone last gave something; None while it is closed."""
        self._conversation: Conversation | None = None
        self._wish: Wish | None = None
        self._task: asyncio.Task[None] | None = None
        self._next: Wish | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> bool:
        """A conversation goes on, or is just being closed."""
        return self._task is not None

    @property
    def current(self) -> Conversation | None:
        """The conversation that a press would reach, if there is one."""
        return self._conversation if self._conversation and not self._conversation.over else None

    def begin(self, wish: Wish) -> None:
        """Open a conversation; if the one before is just being closed, when that is done (the newest wish wins)."""
        if self._task:
            self._next = wish
        else:
            self._task = self._loop.create_task(self._converse(wish), name="conversation")
            self._task.add_done_callback(self._done)

    def stop(self, reason: Reason) -> bool:
        """End the conversation there is; False if there was none."""
        self._next = None
        if self.current is None:
            return False
        self.current.stop(reason)
        return True

    async def finish(self, stopped: asyncio.Event) -> None:
        """Wait for the end of the conversation there is, or until `stopped`."""
        if self._task:
            stop = self._loop.create_task(stopped.wait())
            await asyncio.wait({self._task, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()

    async def close(self) -> None:
        """End what goes on, say goodbye to the service, close the microphone."""
        self.stop(Reason.STOPPED)
        if self._task:
            await asyncio.wait({self._task})
        if self._goodbyes:
            _, late = await asyncio.wait(self._goodbyes, timeout=GOODBYES_DEADLINE_S)
            for task in late:
                task.cancel()
        await self.microphone.close()

    def speaker_event(self, event: on.SpeakerEvent) -> None:
        """What the speaker's thread reports."""
        if self._conversation:
            self._conversation.speaker_event(event)

    def ailing(self) -> str:
        """What would make this device a deaf one: the microphone should be open, and nothing comes of it."""
        if self._heard_s is None or (silent_s := self._loop.time() - self._heard_s) < DEAF_AFTER_S:
            return ""
        return f"the microphone is open and gave nothing for {silent_s:.0f} s"

    def status(self) -> dict[str, Any] | None:
        """What there is to say of the conversation that goes on, ready for JSON."""
        if self._conversation is None or self._wish is None:
            return None
        return {
            "trigger": self._wish.trigger,
            "greeting": str(self._conversation.dialogue.ledger.step),
            "for_s": round(self._loop.time() - self._wish.pressed_s, 1),
        }

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            logger.error("a bug in this program; please report it", exc_info=error)
        if self._next:
            wish, self._next = self._next, None
            self.begin(wish)

    async def _converse(self, wish: Wish) -> None:
        self._outlets.on_begin()
        around = Surroundings(
            client=self._client,
            speaker=self._speaker,
            measures=self.measures,
            own_sound=self._outlets.own_sound,
            on_state=partial(self._enter, listens=not wish.announcement),
            on_said=self._outlets.on_said,
        )
        dialogue = Dialogue(self._opening(wish), self._rules())
        conversation = Conversation(dialogue, around, wish.pressed_s)
        self._conversation, self._wish = conversation, wish
        self.measures.conversations += 1
        end = await conversation.run()
        await self.microphone.close()  # before the light says that nobody listens
        self._heard_s = None
        self._conversation = self._wish = None
        goodbye = self._loop.create_task(conversation.close(), name="goodbye")
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)
        self._account(wish, conversation, end.reason, end.failure)
        self._outlets.on_end(end.failure)

    def _enter(self, state: State, *, listens: bool) -> None:
        self._outlets.on_state(state)
        if listens:
            if self._heard_s is None:
                self._heard_s = self._loop.time()
            self.microphone.open()  # after the light says so; it stays open until the conversation is over

    def _account(self, wish: Wish, conversation: Conversation, reason: Reason, failure: SpeakerError | None) -> None:
        duration_s = self._loop.time() - wish.pressed_s
        greeting_s = conversation.times.greeting_heard_s
        opening = conversation.dialogue.opening
        self.last = {
            "trigger": wish.trigger,
            "greeting": opening.name if opening else "none",
            "ended": str(reason),
            "failure": str(failure) if failure else None,
            "duration_s": round(duration_s, 1),
            "press_to_greeting_ms": round((greeting_s - wish.pressed_s) * 1000, 1) if greeting_s else None,
            "reconnects": conversation.dialogue.reconnects,
        }
        over = fields(
            CONVERSATION_OVER,
            CONVERSATION=self.measures.conversations,
            TRIGGER=wish.trigger,
            DURATION_S=round(duration_s, 1),
            REASON=reason,
            OVERRUNS=self.microphone.counters.overruns,
            UNDERRUNS=self._speaker.counters.underruns,
        )
        logger.info("conversation of %.1f s over: %s", duration_s, failure or reason, extra=over)
        self._memory.remembered.last_conversation_at = datetime.now().astimezone()
        self._memory.save()

    def _rules(self) -> Rules:
        config = self._config
        return Rules(
            idle_timeout_s=config.conversation.idle_timeout_s,
            max_duration_s=config.conversation.max_duration_s,
            interruptible=config.conversation.interruptible,
            half_duplex=config.audio.echo == "half-duplex",
            ready_sound=config.sounds.ready,
            error_sound=config.sounds.error,
        )

    def _opening(self, wish: Wish) -> Opening | None:
        if wish.announcement:
            return Opening("announcement", wish.announcement, interruptible=False, announcement=True)
        greeting = self._config.greetings.get(wish.greeting)
        if greeting is None:
            return None
        remembered = self._memory.remembered
        values = greetings.values(
            datetime.now().astimezone(), socket.gethostname(), remembered.last_conversation_at, self._config.names
        )
        last = remembered.last_templates.get(wish.greeting)
        opening, template = greetings.compose(wish.greeting, greeting, values, last, random.choice)
        if greeting.say_one_of is not None:
            remembered.last_templates[wish.greeting] = template
        return opening

    def _microphone_periods(self, periods: list[Period]) -> None:
        self._heard_s = self._loop.time()
        if self._conversation:
            self._conversation.microphone_periods(periods)

    def _microphone_failed(self, error: SpeakerError) -> None:
        if self._conversation:
            self._conversation.microphone_failed(error)
