"""The rules of one conversation: a state machine without I/O, clock or thread. Events and time in, commands out.

Theory of operation
-------------------
One `Dialogue` is one conversation, from the trigger to its end, over as many connections to the service as that takes.
`runner` calls `receive(event, now)` for everything that happens and `tick(now)` when `deadline_s` has come, and carries
out the commands that these return, in order. A command never answers in the same call: what became of it arrives as a
later event. So the state after each call is consistent, and every interleaving can be tested.

The state (`device_daemon.state.State`) is what the light shows:

                 +--------------------- connection lost ----------------------+
                 v                                                            |
    start -> CONNECTING -- session.updated --> GREETING -- heard, or talked over --> LISTENING
      |          |                                ^                              ^   |
      |          +-- session.updated, no greeting-|------------------------------+   | end of turn
      +-- greeting in the cache ------------------+                              |   v
                                                                                 | THINKING
                       heard to its end, barge-in, press, given up               |   |
                    SPEAKING ----------------------------------------------------+   | first audio
                       ^-------------------------------------------------------------+

WAITING takes the place of LISTENING while a push-to-talk button is not held. Every state can end the conversation.

The life of a response. The service makes one response at a time: from response.created to response.done it is
*active*. The newest one is also *accepted*: its sound may be played. An interruption takes the acceptance away, and
whatever sound still arrives of it is stale and dropped. The service is faster than the voice: mostly response.done
comes while the speaker has seconds left to play, so a response is over only when it is done and the speaker is silent.

The life of an interruption (barge-in). speech_started makes the dialogue flush the speaker at once; the service cancels
its own response by itself. The speaker answers with Flushed: which item was audible, and how much of it was heard.
Then each item that was not heard to its end is truncated, so that the model knows what the person knows. A press does
the same, and also cancels the response.

The life of a greeting (`greetings.ledger`). It is asked for when the session is ready, and audible when the speaker
says so: only then the microphone's sound goes to the service, which would answer it otherwise instead of greeting. If
the response or the connection is lost before that, it is asked for again; afterwards never. A greeting from the cache
is played at the press, while the connection is still being made. The service learns afterwards how much of it was
heard; until then it does not know that sound, so its echo cancellation cannot remove it, and nothing is sent.

Deadlines. Each state that waits has one: `_state_deadline_s`, renewed by progress. `_limit_s` ends the conversation in any case.

What must hold, and is tested by random interleavings (tests/unit/conversation/test_dialogue_properties.py):

- it greets once if the service lets it, never twice, across reconnects too;
- sound of a response that was interrupted is never played after the flush;
- no state lasts for ever;
- the microphone is streamed only in states whose light says so.
"""

from __future__ import annotations

from math import inf

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import Command
from device_daemon.conversation.playback_ledger import LOCAL, PlaybackLedger
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, EndReason, MicrophoneGate
from device_daemon.conversation.push_to_talk import PushToTalkTurn
from device_daemon.conversation.service_errors import failure_of
from device_daemon.conversation.transcript import ConversationHistory
from device_daemon.errors import ConnectionLost, ServiceBusy, ServiceSilent, SessionEnded, SpeakerError
from device_daemon.greetings.ledger import GreetingLedger, Step
from device_daemon.greetings.opening import Opening
from device_daemon.state import State, check_transition

GREETING_REQUESTS_PER_SESSION = 3
FIRST_CONNECTION_RETRIES = 1
"""Somebody pressed the button and waits: better a quick notice than a long silence."""
ECHO_TAIL_S = 0.2
"""How long a room reverberates after the speaker fell silent."""
ACTIVE_ALREADY = "conversation_already_has_active_response"


class Dialogue:
    """One conversation. Call `start` once, then `receive` and `tick`; carry out the commands they return, in order.

    `now` is always time.monotonic, or any clock that never steps back.
    """

    def __init__(self, opening: Opening | None, policy: ConversationPolicy, deadlines: Deadlines | None = None) -> None:
        self.opening = opening
        """What is said first; None if the person speaks first."""
        self.greeting = GreetingLedger.opened(opening)
        """How far the opening has come."""
        self.state = State.IDLE
        """What the light shows."""
        self.ended: do.End | None = None
        """How it ended; afterwards nothing happens any more."""
        self.stale_deltas = 0
        """Pieces of sound that came after their response was interrupted, and were dropped."""
        self.reconnects = 0
        """How many connections after the first were tried."""
        self.last_failure: SpeakerError | None = None
        """What last went wrong with the service, for the log; it may be over."""
        self.accepted: str | None = None
        """The response whose sound may be played: the newest, unless somebody interrupted it."""
        self._active: str | None = None
        """The response that the service is making."""
        self._cancel_next = False
        """The person dismissed the answer before the service began it: it is cancelled when it begins."""
        self._reply_postponed = False
        """A turn was handed in and refused while another response was active: it is handed in again afterwards."""
        self._replies = 0
        """How many answers were asked for; numbers their requests."""
        self._policy = policy
        self._deadlines = deadlines or Deadlines()
        self._session_ready = False
        """session.updated came on this connection."""
        self._was_ready = False
        """It came on some connection."""
        self._failures = 0
        """Connections lost in a row; an answer's sound ends the row."""
        self._greeting_requests = 0
        """How often this session was asked for the greeting."""
        self._playback = PlaybackLedger()
        self._history = ConversationHistory()
        self._greeting_unreported = False
        """The greeting is played from the cache, and the service does not know yet how much of it was heard."""
        self._person_speaks = False
        self._push_to_talk = PushToTalkTurn()
        self._tap_ends = False
        """The button went down while the speaker waited for it: if that is a tap, it ends the conversation."""
        self._microphone_open = False
        self._discard_before_s = 0.0
        """Microphone sound captured before holds what the speaker said, and is dropped."""
        self._state_deadline_s = inf
        """When the state has lasted too long."""
        self._limit_s = inf
        """When the conversation has lasted too long."""

    # Queries

    @property
    def deadline_s(self) -> float:
        """When `tick` must be called next."""
        return min(self._state_deadline_s, self._limit_s, self._push_to_talk.complete_at_s)

    @property
    def can_repeat_answer(self) -> bool:
        """Whether RepeatRequested would repeat the last answer, and not end the conversation."""
        return self._session_ready and not self._is_announcement

    def microphone_gate(self, captured_at_s: float) -> MicrophoneGate:
        """Return what is to be done with microphone sound; `captured_at_s` is when its last sample was captured."""
        if self.ended or self._is_announcement:
            return MicrophoneGate.DISCARD
        if self._policy.push_to_talk:
            if not self._push_to_talk.holds(captured_at_s):
                return MicrophoneGate.DISCARD
            return MicrophoneGate.STREAM if self._session_ready else MicrophoneGate.HOLD
        if captured_at_s < self._discard_before_s or self._is_protected:
            return MicrophoneGate.DISCARD
        # Nothing is sent before the greeting is heard: the service would answer it instead of greeting.
        return MicrophoneGate.STREAM if self._session_ready and not self.greeting.pending else MicrophoneGate.HOLD

    @property
    def _is_announcement(self) -> bool:
        return self.opening is not None and self.opening.announcement

    @property
    def _barge_in_allowed(self) -> bool:
        if self._policy.half_duplex or not self._policy.interruptible:
            return False
        if self._playback.local and self._policy.echo_by_service:
            return False
        return self.opening is None or self.opening.interruptible or self.greeting.step is not Step.AUDIBLE

    @property
    def _is_protected(self) -> bool:
        """Something sounds that people may not talk over."""
        return self._playback.sounding and not self._barge_in_allowed

    @property
    def _press_interrupts(self) -> bool:
        return not self._is_announcement and self.state in {State.GREETING, State.THINKING, State.SPEAKING}

    @property
    def _wants_microphone(self) -> bool:
        return not self._is_announcement and (self._push_to_talk.open or not self._policy.push_to_talk)

    @property
    def _cached_greeting_sounds(self) -> bool:
        return self._playback.local and self.state is State.GREETING

    # Inputs

    def start(self, now: float) -> list[Command]:
        """Open the conversation. With a push-to-talk button TalkBegan follows at once, and decides about the greeting."""
        self._limit_s = now + self._policy.max_duration_s
        greeting = [] if self._policy.push_to_talk else self._play_cached_greeting(now)
        return self._with_microphone([*greeting, *self._connect(now, 0.0)])

    def tick(self, now: float) -> list[Command]:
        """Act on a deadline that has passed; harmless at any other time."""
        return [] if self.ended else self._with_microphone(self._tick(now))

    def receive(self, event: on.Event, now: float) -> list[Command]:
        """Take in one event."""
        return [] if self.ended else self._with_microphone(self._receive(event, now))

    def _tick(self, now: float) -> list[Command]:
        if now >= self._limit_s:
            return self._end(EndReason.LIMIT)
        if now >= self._push_to_talk.complete_at_s:
            self._push_to_talk.finish()
            return self._commit_turn(now) if self._session_ready else []
        if now < self._state_deadline_s:
            return []
        match self.state:
            case _ if not self._session_ready:
                return self._connection_lost(_late("session.update", self._deadlines.session_s), now)
            case State.GREETING if self.greeting.pending and not self._playback.sounding:
                return self._connection_lost(_late("the greeting", self._deadlines.greeting_s), now)
            case State.THINKING if self._active is None:
                return self._listen(now)  # a cough is not a question: the service need not answer it
            case State.LISTENING if self._person_speaks:
                self._person_speaks = False
                self._push_to_talk.drop()
                return self._listen(now)
            case State.LISTENING | State.WAITING:
                return self._end(EndReason.IDLE)
            case _:
                self.last_failure = ServiceSilent(
                    "the service did not go on with its answer, which is given up; check the network if that happens often."
                )
                return self._give_up_response(now)

    def _receive(self, event: on.Event, now: float) -> list[Command]:  # noqa: C901, PLR0911, PLR0912 - a table
        match event:
            case on.AudioDelta():
                return self._audio(event, now)
            case on.Started():
                if self._playback.started(event) == (LOCAL if self.greeting.from_cache else self.greeting.response_id):
                    self.greeting.audible()
            case on.Silent():
                return self._silent(event, now)
            case on.Flushed():
                return self._flushed(event, now)
            case on.SpeechStarted():
                return self._speech_started(now)
            case on.SpeechStopped():
                return self._speech_stopped(now)
            case on.ResponseCreated(response_id):
                return self._response_created(response_id, now)
            case on.ResponseDone():
                return self._response_done(event, now)
            case on.Transcript(role, text, response_id):
                self._history.said(role, text, response_id)
            case on.Opened():
                return [do.Send(do.UpdateSession(self._policy.push_to_talk))]
            case on.SessionUpdated():
                return self._session_updated(event, now)
            case on.ServiceError():
                return self._service_error(event, now)
            case on.Closed(failure):
                return self._connection_lost(failure, now)
            case on.Pressed():
                return self._pressed(now)
            case on.WakeWordHeard():
                return self._wake_word_heard(now)
            case on.TalkBegan(at_s):
                return self._talk_began(at_s, now)
            case on.TalkEnded(at_s):
                return self._talk_ended(at_s, now)
            case on.RepeatRequested(pcm):
                return self._repeat_answer(pcm, now)
            case on.StopRequested(reason):
                return self._end(reason)
            case on.MicrophoneFailed(error) | on.SpeakerFailed(error):
                return self._end(EndReason.FAILED, error)
        return []

    # Connection and session

    def _connect(self, now: float, delay_s: float) -> list[Command]:
        self.greeting.lost()
        self._playback.session_lost()
        self._session_ready = self._person_speaks = self._cancel_next = self._reply_postponed = False
        self._active = self.accepted = None
        self._greeting_requests = 0
        self._state_deadline_s = now + delay_s + self._deadlines.session_s
        # A greeting from the cache needs no connection: it goes on.
        return [*([] if self._cached_greeting_sounds else self._enter(State.CONNECTING)), do.Connect(delay_s)]

    def _connection_lost(self, failure: SpeakerError, now: float) -> list[Command]:
        """Decide which failure ends the conversation and which is tried again, and how often.

        Tried again, after the delays of `Deadlines.retries_s`, is what may pass by itself (`retry`), unless the service
        asked for a longer wait. Where no session was ever ready it is tried again once only. The count starts anew
        whenever sound of an answer arrives, so that only failures in a row end a conversation.
        """
        self.last_failure = failure
        if isinstance(failure, SessionEnded):
            return self._end(EndReason.CLOSED)
        delays_s = self._deadlines.retries_s
        retries = len(delays_s) if self._was_ready else FIRST_CONNECTION_RETRIES
        if not failure.retry or self._failures >= retries:
            return self._end(EndReason.FAILED, failure)
        delay_s = delays_s[self._failures]
        if isinstance(failure, ServiceBusy) and (failure.retry_after_s or 0.0) > delay_s:
            return self._end(EndReason.FAILED, failure)
        self._failures += 1
        self.reconnects += 1
        return self._connect(now, delay_s)

    def _session_updated(self, event: on.SessionUpdated, now: float) -> list[Command]:
        if self._session_ready:
            return []  # it follows every session.update, not only the first
        first_session = not self._was_ready
        self._session_ready = self._was_ready = True
        recalled: list[Command] = [do.Send(turn) for turn in self._history.recall()]
        if self._cached_greeting_sounds:
            self._state_deadline_s = self._playback.expected_end_s + self._deadlines.stall_s
            return recalled
        if event.greets_itself:
            self.greeting.skipped()
        if self._push_to_talk.open:
            return [*recalled, *self._listen(now)]
        if self._push_to_talk.complete:
            return [*recalled, *self._commit_turn(now)]
        if self.greeting.pending:
            return [*recalled, *self._greet(now)]
        if self._is_announcement:
            return self._end(EndReason.SAID)
        ready_sound = first_session and self.greeting.step is Step.NONE and self._policy.ready_sound
        return [*recalled, *([self._playback.sound("ready", now)] if ready_sound else []), *self._listen(now)]

    def _service_error(self, event: on.ServiceError, now: float) -> list[Command]:
        if event.code == "session_expired":
            return self._connection_lost(
                ConnectionLost("the service let the session expire; a new one is opened."), now
            )
        if not self._session_ready:
            return self._connection_lost(failure_of(event), now)
        if event.about.startswith("greeting-") and self.greeting.step in {Step.REQUESTED, Step.CREATED}:
            self.greeting.lost()
            return self._request_greeting(now)
        if event.about.startswith("turn-") and self.state is State.THINKING:
            self._reply_postponed = event.code == ACTIVE_ALREADY
            return [] if self._reply_postponed else self._listen(now)
        return []  # the session stays open

    # The greeting

    def _greet(self, now: float) -> list[Command]:
        return self._play_cached_greeting(now) or self._request_greeting(now)

    def _play_cached_greeting(self, now: float) -> list[Command]:
        """Play the greeting if its sound is cached; return no commands if it is not."""
        if self.opening is None or not self.opening.pcm or self.greeting.step is not Step.WANTED:
            return []
        self.greeting.played_from_cache()
        self._greeting_unreported = True
        play = self._playback.play_local(self.opening.pcm, now)
        if self._session_ready:
            self._state_deadline_s = self._playback.expected_end_s + self._deadlines.stall_s
        return [play, *self._enter(State.GREETING)]

    def _report_cached_greeting(self, share: float) -> list[Command]:
        """Tell the service, which did not speak it, how much of the cached greeting was heard (0..1)."""
        if self.opening is None or not self._greeting_unreported:
            return []
        self._greeting_unreported = False
        self.greeting.done()
        text = self.opening.text[: int(len(self.opening.text) * share)]
        self._history.said("assistant", text, LOCAL)
        return [do.Send(do.Recall("assistant", text))] if self._session_ready and text else []

    def _request_greeting(self, now: float) -> list[Command]:
        """Ask for the greeting, or give it up where the service refused it too often."""
        if self.opening is None or self._greeting_requests >= GREETING_REQUESTS_PER_SESSION:
            return self._give_up_response(now)
        self._state_deadline_s = now + self._deadlines.greeting_s
        if self._active is not None:
            return self._enter(State.GREETING)  # it waits for the end of what the service says by itself
        self.greeting.requested()
        self._greeting_requests += 1
        request = do.RequestGreeting(self.opening, f"greeting-{self._greeting_requests}")
        return [do.Send(request), *self._enter(State.GREETING)]

    # Responses, and their sound

    def _response_created(self, response_id: str, now: float) -> list[Command]:
        self._active = response_id
        if not self._session_ready:
            return []  # nobody asked for it before our settings were in force
        if self._cancel_next or self._push_to_talk.open:
            self._cancel_next = False
            return [do.Send(do.CancelResponse(response_id))]
        self.accepted = response_id
        self._person_speaks = False
        self.greeting.created(response_id)
        if self.state is State.GREETING:
            return []
        self._state_deadline_s = now + self._deadlines.first_audio_s
        return self._enter(State.THINKING) if self.state in {State.LISTENING, State.WAITING} else []

    def _audio(self, event: on.AudioDelta, now: float) -> list[Command]:
        if event.response_id != self.accepted:
            self.stale_deltas += 1
            return []
        self._failures = 0
        play = self._playback.play(event.response_id, event.item_id, event.content_index, event.pcm, now)
        self._state_deadline_s = self._playback.expected_end_s + self._deadlines.stall_s
        return [play] if self.state is State.GREETING else [play, *self._enter(State.SPEAKING)]

    def _response_done(self, event: on.ResponseDone, now: float) -> list[Command]:
        if event.response_id == self._active:
            self._active = None
        if event.response_id == self.accepted and not self._playback.sounding:
            return self._response_over(event.status, now)
        if self._active is not None or not self._session_ready:
            return []
        if self._reply_postponed:
            return self._request_reply(now)
        if self.greeting.step is Step.WANTED and not self._push_to_talk.open:
            return self._request_greeting(now)
        return []

    def _silent(self, event: on.Silent, now: float) -> list[Command]:
        protected, local = self._is_protected, self._playback.local
        if not self._playback.silent(event):
            return []
        if protected:
            self._discard_microphone_sound(local=local)
        report = self._report_cached_greeting(1.0)
        if not self._session_ready or self.state in {State.LISTENING, State.WAITING}:
            return [*report, *self._listen(now)]  # a sound of our own ended: the idle time counts from here
        if self.accepted is None:
            return [*report, *(self._listen(now) if local else [])]
        if self.accepted == self._active:
            self._state_deadline_s = now + self._deadlines.stall_s  # the network is slower than the voice
            return report
        return [*report, *self._response_over("completed", now)]

    def _response_over(self, status: str, now: float) -> list[Command]:
        """Go on after the accepted response: it is done, and nothing of it is left to hear."""
        greeted = self.accepted == self.greeting.response_id
        self.accepted = None
        if greeted and self.greeting.pending and status != "completed":
            self.greeting.lost()
        if self.greeting.step is Step.WANTED:
            return self._request_greeting(now)
        if greeted:
            self.greeting.skipped()  # where it was made but no sound came
            self.greeting.done()
        if self._is_announcement:
            return self._end(EndReason.SAID)
        failed = status == "failed" and self.state is State.THINKING and self._policy.error_sound
        return [*([self._playback.sound("error", now)] if failed else []), *self._listen(now)]

    def _give_up_response(self, now: float) -> list[Command]:
        """Stop waiting for a response or the greeting: say so with a sound, and listen."""
        stop = self._stop_response()
        if self._is_announcement:
            return [*stop, *self._end(EndReason.FAILED, _late("the announcement", self._deadlines.stall_s))]
        if self._policy.error_sound:
            stop.append(self._playback.sound("error", now))
        return [*stop, *self._listen(now)]

    def _stop_response(self) -> list[Command]:
        """Stop what is being said, and the greeting that is not begun."""
        commands: list[Command] = [self._playback.flush()] if self._playback.sounding else []
        if self._active is not None:
            commands.append(do.Send(do.CancelResponse(self._active)))
        self.greeting.skipped()
        self.greeting.done()
        self.accepted = None
        return commands

    def _flushed(self, event: on.Flushed, now: float) -> list[Command]:
        protected, local = self._is_protected, self._playback.local
        commands: list[Command] = []
        for cut in self._playback.flushed(event):
            if cut.truncate is None:
                commands += self._report_cached_greeting(cut.share)
            else:
                commands.append(do.Send(cut.truncate))
                self._history.cut(cut.response_id, cut.share)
        if self._playback.sounding:
            return commands
        if protected:
            self._discard_microphone_sound(local=local)
        return [*commands, *self._listen(now)] if self.state in {State.LISTENING, State.WAITING} else commands

    def _discard_microphone_sound(self, *, local: bool) -> None:
        """Something that people may not talk over fell silent: what was captured until then is dropped."""
        tail_s = ECHO_TAIL_S if self._policy.half_duplex or (local and self._policy.echo_by_service) else 0.0
        self._discard_before_s = self._playback.quiet_since_s + tail_s

    # The person speaks, or presses

    def _speech_started(self, now: float) -> list[Command]:
        if self._policy.push_to_talk:
            return []
        self._person_speaks, self._cancel_next = True, False
        if self.greeting.pending or self._is_protected:
            return []  # nothing of the person was sent: the service heard something else
        self.greeting.done()
        self.accepted = None  # the service stops making it; what still comes of it is stale
        flush: list[Command] = [self._playback.flush()] if self._playback.sounding else []
        return [*flush, *self._listen(now)]

    def _speech_stopped(self, now: float) -> list[Command]:
        if self._policy.push_to_talk or self.state is not State.LISTENING:
            return []
        self._person_speaks = False
        self._state_deadline_s = now + self._deadlines.reply_s
        return self._enter(State.THINKING)

    def _pressed(self, now: float) -> list[Command]:
        return self._interrupt(now) if self._press_interrupts else self._end(EndReason.PRESSED)

    def _wake_word_heard(self, now: float) -> list[Command]:
        if self._is_announcement:
            return self._end(EndReason.PRESSED)
        return self._interrupt(now) if self._press_interrupts else []

    def _interrupt(self, now: float) -> list[Command]:
        return [*self._dismiss_response(), *self._listen(now)]

    def _dismiss_response(self) -> list[Command]:
        """Stop what is being said, and what was asked for and has not begun."""
        if self._active is None:
            requested = self.state is State.THINKING or self.greeting.step is Step.REQUESTED
            self._cancel_next = requested and self.accepted is None
        self._reply_postponed = False
        return self._stop_response()

    def _repeat_answer(self, pcm: bytes, now: float) -> list[Command]:
        if not self.can_repeat_answer:
            return self._end(EndReason.PRESSED)
        self._push_to_talk.drop()
        play = [*self._dismiss_response(), self._playback.play_local(pcm, now)]
        self._state_deadline_s = self._playback.expected_end_s + self._deadlines.stall_s
        return [*play, *self._enter(State.SPEAKING)]

    # The person holds a button to talk

    def _talk_began(self, at_s: float, now: float) -> list[Command]:
        if not self._policy.push_to_talk:
            return self._wake_word_heard(now)  # whoever speaks is heard anyway
        self._tap_ends = self.state is State.WAITING
        self._push_to_talk.begin(at_s)
        self._person_speaks = True
        return self._interrupt(now) if self._press_interrupts else self._listen(now)

    def _talk_ended(self, at_s: float, now: float) -> list[Command]:
        if not self._push_to_talk.held:
            return []
        self._person_speaks = False
        if not self._push_to_talk.end(at_s):
            self.greeting.skipped()  # the person spoke first
            return []
        if self._tap_ends:
            return self._end(EndReason.PRESSED)
        forget: list[Command] = [do.DropAudio(), *([do.Send(do.ClearAudio())] if self._session_ready else [])]
        if self._session_ready and self.greeting.step is Step.WANTED:
            return [*forget, *self._greet(now)]
        return [*forget, *(self._play_cached_greeting(now) or self._listen(now))]

    def _commit_turn(self, now: float) -> list[Command]:
        """Hand in what was said while the button was held."""
        self._push_to_talk.drop()
        return [do.Send(do.CommitAudio()), *self._request_reply(now)]

    def _request_reply(self, now: float) -> list[Command]:
        self._reply_postponed = False
        self._replies += 1
        self._state_deadline_s = now + self._deadlines.reply_s
        return [do.Send(do.RequestReply(f"turn-{self._replies}")), *self._enter(State.THINKING)]

    # Steps that all of these share

    def _listen(self, now: float) -> list[Command]:
        if not self._session_ready:
            return self._enter(State.CONNECTING)  # the deadline stays that of the session
        self._state_deadline_s = now + (self._deadlines.turn_s if self._person_speaks else self._policy.idle_timeout_s)
        return self._enter(State.LISTENING if self._wants_microphone else State.WAITING)

    def _enter(self, state: State) -> list[Command]:
        if state is self.state:
            return []
        check_transition(self.state, state)
        self.state = state
        return [do.Enter(state)]

    def _with_microphone(self, commands: list[Command]) -> list[Command]:
        """Open the microphone after the light says so, close it before the light changes."""
        if self.ended or self._wants_microphone is self._microphone_open:
            return commands
        self._microphone_open = self._wants_microphone
        return [*commands, do.OpenMicrophone()] if self._microphone_open else [do.CloseMicrophone(), *commands]

    def _end(self, reason: EndReason, failure: SpeakerError | None = None) -> list[Command]:
        self.ended = do.End(reason, failure)
        # After a failure, what was said before is heard to its end; a person who ends the conversation wants silence.
        flush = self._playback.sounding and reason is not EndReason.FAILED
        return [*([self._playback.flush()] if flush else []), self.ended]


def _late(what: str, deadline_s: float) -> ServiceSilent:
    return ServiceSilent(
        f"the service did not answer {what} within {deadline_s:g} s; check the network, it is tried again."
    )
