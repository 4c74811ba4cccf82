"""Runs one conversation: joins microphone, speaker and service. All awaits are here, all rules in `dialogue`.

The dialogue's commands are carried out on the event loop and in order, in the same call that brought the event: between
the service's speech_started and the flush of the speaker there is no queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct, field

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.audio.period import Period
from device_daemon.config.settings import SERVICE_ASSISTANT
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.policy import EndReason, MicrophoneGate
from device_daemon.conversation.ports import CLOSE_DEADLINE_S, ClientPort, SpeakerPort
from device_daemon.conversation.recorder import AnswerRecorder
from device_daemon.conversation.sessions import Sessions
from device_daemon.conversation.times import ConversationTimes
from device_daemon.conversation.uplink import LIMIT_MS, AudioMessage, Uplink
from device_daemon.errors import SpeakerError
from device_daemon.greetings.ledger import Step
from device_daemon.greetings.opening import Opening
from device_daemon.state import State
from device_daemon.system.foreign_text import ForeignLog, safe

logger = logging.getLogger(__name__)


async def no_tools(name: str, _arguments: str) -> str:
    """Answer the call of a tool where there are none."""
    return f"error: there is no tool {name}"


class RunnerContext(Struct):
    """What a conversation needs of the daemon."""

    client: ClientPort
    speaker: SpeakerPort
    metrics: Metrics
    own_sound: Callable[[str], tuple[bytes, float]]
    """Return an earcon by name: its sound, 24 kHz mono S16LE, and gain."""
    notice: Callable[[str], tuple[bytes, float]]
    """Return a spoken notice by name in the same way; it must not take time."""
    on_state: Callable[[State], None]
    on_microphone: Callable[[bool], None]
    """Open (True) or close the microphone; it is closed anyway when the conversation is over."""
    on_transcript: Callable[[str, str], None] = field(default=lambda _role, _text: None)
    on_greeting_heard: Callable[[float], None] = field(default=lambda _ms: None)
    """Called with the milliseconds from the press to the greeting's first sample."""
    on_opening_over: Callable[[bool], None] = field(default=lambda _heard: None)
    """Called once, if the conversation goes on after its first words: whether they were heard."""
    on_greeting_recorded: Callable[[Opening, bytes], None] = field(default=lambda _opening, _pcm: None)
    """The service spoke a greeting that is to be cached, to its end."""
    call_tool: Callable[[str, str], Awaitable[str]] = field(default=no_tools)
    """Carry out a call by name and arguments (JSON), within a deadline; it never raises."""
    uplink_limit_ms: int = LIMIT_MS
    """How much microphone audio may wait to be sent."""


def opening_over(dialogue: Dialogue) -> bool:
    """Whether the first words were heard, or will not be; True if there are none."""
    return dialogue.greeting.step in {Step.NONE, Step.DONE, Step.SKIPPED}


class ConversationRunner:
    """Run it once. All methods are called from the loop's thread; after the end they do nothing."""

    def __init__(
        self,
        dialogue: Dialogue,
        context: RunnerContext,
        pressed_s: float,
        *,
        assistant: str = SERVICE_ASSISTANT,
        close_deadline_s: float = CLOSE_DEADLINE_S,
    ) -> None:
        self.dialogue = dialogue
        self.times = ConversationTimes(pressed_s, context.metrics, context.on_greeting_heard)
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[do.End] = self._loop.create_future()
        self._uplink = Uplink(self._sent, context.uplink_limit_ms)
        self._recorder = AnswerRecorder()
        self.greets_itself = False
        """The service greets by itself."""
        self._opening_over = opening_over(dialogue)
        self._sessions = Sessions(
            context.client,
            assistant,
            uplink=self._uplink,
            speaker=context.speaker,
            metrics=context.metrics,
            receive=self._receive,
            close_deadline_s=close_deadline_s,
        )
        self._calls: set[asyncio.Task[None]] = set()
        """Of tools; they end by themselves, also after the conversation."""
        self._service_log = ForeignLog(logger)
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False

    async def run(self, *first: on.Event) -> do.End:
        """Hold the conversation and return how it ended. `close` must follow.

        Args:
            first: What is so at its very beginning: what a person does, and which device fails.
        """
        self._apply(lambda: self.dialogue.start(self._loop.time()))
        for event in first:
            self._receive(event)
        end = await self._ended
        metrics = self._context.metrics
        metrics.reconnects += self.dialogue.session.reconnects
        metrics.stale_deltas += self.dialogue.stale_deltas
        metrics.microphone_dropped_ms += self._uplink.dropped_ms
        return end

    @property
    def ended(self) -> bool:
        """It has ended."""
        return self._ended.done()

    async def close(self) -> None:
        """Close the connections, within a deadline."""
        if self._timer:
            self._timer.cancel()
        await self._sessions.close()

    # Inputs

    def person_event(self, event: on.PersonEvent) -> None:
        """Take in a press, a wake word, a push-to-talk button, or a request to repeat the last answer."""
        self._receive(event)

    def answer(self) -> bytes:
        """Return the sound of the last answer, 24 kHz mono S16LE; empty if there was none."""
        return self._recorder.answer(self.dialogue.responses.caller)

    def forget(self) -> None:
        """Discard the last answer and what was said so far, so that nobody hears of it again."""
        self._recorder = AnswerRecorder()
        self.dialogue.forget()

    def stop(self, reason: EndReason) -> None:
        """End it now."""
        self._receive(on.StopRequested(reason))

    def microphone_failed(self, error: SpeakerError) -> None:
        """Take in that the microphone failed; it is opened again and again."""
        self._receive(on.MicrophoneFailed(error))

    def microphone_recovered(self) -> None:
        """Take in that it gives sound again. Not every period says so: some of before the failure may still arrive."""
        self._receive(on.MicrophoneFlows())

    def speaker_event(self, event: on.SpeakerEvent) -> None:
        """Take in what the speaker's thread reports."""
        pending = self.dialogue.greeting.pending
        self._receive(event)
        match event:
            case on.Started():
                self.times.started(event, greets=pending and not self.dialogue.greeting.pending)
            case on.Flushed():
                self.times.flushed(event)

    def microphone_periods(self, periods: list[Period]) -> None:
        """Take in what the microphone captured, in order."""
        if self.dialogue.awaits_first_sound:
            self._receive(on.MicrophoneFlows())
        streamed: list[Period] = []
        for period in periods:
            # The time of capture decides, not the time of arrival: a busy loop gets sound late.
            match self.dialogue.microphone_gate(period.captured_at_s):
                case MicrophoneGate.HOLD:
                    self._uplink.hold_audio(period)
                case MicrophoneGate.STREAM:
                    streamed.append(period)
        if streamed:
            self._uplink.put_audio(streamed)

    def _sent(self, message: AudioMessage) -> None:
        metrics = self._context.metrics
        metrics.mouth_to_wire.add(self._loop.time() - message.begins_at_s)
        metrics.audio_sent_ms += len(message.pcm) // BYTES_PER_MS

    # From events to commands

    def _receive(self, event: on.Event) -> None:
        if self._ended.done():
            return
        now = self._loop.time()
        match event:
            case on.SpeechStopped():
                self.times.speech_stopped(now)
            case on.AudioDelta(pcm=pcm):
                self._context.metrics.audio_received_ms += len(pcm) // BYTES_PER_MS
            case on.Transcript(role, text):
                self._context.on_transcript(role, text)
            case on.ServiceError(code, message) | on.ServiceWarning(message, code):
                self._service_log.warning("the service says: %s (%s)", message, code)
            case on.ResponseDone(response_id, "completed") if response_id == self.dialogue.responses.accepted:
                self._record_greeting(response_id)  # it was not interrupted until now: nothing of it is missing
        self._apply(lambda: self.dialogue.receive(event, now))
        match event:
            case on.SpeechStarted():
                self.times.speech_started(now, interrupts=self._flushing)
            case on.AudioDelta(response_id) if self.dialogue.may_be_heard(response_id):
                self._recorder.add(event, self.dialogue.greeting.response_id)
            case on.SessionUpdated(greets_itself=True):
                self.greets_itself = True

    def _record_greeting(self, response_id: str) -> None:
        opening = self.dialogue.opening
        if opening and opening.cacheable and (pcm := self._recorder.greeting(response_id)):
            self._context.on_greeting_recorded(opening, pcm)

    def _apply(self, decide: Callable[[], list[do.Command]]) -> None:
        """Carry out what the dialogue decides. A bug in it ends this conversation and nothing else."""
        self._flushing = False
        try:
            before = self.dialogue.last_failure
            commands = decide()
            if self.dialogue.last_failure is not before:
                logger.warning("%s", self.dialogue.last_failure)
            self._carry_out(commands)
            if not self._opening_over and opening_over(self.dialogue) and self.dialogue.ended is None:
                self._opening_over = True
                self._context.on_opening_over(self.dialogue.greeting.heard)
        except Exception as error:
            logger.exception("a bug in this program; please report it")
            if not self._ended.done():
                self._ended.set_result(do.End(EndReason.FAILED, SpeakerError(f"a bug in this program: {error!r}")))

    def _tick(self) -> None:
        self._timer = None
        if self._ended.done():
            return
        resumed_before = self.dialogue.resumed_answers
        self._apply(lambda: self.dialogue.tick(self._loop.time()))
        if self.dialogue.resumed_answers != resumed_before:
            self.times.answer_resumed()
            logger.info("nobody said anything: the answer goes on where it was interrupted")

    def _carry_out(self, commands: list[do.Command]) -> None:  # noqa: C901, PLR0912 - one table of commands
        for command in commands:
            match command:
                case do.Play(item_id, pcm, ticket):
                    self._context.speaker.play(item_id, pcm, ticket)
                case do.Flush(ticket):
                    self._flushing = True
                    self._context.speaker.flush(ticket)
                case do.Send(message):
                    if isinstance(message, do.CommitAudio):
                        self._uplink.release()
                    self._uplink.put(message)
                case do.OpenMicrophone() | do.CloseMicrophone():
                    self._context.on_microphone(isinstance(command, do.OpenMicrophone))
                case do.DropAudio():
                    self._uplink.discard_held()
                case do.Enter(state):
                    self._context.on_state(state)
                case do.Sound(name, ticket):
                    pcm, gain = self._context.own_sound(name)
                    self._context.speaker.play(f"sound:{name}", pcm, ticket, gain=gain)
                case do.Notice(name, ticket):
                    pcm, gain = self._context.notice(name)
                    self._context.speaker.play(f"notice:{name}", pcm, ticket, gain=gain)
                case do.ReplayAudio(since_s):
                    replayed_ms = self._uplink.replay(since_s)
                    logger.debug("%d ms of microphone sound are sent again", replayed_ms)
                case do.CallTool(key, name, arguments):
                    task = self._loop.create_task(self._call_tool(key, name, arguments), name=f"tool {key}")
                    self._calls.add(task)
                    task.add_done_callback(self._calls.discard)
                case do.Connect(delay_s):
                    self._sessions.connect(delay_s)
                case do.End():
                    self._ended.set_result(command)
        self._set_timer()

    async def _call_tool(self, key: int, name: str, arguments: str) -> None:
        began_s = self._loop.time()
        output = await self._context.call_tool(name, arguments)
        logger.info("tool %s answered in %.0f ms", safe(name), (self._loop.time() - began_s) * 1000)
        self._receive(on.ToolResult(key, output))

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._ended.done():
            self._timer = self._loop.call_at(self.dialogue.deadline_s, self._tick)
