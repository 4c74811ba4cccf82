"""Runs one conversation at a time with the microphone that belongs to it, queues requests, and keeps the figures."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import Struct, field

from device_daemon.audio.echo.modes import EchoMode, EchoPort, FixedEchoMode
from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import End
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.policy import ConversationPolicy, EndReason, turn_pause_s
from device_daemon.conversation.ports import ClientPort
from device_daemon.conversation.runner import ConversationRunner, RunnerContext
from device_daemon.conversation.transcript import ConversationTranscript
from device_daemon.errors import SpeakerError
from device_daemon.greetings.opening import Opening
from device_daemon.greetings.resolver import ConversationRequest, GreetingResolver
from device_daemon.state import State
from device_daemon.system.logs import CONVERSATION_OVER, fields
from device_daemon.system.memory_trim import give_back
from device_daemon.system.saved_state import SavedState

logger = logging.getLogger(__name__)

CLOSE_DEADLINE_S = 4.0
"""How long the connections of ended conversations may take to close when the program ends."""
MAX_WAITING = 8
"""Requests that may wait for the end of a conversation."""
ANSWER_KEPT_S = 300.0
"""How long the last answer can be repeated after its conversation; later it could be another person who hears it."""


class PastConversation(Struct, frozen=True):
    """What the next conversation may go on with."""

    transcript: ConversationTranscript
    assistant: str
    until_s: float
    """On time.monotonic."""


class ManagerCallbacks(Struct):
    """What a conversation asks of the device and reports to it."""

    own_sound: Callable[[str], tuple[bytes, float]]
    notice: Callable[[str], tuple[bytes, float]]
    on_state: Callable[[State], None]
    on_transcript: Callable[[str, str], None]
    call_tool: Callable[[str, str, str], Awaitable[str]]
    """Carry out the call of an assistant's tool, by the assistant's name, the tool's name and arguments (JSON), within a deadline; it never raises."""
    on_begin: Callable[[str], None]
    """Called with the trigger of a conversation that begins."""
    on_end: Callable[[SpeakerError | None, bool], None]
    """Called with the failure that ended a conversation, if one did, and whether a person is there to hear of it."""
    on_greeting_heard: Callable[[float], None]
    """Called with the milliseconds from the press to the greeting's first sample."""
    keeps_microphone_open: Callable[[SpeakerError | None], bool]
    """Return whether the microphone stays open, for the wake words, after a conversation that ended with this failure."""
    news: Callable[[], str] = field(default=str)
    """Return what the model is to mention in a conversation that begins; empty for nothing."""
    on_news_told: Callable[[], None] = field(default=lambda: None)
    """Called when the model was told."""


class ConversationManager:
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
        callbacks: ManagerCallbacks,
        echo: EchoPort | None = None,
    ) -> None:
        self.number = 0
        """How many conversations were opened."""
        self._past_metrics = Metrics()
        """Of all conversations that are over."""
        self._current_metrics = Metrics()
        self.last: dict[str, Any] | None = None
        """The last conversation, for `status`; ready for JSON."""
        self.ended_s: float | None = None
        """When the last conversation ended (time.monotonic)."""
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
        self._request: ConversationRequest | None = None
        self._opened_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._waiting: deque[ConversationRequest] = deque()
        self._answer: tuple[bytes, float] = b"", 0.0
        self._past: PastConversation | None = None
        self._closing: set[asyncio.Future[None]] = set()

    @property
    def open(self) -> bool:
        """A conversation is open, or is just being closed, and shows its state; not any more when `on_end` is called."""
        return self._request is not None

    @property
    def current(self) -> ConversationRunner | None:
        """The conversation that a press would reach, if there is one."""
        return self._runner if self._runner and not self._runner.ended else None

    @property
    def metrics(self) -> Metrics:
        """The figures of all conversations, including the one that is open."""
        together = Metrics()
        together.join(self._past_metrics)
        together.join(self._current_metrics)
        return together

    @property
    def request(self) -> ConversationRequest | None:
        """What the current conversation was opened for."""
        return self._request

    @property
    def opened_s(self) -> float:
        """When the newest conversation was opened (time.monotonic)."""
        return self._opened_s

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
        if len(self._waiting) >= MAX_WAITING:
            raise OverflowError
        self._waiting.append(request)
        return len(self._waiting)

    def stop(self, reason: EndReason) -> bool:
        """End the conversation and drop what waits; return False if there was no conversation.

        An announcement needs no microphone: it is still made after a mute.
        """
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            if reason is EndReason.MUTED and not request.listens:
                self._waiting.append(request)
            else:
                logger.info("%s: its request is dropped: %s", request.trigger, reason)
                request.on_said(str(reason))
        if self.current is None:
            return False
        self.current.stop(reason)
        return True

    def withdraw(self, request: ConversationRequest) -> bool:
        """Drop a request that waits; return False if it does not wait any more."""
        waits = [each for each in self._waiting if each is not request]
        withdrawn = len(waits) < len(self._waiting)
        self._waiting = deque(waits)
        return withdrawn

    def talk_button_released(self) -> None:
        """Drop the requests of a push-to-talk button that is not held any more: nobody would speak."""
        self._waiting = deque(request for request in self._waiting if request.held_from_s is None)

    def last_answer(self) -> bytes:
        """Return the sound of the last answer, 24 kHz mono S16LE; empty if there is none or it is too long ago."""
        if self._runner and (pcm := self._runner.answer()):
            return pcm
        pcm, until_s = self._answer
        return pcm if self._loop.time() < until_s else b""

    def forget(self) -> None:
        """Discard the last answer and what was said so far, so that nobody hears of it again."""
        self._answer, self._past = (b"", 0.0), None
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
        if self._runner is None or self._request is None:
            return None
        return {
            "trigger": self._request.trigger,
            "assistant": self._request.assistant,
            "greeting": str(self._runner.dialogue.greeting.step),
            "for_s": round(self._loop.time() - self._request.pressed_s, 1),
            "waiting": len(self._waiting),
        }

    def _start(self, request: ConversationRequest) -> None:
        self._opened_s = self._loop.time()
        self._request = request
        self._task = self._loop.create_task(self._converse(request), name="conversation")
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            if self._request is not None:
                self._request.on_said(f"a bug in this program: {error!r}")
            self._runner = self._request = None
            logger.error("a bug in this program; please report it", exc_info=error)
        while self._waiting and self._task is None:
            request = self._waiting.popleft()
            if request.expires_s is not None and self._loop.time() > request.expires_s:
                logger.info("%s: no conversation is opened, its time is over", request.trigger)
                request.on_said("its time is over")
            else:
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
        before = self._continued(request)
        opening = None if before else await self._greetings.opening(request)
        news = self._callbacks.news() if request.listens else ""
        dialogue = Dialogue(opening, self._policy(request), before=before, news=news)
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
        if answer := runner.answer():
            self._answer = answer, self._loop.time() + ANSWER_KEPT_S
        self._runner = self._request = None
        self.ended_s = self._loop.time()
        if request.listens and (kept_s := self._config.conversation.continue_for_s):
            transcript = dialogue.heard_until(self.ended_s)
            self._past = PastConversation(transcript, request.assistant, self.ended_s + kept_s)
        if news and not dialogue.news:
            self._callbacks.on_news_told()
        self._record(request, runner, end)
        self._past_metrics.join(metrics)
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

    def _continued(self, request: ConversationRequest) -> ConversationTranscript | None:
        """Return what was said in the conversation that this request goes on with; None if it begins anew."""
        past = self._past
        if past is None or not request.continues or past.assistant != request.assistant:
            return None
        return past.transcript if request.pressed_s < past.until_s and past.transcript.summary() else None

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
        self._past_metrics.unreadable_messages += metrics.unreadable_messages
        if runner.greets_itself:
            await asyncio.to_thread(self._greetings.clear_cache, assistant)
        for opening, pcm in recorded:
            await asyncio.to_thread(self._greetings.store, opening, pcm, assistant)
        give_back()

    def _record(self, request: ConversationRequest, runner: ConversationRunner, end: End) -> None:
        duration_s = self._loop.time() - request.pressed_s
        greeting_s = runner.times.greeting_heard_s
        opening = runner.dialogue.opening
        self.last = {
            "trigger": request.trigger,
            "assistant": request.assistant,
            "greeting": opening.name if opening else "none",
            "cached": runner.dialogue.greeting.from_cache,
            "ended": str(end.reason),
            "failure": str(end.failure) if end.failure else None,
            "duration_s": round(duration_s, 1),
            "press_to_greeting_ms": round((greeting_s - request.pressed_s) * 1000, 1) if greeting_s else None,
            "reconnects": runner.dialogue.session.reconnects,
        }
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

    def _policy(self, request: ConversationRequest) -> ConversationPolicy:
        config = self._config
        echo = self._echo.choice().mode
        return ConversationPolicy(
            idle_timeout_s=config.conversation.idle_timeout_s,
            max_duration_s=config.conversation.max_duration_s,
            interruptible=config.conversation.interruptible,
            resume=config.conversation.resume_after_false_interruption,
            pause_s=turn_pause_s(config.turn_detection),
            half_duplex=echo is EchoMode.HALF_DUPLEX,
            echo_by_service=echo is EchoMode.SERVICE,
            push_to_talk=request.held_from_s is not None,
            trigger=request.trigger,
            ready_sound=config.sounds.ready,
            error_sound=config.sounds.error,
            notices=config.sounds.notices,
        )


def _why_not(runner: ConversationRunner) -> str:
    """Why the first words of a conversation that goes on were not heard."""
    return str(runner.dialogue.last_failure or "somebody spoke or pressed first")
