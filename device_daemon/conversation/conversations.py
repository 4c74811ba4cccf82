"""The conversations of a device: one at a time, with the microphone that belongs to it; further requests wait in a queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime
from functools import partial
from typing import Any

from device_daemon.audio.echo.modes import EchoPort, FixedEchoMode
from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import End
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.past_conversations import PastConversations
from device_daemon.conversation.policy import EndReason, policy_for
from device_daemon.conversation.ports import ClientPort, DeviceCallbacks
from device_daemon.conversation.runner import ConversationRunner, RunnerContext
from device_daemon.conversation.waiting_requests import WaitingRequests
from device_daemon.errors import SpeakerError
from device_daemon.greetings.opening import Opening
from device_daemon.greetings.resolver import ConversationRequest, GreetingResolver
from device_daemon.system.logs import CONVERSATION_OVER, fields
from device_daemon.system.memory_trim import give_back
from device_daemon.system.saved_state import SavedState

logger = logging.getLogger(__name__)

CLOSE_DEADLINE_S = 4.0
"""How long the connections of ended conversations may take to close when the program ends."""


class Conversations:
    """All methods are called from the event loop's thread."""

    def __init__(
        self,
        config: Config,
        *,
        client: ClientPort,
        speaker: Speaker,
        microphone: MicrophoneRouter,
        saved_state: SavedState,
        greetings: GreetingResolver,
        callbacks: DeviceCallbacks,
        echo: EchoPort | None = None,
    ) -> None:
        self.number = 0
        """How many conversations were opened."""
        self.request: ConversationRequest | None = None
        """What the current conversation was opened for."""
        self.opened_s = 0.0
        """When the newest conversation was opened (time.monotonic)."""
        self._current_metrics = Metrics()
        self._config = config
        self._client = client
        self._speaker = speaker
        self._microphone = microphone
        self._saved_state = saved_state
        self._greetings = greetings
        self._callbacks = callbacks
        self._echo = echo or FixedEchoMode()
        self._loop = asyncio.get_running_loop()
        self._runner: ConversationRunner | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting = WaitingRequests()
        self._past = PastConversations(config.conversation.continue_for_s, self._loop.time)
        self._closing: set[asyncio.Future[None]] = set()

    @property
    def open(self) -> bool:
        """A conversation is open, or is just being closed, and shows its state; not any more when `on_end` is called."""
        return self.request is not None

    @property
    def current(self) -> ConversationRunner | None:
        """The conversation that a press would reach, if there is one."""
        return self._runner if self._runner and not self._runner.ended else None

    @property
    def metrics(self) -> Metrics:
        """The figures of all conversations, including the one that is open."""
        together = Metrics()
        together.join(self._past.metrics)
        together.join(self._current_metrics)
        return together

    @property
    def last(self) -> dict[str, Any] | None:
        """The last conversation that is over, for `status`; ready for JSON."""
        return self._past.last

    @property
    def ended_s(self) -> float | None:
        """When the last conversation ended (time.monotonic)."""
        return self._past.ended_s

    def begin(self, request: ConversationRequest) -> int:
        """Open a conversation now, or after the end of the one that is open.

        Returns:
            Its place in the queue: 0 if it was opened at once.

        Raises:
            OverflowError: `MAX_WAITING` requests wait already.
        """
        if self._task is None:
            self._start(request)
            return 0
        return self._waiting.add(request)

    def stop(self, reason: EndReason) -> bool:
        """End the conversation and drop what waits; return False if there was no conversation.

        An announcement needs no microphone: it is still made after a mute.
        """
        self._waiting.stop(reason)
        if self.current is None:
            return False
        self.current.stop(reason)
        return True

    def withdraw(self, request: ConversationRequest) -> bool:
        """Drop a request that waits; return False if it does not wait any more."""
        return self._waiting.withdraw(request)

    def talk_button_released(self) -> None:
        """Drop the requests of a push-to-talk button that is not held any more: nobody would speak."""
        self._waiting.talk_button_released()

    def last_answer(self) -> bytes:
        """Return the sound of the last answer, 24 kHz mono S16LE; empty if there is none or it is too long ago."""
        if self._runner and (pcm := self._runner.answer()):
            return pcm
        return self._past.answer()

    def forget(self) -> None:
        """Discard the last answer and what was said so far, so that nobody hears of it again."""
        self._past.forget()
        if self._runner:
            self._runner.forget()

    async def finish(self, stopped: asyncio.Event) -> None:
        """Wait for the end of the conversation and of those that wait for it, or until `stopped`."""
        stop = self._loop.create_task(stopped.wait())
        while self._task and not stop.done():
            await asyncio.wait({self._task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()

    async def close(self) -> None:
        """End the conversation and close its connection."""
        self.stop(EndReason.STOPPED)
        if self._task:
            await asyncio.wait({self._task})
        if self._closing:
            _, late = await asyncio.wait(self._closing, timeout=CLOSE_DEADLINE_S)
            for task in late:
                task.cancel()

    def speaker_event(self, event: on.SpeakerEvent) -> None:
        """Take in what the speaker's thread reports."""
        if self._runner:
            self._runner.speaker_event(event)

    def microphone_failed(self, error: SpeakerError) -> None:
        """Take in that the microphone failed."""
        if self._runner:
            self._runner.microphone_failed(error)

    def microphone_recovered(self) -> None:
        """Take in that the microphone works again."""
        if self._runner:
            self._runner.microphone_recovered()

    def status(self) -> dict[str, Any] | None:
        """Return what `status` shows of the conversation, ready for JSON; None if none is open."""
        if self._runner is None or self.request is None:
            return None
        return {
            "trigger": self.request.trigger,
            "assistant": self.request.assistant,
            "greeting": str(self._runner.dialogue.greeting.step),
            "for_s": round(self._loop.time() - self.request.pressed_s, 1),
            "waiting": len(self._waiting),
        }

    def _start(self, request: ConversationRequest) -> None:
        self.opened_s = self._loop.time()
        self.request = request
        self._task = self._loop.create_task(self._converse(request), name="conversation")
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            if self.request is not None:
                self.request.on_said(f"a bug in this program: {error!r}")
            self._runner = self.request = None
            logger.error("a bug in this program; please report it", exc_info=error)
        if self._task is None and (request := self._waiting.next(self._loop.time())):
            self._start(request)

    async def _converse(self, request: ConversationRequest) -> None:
        self.number += 1
        self._callbacks.on_begin(request.trigger)
        self._current_metrics = metrics = Metrics(conversations=1)
        recorded: list[tuple[Opening, bytes]] = []
        context = RunnerContext(
            client=self._client,
            speaker=self._speaker,
            metrics=metrics,
            own_sound=self._callbacks.own_sound,
            notice=self._callbacks.notice,
            on_state=self._callbacks.on_state,
            on_microphone=self._open_microphone,
            on_transcript=self._callbacks.on_transcript,
            call_tool=partial(self._callbacks.call_tool, request.assistant),
            on_greeting_heard=self._callbacks.on_greeting_heard,
            on_opening_over=lambda heard: request.on_said(None if heard else _why_not(runner)),
            on_greeting_recorded=lambda opening, pcm: recorded.append((opening, pcm)),
        )
        before = self._past.continued_by(request)
        opening = None if before else await self._greetings.opening(request)
        news = self._callbacks.news() if request.listens else ""
        policy = policy_for(
            self._config,
            self._echo.choice().mode,
            trigger=request.trigger,
            push_to_talk=request.held_from_s is not None,
        )
        dialogue = Dialogue(opening, policy, before=before, news=news)
        runner = ConversationRunner(dialogue, context, request.pressed_s, assistant=request.assistant)
        self._runner = runner
        self._microphone.conversation = runner.microphone_periods
        if request.heard_from_s is not None:
            runner.microphone_periods(self._microphone.since(request.heard_from_s))
        end = await runner.run(*self._first_events(request))
        request.on_said(None if end.reason is EndReason.SAID else str(end.failure or end.reason))
        self._microphone.conversation = None
        if not self._callbacks.keeps_microphone_open(end.failure):
            await self._microphone.close()  # before the light says that it is closed
        self._past.add(request, runner, end)
        self._past.metrics.join(metrics)
        self._runner = self.request = None
        if news and not dialogue.news:
            self._callbacks.on_news_told()
        self._report(request, end)
        self._current_metrics = Metrics()
        metrics.unreadable_messages = 0  # from here on it counts what arrives while the connection closes
        self._close_in_background(self._close_runner(runner, metrics, request.assistant, recorded))
        self._callbacks.on_end(end.failure, request.asked or runner.times.greeting_heard_s is not None)

    def _first_events(self, request: ConversationRequest) -> list[on.Event]:
        """What is so when a conversation begins, whenever it became so: no failure is missed in the moment before."""
        held = [] if request.held_from_s is None else [on.TalkBegan(request.held_from_s)]
        microphone, speaker = self._microphone.microphone.health.failure, self._speaker.health.failure
        return [
            *held,
            *([on.MicrophoneFailed(microphone)] if microphone else []),
            *([on.SpeakerFailed(speaker)] if speaker else []),
        ]

    def _open_microphone(self, wanted: bool) -> None:
        if wanted:
            self._microphone.listen()
        else:
            self._close_in_background(self._microphone.close())

    def _close_in_background(self, closing: Awaitable[None]) -> None:
        task = asyncio.ensure_future(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_runner(
        self, runner: ConversationRunner, metrics: Metrics, assistant: str, recorded: list[tuple[Opening, bytes]]
    ) -> None:
        await runner.close()
        self._past.metrics.unreadable_messages += metrics.unreadable_messages
        if runner.greets_itself:
            await asyncio.to_thread(self._greetings.clear_cache, assistant)
        for opening, pcm in recorded:
            await asyncio.to_thread(self._greetings.store, opening, pcm, assistant)
        give_back()

    def _report(self, request: ConversationRequest, end: End) -> None:
        duration_s = self._loop.time() - request.pressed_s
        journal = fields(
            CONVERSATION_OVER,
            CONVERSATION=self.number,
            TRIGGER=request.trigger,
            DURATION_S=round(duration_s, 1),
            REASON=end.reason,
            OVERRUNS=self._microphone.microphone.counters.overruns,
            UNDERRUNS=self._speaker.counters.underruns,
        )
        why = end.failure or end.reason
        figures = ", ".join([request.trigger, *self._current_metrics.in_short()])
        logger.info("conversation of %.1f s over: %s (%s)", duration_s, why, figures, extra=journal)
        self._saved_state.remembered.last_conversation_at = datetime.now().astimezone()
        self._saved_state.save()


def _why_not(runner: ConversationRunner) -> str:
    """Why the first words of a conversation that goes on were not heard."""
    return str(runner.dialogue.last_failure or "somebody spoke or pressed first")
