"""One conversation, from the trigger to the goodbye: joins microphone, speaker and service. All the awaits are here.

The rules are `dialogue`'s. Here its commands are carried out, on the event loop and in order, in the same call that
brought the event: between the service's speech_started and the order to the sound card there is no queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from msgspec import Struct, field

from device_daemon.audio.microphone import Period
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.policy import EndReason, MicrophoneGate
from device_daemon.conversation.ports import GOODBYE_DEADLINE_S, ClientPort, ConnectionPort, SpeakerPort
from device_daemon.conversation.recorder import AnswerRecorder
from device_daemon.conversation.uplink import LIMIT_MS, Uplink
from device_daemon.errors import ConnectionLost, SpeakerError
from device_daemon.greetings.opening import Opening
from device_daemon.state import State
from device_daemon.system.foreign_text import ForeignLog
from device_daemon.system.logs import GREETING_HEARD, fields

logger = logging.getLogger(__name__)


class Times(Struct):
    """When things happened in this conversation (time.monotonic), None until they do."""

    pressed_s: float
    greeting_heard_s: float | None = None
    speech_started_s: float | None = None
    speech_stopped_s: float | None = None


class RunnerContext(Struct):
    """What a conversation is given by the daemon."""

    client: ClientPort
    speaker: SpeakerPort
    measures: Metrics
    own_sound: Callable[[str], tuple[bytes, float]]
    """A short sound by name: its pcm and gain."""
    on_state: Callable[[State], None]
    on_microphone: Callable[[bool], None]
    """The microphone is to be open, or closed; it is closed anyway when the conversation is over."""
    on_said: Callable[[str, str], None] = field(default=lambda _role, _text: None)
    on_greeting_spoken: Callable[[Opening, bytes], None] = field(default=lambda _opening, _pcm: None)
    """The service spoke an opening that is to be remembered, to its end."""
    uplink_limit_ms: int = LIMIT_MS
    """How much microphone audio may wait to be sent."""


class ConversationRunner:
    """Run it once. Inputs may come at any time from the loop's thread; after the end they do nothing."""

    def __init__(self, dialogue: Dialogue, around: RunnerContext, pressed_s: float) -> None:
        self.dialogue = dialogue
        self.times = Times(pressed_s)
        self._around = around
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[do.End] = self._loop.create_future()
        self._uplink = Uplink(self._sent, around.uplink_limit_ms)
        self._soundtrack = AnswerRecorder()
        self.greets_itself = False
        """The service has a greeting of its own."""
        self._session: asyncio.Task[None] | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._generation = 0
        self._service_log = ForeignLog(logger)
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False

    async def run(self, *at_once: on.PersonEvent) -> do.End:
        """Hold the conversation, which begins with what a person does `at_once`; returns how it ended.

        `close` must follow.
        """
        self._obey(lambda: self.dialogue.start(self._loop.time()))
        for event in at_once:
            self._feed(event)
        end = await self._over
        measures = self._around.measures
        measures.reconnects += self.dialogue.reconnects
        measures.stale_deltas += self.dialogue.stale_deltas
        measures.microphone_dropped_ms += self._uplink.dropped_ms
        return end

    @property
    def over(self) -> bool:
        """It has ended; inputs do nothing any more."""
        return self._over.done()

    async def close(self) -> None:
        """Say goodbye to the service, within a deadline."""
        self._generation += 1
        if self._timer:
            self._timer.cancel()
        for task in self._sessions:
            task.cancel()
        if self._sessions:
            _, stuck = await asyncio.wait(self._sessions, timeout=GOODBYE_DEADLINE_S)
            if stuck:
                logger.warning("%d connections did not close in time; they are left behind", len(stuck))

    # Inputs

    def person(self, event: on.PersonEvent) -> None:
        """A press, a wake word, a push-to-talk button, or a wish to hear the last answer again."""
        self._feed(event)

    def answer(self) -> bytes:
        """The sound of the last answer, 24 kHz mono S16LE; empty if there was none."""
        return self._soundtrack.answer()

    def forget_answer(self) -> None:
        """Nobody is to hear the last answer again."""
        self._soundtrack = AnswerRecorder()

    def stop(self, reason: EndReason) -> None:
        """End it now."""
        self._feed(on.StopRequested(reason))

    def microphone_failed(self, error: SpeakerError) -> None:
        """Nobody can be heard any more."""
        self._feed(on.MicrophoneFailed(error))

    def speaker_event(self, event: on.SpeakerEvent) -> None:
        """What the speaker's thread reports."""
        times, measures = self.times, self._around.measures
        pending = self.dialogue.ledger.pending
        self._feed(event)
        match event:
            case on.Started(_, at_s) if pending and not self.dialogue.ledger.pending:
                times.greeting_heard_s = at_s
                measures.greetings_heard += 1
                ms = measures.press_to_greeting.add(at_s - times.pressed_s)
                told = fields(GREETING_HEARD, LATENCY_MS=round(ms))
                logger.info("greeting heard %.0f ms after the press", ms, extra=told)
            case on.Started(source, at_s) if times.speech_stopped_s is not None and not source.startswith("sound:"):
                measures.turn_to_answer.add(at_s - times.speech_stopped_s)
                times.speech_stopped_s = None
            case on.Flushed(_, source, heard_ms, at_s) if times.speech_started_s is not None:
                measures.interruptions += 1
                ms = measures.speech_to_silence.add(at_s - times.speech_started_s)
                logger.info("interrupted %.1f ms after speech began; %d ms of %s were heard", ms, heard_ms, source)
                times.speech_started_s = None

    def microphone_periods(self, periods: list[Period]) -> None:
        """What the microphone's thread captured, in order."""
        streamed: list[Period] = []
        for period in periods:
            # By when it was captured: what a busy loop gets late is still from the time when nobody was listened to.
            match self.dialogue.hearing(period.captured_at_s):
                case MicrophoneGate.HOLD:
                    self._uplink.hold_audio(period)
                case MicrophoneGate.STREAM:
                    streamed.append(period)
        if streamed:
            self._uplink.put_audio(streamed)

    def _sent(self, begins_at_s: float) -> None:
        self._around.measures.mouth_to_wire.add(self._loop.time() - begins_at_s)

    # From events to commands

    def _feed(self, event: on.Event) -> None:
        if self._over.done():
            return
        now = self._loop.time()
        match event:
            case on.SpeechStopped():
                self.times.speech_stopped_s = now
            case on.Transcript(role, text):
                self._around.on_said(role, text)
            case on.ServiceError(code, message) | on.ServiceWarning(message, code):
                self._service_log.warning("the service says: %s (%s)", message, code)
            case on.ResponseDone(_, "failed", detail):
                logger.warning("the service could not answer: %s", detail or "it gave no reason")
            case on.ResponseDone(response_id, "completed") if response_id == self.dialogue.accepted:
                self._remember(response_id)  # nothing of it was interrupted until now, so all of it is there
        self._obey(lambda: self.dialogue.receive(event, now))
        match event:
            case on.SpeechStarted():
                self.times.speech_started_s = now if self._flushing else None
            case on.AudioDelta(response_id) if response_id == self.dialogue.accepted:
                self._soundtrack.add(event, self.dialogue.ledger.response_id)
            case on.SessionUpdated(greets_itself=True):
                self.greets_itself = True

    def _remember(self, response_id: str) -> None:
        opening = self.dialogue.opening
        if opening and opening.remember and (pcm := self._soundtrack.greeting(response_id)):
            self._around.on_greeting_spoken(opening, pcm)

    def _obey(self, decide: Callable[[], list[do.Command]]) -> None:
        """Carry out what the rules decide. A bug in them ends this conversation and nothing else."""
        self._flushing = False
        try:
            before = self.dialogue.trouble
            commands = decide()
            if self.dialogue.trouble is not before:
                logger.warning("%s", self.dialogue.trouble)
            self._carry_out(commands)
        except Exception as error:
            logger.exception("a bug in this program; please report it")
            if not self._over.done():
                self._over.set_result(do.End(EndReason.FAILED, SpeakerError(f"a bug in this program: {error!r}")))

    def _feed_from(self, generation: int, event: on.Event) -> None:
        """Take an event from a connection, unless it is no longer the current one."""
        if generation == self._generation:
            self._feed(event)

    def _tick(self) -> None:
        self._timer = None
        if not self._over.done():
            self._obey(lambda: self.dialogue.tick(self._loop.time()))

    def _carry_out(self, commands: list[do.Command]) -> None:  # noqa: C901 - one table of commands
        for command in commands:
            match command:
                case do.Play(item_id, pcm, ticket):
                    self._around.speaker.play(item_id, pcm, ticket)
                case do.Flush(ticket):
                    self._flushing = True
                    self._around.speaker.flush(ticket)
                case do.Send(message):
                    if isinstance(message, do.CommitAudio):
                        self._uplink.release()
                    self._uplink.put(message)
                case do.OpenMicrophone() | do.CloseMicrophone():
                    self._around.on_microphone(isinstance(command, do.OpenMicrophone))
                case do.DropAudio():
                    self._uplink.discard_held()
                case do.Enter(state):
                    self._around.on_state(state)
                case do.Sound(name, ticket):
                    pcm, gain = self._around.own_sound(name)
                    self._around.speaker.play(f"sound:{name}", pcm, ticket, gain=gain)
                case do.Connect(delay_s):
                    self._reconnect(delay_s)
                case do.End():
                    self._over.set_result(command)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._over.done():
            self._timer = self._loop.call_at(self.dialogue.deadline_s, self._tick)

    # One connection

    def _reconnect(self, delay_s: float) -> None:
        """Give up the connection there is, and try another; the old one says goodbye in the background."""
        self._generation += 1
        self._uplink.detach()
        if self._session is not None and self._session is not asyncio.current_task():
            self._session.cancel()
        self._session = self._loop.create_task(self._hold_session(delay_s, self._generation), name="session")
        self._sessions.add(self._session)
        self._session.add_done_callback(partial(self._session_over, self._generation))

    def _session_over(self, generation: int, task: asyncio.Task[None]) -> None:
        self._sessions.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a bug in this program; please report it", exc_info=error)
            failure = ConnectionLost(f"the connection failed in an unexpected way: {error!r}")
            self._feed_from(generation, on.Closed(failure))

    async def _hold_session(self, delay_s: float, generation: int) -> None:
        await asyncio.sleep(delay_s)
        try:
            connection = await self._around.client.connect()
        except SpeakerError as failure:
            self._feed_from(generation, on.Closed(failure))
            return
        sender = self._loop.create_task(self._send(connection, generation), name="sender")
        sender.add_done_callback(partial(self._session_over, generation))
        try:
            self._feed_from(generation, on.Opened())
            async for event in connection.events():
                self._feed_from(generation, event)
                if generation != self._generation:
                    return  # that event gave this connection up, though it may still stand
        finally:
            sender.cancel()
            await asyncio.wait({sender})
            self._around.measures.unreadable_messages += connection.unreadable
            await connection.close()

    async def _send(self, connection: ConnectionPort, generation: int) -> None:
        try:
            await self._uplink.run(connection)
        except ConnectionLost as failure:
            self._feed_from(generation, on.Closed(failure))
