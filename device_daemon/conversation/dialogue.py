"""The rules of one conversation: a state machine without I/O, clock or thread. Events and time in, commands out.

Theory of operation
-------------------
One `Dialogue` is one conversation, from the trigger to its end, over as many connections to the service as that takes.
`runner` calls `receive(event, now)` for everything that happens and `tick(now)` when `deadline_s` has come, and carries
out the commands that these return, in order. A command never answers in the same call: what became of it arrives as a
later event. So the state after each call is consistent, and every interleaving can be tested.

The state (`device_daemon.state.State`) is what the light shows, and it is true: LISTENING only while a session is there
and the microphone's sound flows, SPEAKING only while an answer is heard.

                 +------- connection lost, or the microphone -----------------+
                 v                                                            |
    start -> CONNECTING -- session.updated --> GREETING -- heard, or talked over --> LISTENING
      |          |                                ^                              ^   |
      |          +-- session.updated, no greeting-|------------------------------+   | end of turn
      +-- greeting in the cache ------------------+                              |   v
                                                                                 | THINKING <-+
                       heard to its end, barge-in, press, given up               |   |        | the network
                    SPEAKING ----------------------------------------------------+   |        | is too slow
                       ^---------------- first sound heard --------------------------+        |
                       +----------------------------------------------------------------------+

WAITING takes the place of LISTENING while a push-to-talk button is not held. Every state can end the conversation.

The life of a response. The service makes one response at a time: from response.created to response.done it is
*active*. The newest one is also *accepted*: its sound may be played. An interruption takes the acceptance away, and
whatever sound still arrives of it is stale and dropped. The service is faster than the voice: mostly response.done
comes while the speaker has seconds left to play, so a response is over only when it is done and the speaker is silent.
An accepted response of which nothing was heard (text only, content_filter, failed...) is reported: one warning with
the service's reason, and a notice. It never counts as an answer.

The life of an interruption (barge-in). speech_started makes the dialogue flush the speaker at once; the service cancels
its own response by itself. The speaker answers with Flushed: which item was audible, and how much of it was heard.
Then each item that was not heard to its end is truncated, so that the model knows what the person knows. A press does
the same, and also cancels the response. If the speech was only a cough and nothing follows it, the answer goes on where
it stopped (`resumable_answer`), and the model is told afterwards what was heard of it in all.

The life of a greeting (`greetings.ledger`). It is asked for when the session is ready, and audible when the speaker
says so: only then the microphone's sound goes to the service, which would answer it otherwise instead of greeting. If
the response or the connection is lost before that, it is asked for again; afterwards never. If the service is busy with
another response, it is asked for when that one ends. A greeting from the cache is played at the press, while the
connection is still being made; the service learns afterwards how much of it was heard.

The life of a break. What the speaker has queued is heard to its end; the state stays until then. Meanwhile another
connection is made. The new session learns what was said as far as it was heard (`transcript`), and the microphone's
sound since the speaker last fell silent is sent to it again: an utterance that the break cut in two, or a question
that was not answered yet, reaches it complete. An answer that broke off is reported with a notice.

The life of a tool's call is told in `tool_calls`. While one runs the state is THINKING, unless something else goes on.
The follow-up is asked for when all calls are answered, their response is done and what it said was heard; if a person
speaks meanwhile, the answer to that turn takes its place. What a person has to allow is told in `approvals`.

What is local (`PlaybackLedger.local`) is unknown to the session, so its echo cancellation would take it for a person:
while it sounds, no microphone sound is sent where the service cancels the echo.

Waits. Whoever waits to hear something (`WaitClock`) hears "one moment" after 3 s and after 9 s that it does not work,
whatever it is that does not come. Shorter deadlines try another way before that: `SessionAttempts.due_s` another
connection, `_state_deadline_s` whatever the state can do. `_limit_s` ends the conversation in any case.

What must hold, and is tested by random interleavings (tests/unit/conversation/test_dialogue_properties.py):

- it greets once if the service lets it, never twice, across reconnects too;
- sound of a response that was interrupted is never played after the flush;
- no state lasts for ever, and nobody waits in silence for longer than `Deadlines.give_up_s`;
- the microphone is streamed only in states whose light says so;
- every response that was accepted and not heard is reported, but one that only calls tools;
- every call of a tool is answered exactly once, to the session that made it, or not at all if that is gone.
"""

from __future__ import annotations

from math import inf

from device_daemon.conversation import approvals
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import Command
from device_daemon.conversation.playback_ledger import LOCAL, PlaybackLedger
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, EndReason, MicrophoneGate
from device_daemon.conversation.push_to_talk import PushToTalkTurn
from device_daemon.conversation.responses import ResponseTracker
from device_daemon.conversation.resumable_answer import ResumableAnswer
from device_daemon.conversation.service_errors import failure_of, is_about_session_update
from device_daemon.conversation.session_attempts import SessionAttempts, late
from device_daemon.conversation.tool_calls import LATE, ToolCalls
from device_daemon.conversation.transcript import ConversationTranscript
from device_daemon.conversation.wait_clock import WaitClock
from device_daemon.errors import ConnectionLost, DeviceSlow, ServiceSilent, SpeakerError
from device_daemon.greetings.ledger import GreetingLedger, Step
from device_daemon.greetings.opening import Opening
from device_daemon.state import State, check_transition

GREETING_REQUESTS_PER_SESSION = 3
ECHO_TAIL_S = 0.2
"""How long a room reverberates after the speaker fell silent."""
SPEECH_LEAD_S = 0.5
"""Turn detection reports speech a little after its first sound."""
ACTIVE_ALREADY = "conversation_already_has_active_response"
_WAITS = frozenset({State.CONNECTING, State.GREETING, State.THINKING})
"""States in which a person waits to hear something."""


class Dialogue:
    """One conversation. Call `start` once, then `receive` and `tick`; carry out the commands they return, in order.

    `now` is always time.monotonic, or any clock that never steps back.
    """

    def __init__(  # noqa: PLR0915 - each field with what it means
        self,
        opening: Opening | None,
        policy: ConversationPolicy,
        deadlines: Deadlines | None = None,
        *,
        before: ConversationTranscript | None = None,
        news: str = "",
    ) -> None:
        """Begin anew, or continue.

        Args:
            opening: What is said first.
            policy: What the config says about conversations.
            deadlines: How long each kind of waiting may take.
            before: What was said in the conversation that this one continues.
            news: What the model is to mention; it is told with the first opportunity.
        """
        self.opening = opening
        """What is said first; None if the person speaks first."""
        self.greeting = GreetingLedger.opened(opening)
        """How far the opening has come."""
        self.state = State.IDLE
        """What the light shows."""
        self.ended: do.End | None = None
        """How it ended; afterwards nothing happens any more."""
        self.stale_deltas = 0
        """Pieces of sound that came after their response was interrupted; nothing of them is heard unless it goes on."""
        self.resumed_answers = 0
        """How often an answer went on after a false interruption."""
        self.last_failure: SpeakerError | None = None
        """What last went wrong, for the log; it may be over."""
        self._policy = policy
        self._deadlines = deadlines or Deadlines()
        # The service
        self.responses = ResponseTracker()
        self.session = SessionAttempts(self._deadlines)
        self.calls = ToolCalls(self._deadlines.tool_s)
        self.approvals = approvals.Approvals(self._deadlines.approval_s)
        self._farewell = False
        """The person said goodbye: the conversation ends when nothing is left to say."""
        self._turn_pending = False
        """A turn ended, and the service has not begun to answer it."""
        self._replies = 0
        """How many answers were asked for; numbers their requests."""
        self._greeting_requests = 0
        """How often this session was asked for the greeting, and began it or refused it for good."""
        self._requests = 0
        """Numbers the requests for the greeting."""
        self._greeting_failure: SpeakerError | None = None
        """Why the last request for the greeting failed."""
        self.news = news
        """What the model is still to be told, so that it mentions it."""
        self._untold = before is not None
        """The session does not know yet what was said before it began."""
        self._untold_responses: list[str] = []
        """Of these the session does not know yet how much was heard: the cached greeting, and what was resumed."""
        self._transcript = before or ConversationTranscript()
        # The speaker and the microphone
        self._playback = PlaybackLedger()
        self._resumable = ResumableAnswer(
            self._deadlines, enabled=policy.resume and not policy.push_to_talk, pause_s=policy.pause_s
        )
        self._cached_greeting_plays = False
        self._ready_sound_due = opening is None and policy.ready_sound
        self._chimes = False
        """What sounds reminds people of a timer."""
        self._microphone_open = False
        self._microphone_flows = False
        """The open microphone gives sound."""
        self._microphone_failure: SpeakerError | None = None
        """Why it gives none, as far as that is known."""
        self._speaker_failure: SpeakerError | None = None
        """Why nothing can be heard now."""
        self._discard_before_s = 0.0
        """Microphone sound captured before holds what the speaker said, and is dropped."""
        # The person
        self._person_speaks = False
        self._speech_began_s = 0.0
        self._question = False
        """The last turn was long enough to be a question, so that it is reported if it is not answered."""
        self._push_to_talk = PushToTalkTurn()
        self._tap_ends = False
        """The button went down while the speaker waited for it: if that is a tap, it ends the conversation."""
        # Deadlines, beside those of the session and of a push-to-talk turn
        self._wait = WaitClock(self._deadlines)
        self._state_deadline_s = inf
        """When the state has lasted too long."""
        self._microphone_deadline_s = inf
        """When the microphone should give sound (again)."""
        self._speaker_deadline_s = inf
        """When the speaker should have recovered."""
        self._limit_s = inf
        """When the conversation has lasted too long."""

    # Queries

    @property
    def deadline_s(self) -> float:
        """When `tick` must be called next."""
        return min(
            self._limit_s,
            self._microphone_deadline_s,
            self._speaker_deadline_s,
            self._push_to_talk.complete_at_s,
            self._wait.moment_at_s,
            self._gives_up_at_s,
            self.calls.deadline_s,
            self.approvals.deadline_s,
            self.session.due_s,
            self._resumable.resume_at_s,
            self._state_deadline_s,
        )

    @property
    def can_repeat_answer(self) -> bool:
        """Whether RepeatRequested would repeat the last answer, and not end the conversation."""
        broken = self._microphone_failure or self._speaker_failure
        return self.session.ready and not broken and not self._is_announcement

    @property
    def awaits_first_sound(self) -> bool:
        """The microphone was opened and gave neither sound nor an error: MicrophoneFlows is due with its first period."""
        return self._microphone_open and not self._microphone_flows and self._microphone_failure is None

    def heard_until(self, now: float) -> ConversationTranscript:
        """Return what was said and heard; an answer that sounds when the conversation is ended counts as far as it came."""
        accepted = self.responses.accepted or ""
        if self._playback.flushing and (received_ms := self._playback.received_ms(accepted)):
            left_ms = max(0.0, self._playback.expected_end_s - now) * 1000
            self._transcript.cut(accepted, max(0.0, 1 - left_ms / received_ms))
        return self._transcript

    def forget(self) -> None:
        """Forget what was said so far: no other session is told of it."""
        self._transcript.clear()

    def may_be_heard(self, response_id: str) -> bool:
        """Return whether the sound of a response is played, or may be after a false interruption."""
        return response_id in {self.responses.accepted, self._resumable.interrupted}

    def microphone_gate(self, captured_at_s: float) -> MicrophoneGate:
        """Return what is to be done with microphone sound; `captured_at_s` is when its last sample was captured."""
        if self.ended or self._is_announcement:
            return MicrophoneGate.DISCARD
        if self._policy.push_to_talk:
            if not self._push_to_talk.holds(captured_at_s):
                return MicrophoneGate.DISCARD
            return MicrophoneGate.STREAM if self._session_listens else MicrophoneGate.HOLD
        if captured_at_s < self._discard_before_s or self._is_protected:
            return MicrophoneGate.DISCARD
        # Nothing is sent before the greeting is heard: the service would answer it instead of greeting.
        return MicrophoneGate.STREAM if self._session_listens and not self.greeting.pending else MicrophoneGate.HOLD

    @property
    def _gives_up_at_s(self) -> float:
        """When waiting is given up; a tool that is at work has a deadline of its own."""
        return inf if self._tool_works else self._wait.gives_up_at_s

    @property
    def _tool_works(self) -> bool:
        return self.state is State.THINKING and self.session.ready and self.calls.owed and self.calls.busy

    @property
    def _session_listens(self) -> bool:
        return self.session.ready and self.state is not State.CONNECTING

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

    # Inputs

    def start(self, now: float) -> list[Command]:
        """Open the conversation. With a push-to-talk button TalkBegan follows at once, and decides about the greeting."""
        self._limit_s = now + self._policy.max_duration_s
        greeting = [] if self._policy.push_to_talk else self._play_cached_greeting(now)
        return self._with_microphone([*greeting, *self._connect(now, 0.0)], now)

    def tick(self, now: float) -> list[Command]:
        """Act on a deadline that has passed; harmless at any other time."""
        return [] if self.ended else self._with_microphone(self._tick(now), now)

    def receive(self, event: on.Event, now: float) -> list[Command]:
        """Take in one event."""
        return [] if self.ended else self._with_microphone(self._receive(event, now), now)

    def _tick(self, now: float) -> list[Command]:
        if now >= self._limit_s:
            return self._end(EndReason.LIMIT)
        if now >= self._microphone_deadline_s:
            return self._end(EndReason.FAILED, self._microphone_failure or _no_microphone_sound())
        if now >= self._speaker_deadline_s:
            return self._end(EndReason.FAILED, self._speaker_failure)
        if now >= self._push_to_talk.complete_at_s:
            self._push_to_talk.finish()
            return self._commit_turn(now) if self.session.ready else []
        if now >= min(self.calls.deadline_s, self.approvals.deadline_s):
            return self._tool_lasted_too_long(now)
        if now >= self._gives_up_at_s:
            return self._give_up_waiting(now)
        if now >= self._wait.moment_at_s:
            self._wait.moment_said = True
            return [self._playback.notice("moment", now)] if self._policy.notices else []
        if now >= self.session.due_s:
            return self._connection_lost(self.session.late(), now)
        if now >= self._resumable.resume_at_s:
            return self._resume_answer(now)
        return self._state_lasted_too_long(now) if now >= self._state_deadline_s else []

    def _tool_lasted_too_long(self, now: float) -> list[Command]:
        if (overdue := self.calls.overdue(now)) is not None:
            return self._tool_result(on.ToolResult(overdue, LATE), now)
        if (remote := self.calls.remote_overdue(now)) is not None:
            return self._remote_call_ended(remote, now)
        self.approvals.answer(approve=False)
        return self._send_answers(now)

    def _state_lasted_too_long(self, now: float) -> list[Command]:
        match self.state:
            case State.GREETING if self.greeting.step is Step.REQUESTED:
                return self._connection_lost(late("the greeting", self._deadlines.greeting_s), now)
            case State.THINKING if self._policy.push_to_talk and self.responses.accepted is None:
                return self._connection_lost(late("a turn", self._deadlines.reply_s), now)
            case State.THINKING if self.responses.accepted is None and not self._question:
                self._turn_pending = False
                return self._go_on(now)  # a cough need not be answered
            case State.LISTENING if self._person_speaks:
                self._person_speaks = False
                self._push_to_talk.drop()
                return self._listen(now)
            case State.LISTENING | State.WAITING:
                return self._end(EndReason.IDLE)
            case _:
                return self._give_up_response(now)

    def _receive(self, event: on.Event, now: float) -> list[Command]:  # noqa: C901, PLR0911, PLR0912 - a table
        match event:
            case on.AudioDelta():
                return self._audio(event, now)
            case on.Started():
                return self._started(event, now)
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
            case on.ToolCalled():
                return self._tool_called(event, now)
            case on.ToolResult():
                return self._tool_result(event, now)
            case on.RemoteCallBegan(response_id, item_id):
                return self._remote_call_began(response_id, item_id, now)
            case on.RemoteCallEnded(item_id):
                return self._remote_call_ended(item_id, now)
            case on.ApprovalRequested():
                return self._approval_requested(event, now)
            case on.Farewell():
                self._farewell = True
                accepted = self.responses.accepted
                if accepted is not None and self._playback.received_ms(accepted):
                    self.calls.owed = False  # it is being said already
            case on.TranscriptDelta(response_id, text):
                self._transcript.says(response_id, text)
            case on.Transcript(role, text, response_id):
                self._transcript.said(role, text, response_id)
                if role == "user" and text.strip():
                    self._resumable.drop()
            case on.Opened():
                self.session.opened(now)
                return [do.Send(do.UpdateSession(self._policy.push_to_talk, self._policy.trigger))]
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
            case on.StopWordHeard():
                return self._stop_word_heard(now)
            case on.TalkBegan(at_s):
                return self._talk_began(at_s, now)
            case on.TalkEnded(at_s):
                return self._talk_ended(at_s, now)
            case on.RepeatRequested(pcm):
                return self._repeat_answer(pcm, now)
            case on.ChimeRequested():
                return self._chime(now)
            case on.StopRequested(reason):
                return self._end(reason)
            case on.MicrophoneFailed(error):
                return self._microphone_failed(error, now)
            case on.MicrophoneFlows():
                return self._microphone_gives_sound(now)
            case on.SpeakerFailed(error):
                return self._speaker_failed(error, now)
            case on.SpeakerRecovered():
                return self._speaker_recovered(now)
        return []

    # Connection and session

    def _connect(self, now: float, delay_s: float) -> list[Command]:
        """Open a connection; what the speaker has queued goes on meanwhile, and the state with it."""
        apology = self._responses_lost(now)
        replay_since_s = self._unanswered_since_s()
        self._resumable.drop()
        self._playback.session_lost()
        self.calls.session_lost()
        self.approvals.session_lost()
        self._person_speaks = self._turn_pending = False
        self._greeting_requests = 0
        self._untold |= self.session.was_ready
        if not self._playback.speaking:
            self._state_deadline_s = inf
            apology += self._enter(State.CONNECTING, now)
        replay = [] if replay_since_s is None else [do.ReplayAudio(replay_since_s)]
        return [*apology, do.Connect(delay_s), *replay]

    def _responses_lost(self, now: float) -> list[Command]:
        """Take in that nothing more comes of any response."""
        accepted = self.responses.accepted
        if accepted is not None and self.responses.unfinished:
            self._transcript.broken_off(accepted, self._playback.received_ms(accepted))
        self.responses.session_lost()
        if self._playback.speaking:
            return []  # it is over when that was heard
        broken_off = accepted is not None and self.responses.heard
        self.responses.drop()
        self.greeting.lost()
        return self._report_failure(None, now) if broken_off else []

    def _unanswered_since_s(self) -> float | None:
        """Return since when the microphone's sound is needed again by a new session; None if it is not."""
        if self._policy.push_to_talk:
            return self._push_to_talk.session_lost()
        if self._is_announcement or self.greeting.pending or self.calls.unanswered:
            return None  # what was called for once is not to be called for again
        if self._playback.sounding:
            return self._speech_began_s - SPEECH_LEAD_S if self._person_speaks else None
        return max(self._playback.quiet_since_s, self._discard_before_s)

    def _connection_lost(self, failure: SpeakerError, now: float) -> list[Command]:
        """Try another connection, or end the conversation: `SessionAttempts.retry_delay_s` decides."""
        self.last_failure = failure
        self.session.lost(failure)
        if self._is_announcement and self._playback.speaking:
            self.responses.session_lost()
            return []  # it needs no session any more
        if self._is_announcement and not self.greeting.pending:
            return self._end(EndReason.FAILED, failure)  # it broke off, where the network had made a pause in it
        delay_s = self.session.retry_delay_s()
        return self._end(EndReason.FAILED, failure) if delay_s is None else self._connect(now, delay_s)

    def _session_updated(self, event: on.SessionUpdated, now: float) -> list[Command]:
        if self.session.ready:
            return []  # it follows every session.update, not only the first
        self.session.updated()
        if self._playback.speaking:
            return []  # the cached greeting, or what a lost session said
        if event.greets_itself and not self._is_announcement:
            self.greeting.skipped()
        return self._go_on(now)

    def _go_on(self, now: float) -> list[Command]:
        """Nothing is being said: tell the session what it does not know, and do what comes next."""
        if self._is_announcement and not self.greeting.pending:
            return self._end(EndReason.SAID)
        if not self.session.ready:
            return self._listen(now)
        if self._push_to_talk.open:
            return [*self._tell_session(), *self._listen(now)]
        if self._push_to_talk.complete:
            return [*self._tell_session(), *self._commit_turn(now)]
        if self.responses.postponed and self.responses.active is None:
            return self._request_reply(now)
        allowed = any(answer.approve for answer in self.approvals.answers)
        if answers := self._send_answers(now):
            return [*answers, *(self._tell_session() if allowed else self._go_on(now))]
        if self._farewell and not self.calls.owed:
            return self._end(EndReason.GOODBYE)
        if self.calls.owed and not self._person_speaks and self.responses.active is None:
            return [*self._tell_session(), *self._follow_up(now)]
        if self.greeting.step is Step.WANTED:
            return [*self._tell_session(), *(self._play_cached_greeting(now) or self._request_greeting(now))]
        return [*self._tell_session(), *self._ready_sound(now), *self._listen(now)]

    def _ready_sound(self, now: float) -> list[Command]:
        """Say by an earcon that it is the person's turn, once, as soon as that is true."""
        if not self._ready_sound_due or (self._wants_microphone and not self._microphone_flows):
            return []
        self._ready_sound_due = False
        return [self._playback.sound("ready", now)]

    def _tell_session(self) -> list[Command]:
        """Give the session what was said that it does not know of, once that was heard."""
        untold = self._untold or self._untold_responses or self.news
        if not untold or not self.session.ready or self._playback.speaking or self._playback.flushing:
            return []
        responses = [None] if self._untold else self._untold_responses
        texts = [*(self._transcript.summary(response_id) for response_id in responses), self.news]
        self._untold, self._untold_responses, self.news = False, [], ""
        return [do.Send(do.Recall("system", text)) for text in texts if text]

    def _service_error(self, event: on.ServiceError, now: float) -> list[Command]:
        failure = failure_of(event)
        if isinstance(failure, ConnectionLost) or (not self.session.ready and is_about_session_update(event)):
            return self._connection_lost(failure, now)
        if not self.session.ready:
            self.session.failure = failure  # session.updated may follow all the same
            return []
        if event.about.startswith("greeting-") and self.greeting.step in {Step.REQUESTED, Step.CREATED}:
            self.greeting.lost()
            if event.code != ACTIVE_ALREADY:
                self._greeting_failure = failure
                return self._request_greeting(now)
            self._greeting_requests -= 1
            self._state_deadline_s = inf  # it is asked for again when the other response is done
        elif event.about.startswith("turn-") and self.state is State.THINKING:
            if event.code != ACTIVE_ALREADY:
                self._push_to_talk.answered()
                return [*self._report_failure(failure, now), *self._listen(now)]
            self.responses.postponed = True
            self._state_deadline_s = inf
        return []  # the session stays open

    # The greeting

    def _play_cached_greeting(self, now: float) -> list[Command]:
        """Play the greeting if its sound is cached; return no commands if it is not."""
        if self.opening is None or not self.opening.pcm or self.greeting.step is not Step.WANTED:
            return []
        if not self._can_be_heard:
            return self._wait_for_speaker(now)
        self.greeting.played_from_cache()
        self._cached_greeting_plays = True
        play = self._playback.play_local(self.opening.pcm, now)
        self._state_deadline_s = self._playback.expected_end_s + self._deadlines.stall_s
        return [play, *self._enter(State.GREETING, now)]

    def _cached_greeting_over(self, share: float) -> None:
        """Take in how much of the cached greeting was heard, 0..1."""
        if self.opening is None or not self._cached_greeting_plays:
            return
        self._cached_greeting_plays = False
        self.greeting.done()
        self.greeting.skipped()
        self._transcript.said("assistant", self.opening.text, LOCAL)
        self._transcript.cut(LOCAL, share)
        self._untold_responses.append(LOCAL)

    def _request_greeting(self, now: float) -> list[Command]:
        """Ask for the greeting, or give it up where the service refused it too often."""
        if self.opening is None or self._greeting_requests >= GREETING_REQUESTS_PER_SESSION:
            return self._give_up_response(now, self._greeting_failure)
        if not self._can_be_heard:
            return self._wait_for_speaker(now)
        if self.responses.active is not None:
            self._state_deadline_s = inf
            return self._enter(State.GREETING, now)  # it waits for the end of what the service says by itself
        self._state_deadline_s = now + self._deadlines.greeting_s
        self.greeting.requested()
        self._greeting_requests += 1
        self._requests += 1
        request = do.RequestGreeting(self.opening, f"greeting-{self._requests}")
        return [do.Send(request), *self._enter(State.GREETING, now)]

    # Responses, and their sound

    def _response_created(self, response_id: str, now: float) -> list[Command]:
        self.responses.active = response_id
        self._turn_pending = False
        self._resumable.drop()
        if not self.session.ready:
            return []  # nobody asked for it before our settings were in force
        if self.responses.cancel_next or self._push_to_talk.open:
            self.responses.cancel_next = False
            listen = self._listen(now) if self.state is State.THINKING else []
            return [do.Send(do.CancelResponse(response_id)), *listen]
        flush: list[Command] = []
        if self.responses.accepted in self._untold_responses and self._playback.speaking:
            flush = [self._playback.flush()]  # it was a turn after all: what goes on is not what the person wants
        if self.responses.accepted is not None:
            self.greeting.done()  # what a lost session said still sounds, and what it said last may be the greeting
        self.responses.accept(response_id)
        self.calls.owed = (
            self.calls.owed and self.calls.busy
        ) or self.approvals.unasked  # it knows what came of those that are over
        self._person_speaks = False
        self.greeting.created(response_id)
        self._state_deadline_s = inf  # the wait has a deadline
        if flush or self.state in {State.LISTENING, State.WAITING, State.CONNECTING}:
            return [*flush, *self._enter(State.THINKING, now)]
        if self.state is State.THINKING:
            self._wait.begin(now)  # nobody waited for an answer to a cough, but this is one
        return []

    def _audio(self, event: on.AudioDelta, now: float) -> list[Command]:
        if event.response_id != self.responses.accepted:
            self.stale_deltas += 1
            if event.response_id == self._resumable.interrupted:
                self._resumable.add(event)
            return []
        self._resumable.add(event)
        play = self._playback.play(event.response_id, event.item_id, event.content_index, event.pcm, now)
        commands: list[Command] = [play]
        if self.state is State.THINKING and self._playback.has_started(event.item_id) and self._can_be_heard:
            commands += self._enter(State.SPEAKING, now)  # it goes on after a pause: the speaker reports a start once
        self._state_deadline_s = self._playback.expected_end_s + self._deadlines.stall_s
        return commands

    def _started(self, event: on.Started, now: float) -> list[Command]:
        was_local = self._playback.local
        response_id = self._playback.started(event)
        if was_local and not self._playback.local and self._policy.echo_by_service:
            self._discard_before_s = event.at_s  # a notice, or speech of a lost session, sounded until now
        if response_id is None:
            return []
        self._wait.end()
        if response_id == (LOCAL if self.greeting.from_cache else self.greeting.response_id):
            self.greeting.audible()
            if self.opening and not self.opening.ask_model and response_id != LOCAL:
                self._transcript.said("assistant", self.opening.text, response_id)
        if response_id != self.responses.accepted:
            # Another one was created before this one, whose sound still waited, was heard.
            waited = self.state is State.THINKING and response_id != LOCAL and self._playback.has_started(event.source)
            return self._enter(State.SPEAKING, now) if waited else []
        self.responses.heard = True
        self._push_to_talk.answered()
        if self.state is State.THINKING or (self.state is State.GREETING and not self._greets(response_id)):
            return self._enter(State.SPEAKING, now)
        return []

    def _greets(self, response_id: str) -> bool:
        """Return whether a response is the greeting, or comes before it."""
        return self.greeting.pending or response_id == self.greeting.response_id

    def _response_done(self, event: on.ResponseDone, now: float) -> list[Command]:
        if self.responses.ended(event):
            return [] if self._playback.speaking else self._response_over(now)
        if event.response_id == self._resumable.interrupted:
            self._resumable.done = event
        if self.responses.active is not None or not self.session.ready or self._push_to_talk.open:
            return []
        if self.approvals.answers:
            return self._send_answers(now)
        owed = self.greeting.step is Step.WANTED or (self.calls.owed and not self._person_speaks)
        return self._go_on(now) if self.responses.postponed or (owed and not self._playback.speaking) else []

    def _silent(self, event: on.Silent, now: float) -> list[Command]:
        protected = self._is_protected
        if not self._playback.silent(event):
            return []
        chimed, self._chimes = self._chimes, False
        self._resumable.heard_to_its_end()
        if protected:
            self._discard_microphone_sound()
        if self._cached_greeting_plays:
            self._cached_greeting_over(1.0)
            return self._go_on(now)
        if self.responses.accepted is not None:
            if not self.responses.unfinished:
                return self._response_over(now)
            if self.responses.heard:  # the network is slower than the voice
                self._state_deadline_s = now + self._deadlines.stall_s
            return self._enter(State.THINKING, now) if self.state is State.SPEAKING else []
        if self.state in {State.LISTENING, State.WAITING} and not chimed:
            return self._listen(now)  # a sound of our own ended: the idle time counts from here, but for a chime
        return self._go_on(now) if self.state is State.SPEAKING else []

    def _response_over(self, now: float) -> list[Command]:
        """Go on after the accepted response: it is done or lost, and nothing of it is left to hear."""
        done, heard, called = self.responses.done, self.responses.heard, self.responses.called
        greeted = self.responses.accepted == self.greeting.response_id
        failure = self.responses.failure("the announcement" if self._is_announcement else "an answer")
        self.responses.drop()
        if greeted and self.greeting.pending and done is not None and done.status != "completed":
            self.greeting.lost()
            self._greeting_failure = failure
            return self._request_greeting(now)
        if greeted:
            self.greeting.skipped()  # where it was made but no sound came
            self.greeting.broken_off |= failure is not None
            self.greeting.done()
        if heard and not called:
            self.calls.unanswered = self.calls.owed
        if failure is None:
            self.session.answered()
            return self._go_on(now)
        if self._is_announcement:
            return self._end(EndReason.FAILED, failure)
        unasked = self.responses.postponed or self.greeting.step is Step.WANTED  # what was asked for comes after it
        if unasked or (heard and done is not None and done.status in {"incomplete", "cancelled"}):
            self.last_failure = failure  # the person misses nothing, or heard most of it
            return self._go_on(now)
        return [*self._report_failure(failure, now), *self._go_on(now)]

    def _report_failure(self, failure: SpeakerError | None, now: float) -> list[Command]:
        """Report that something was asked for and not heard: to the log, unless it is known there, and to the person."""
        self.last_failure = failure or self.last_failure
        if self._policy.notices:
            return [self._playback.notice("try-again", now)]
        return [self._playback.sound("error", now)] if self._policy.error_sound else []

    def _give_up_waiting(self, now: float) -> list[Command]:
        """Tell the person that it does not work."""
        gave_up_s = self._deadlines.give_up_s
        if not self.session.ready:
            return self._end(EndReason.FAILED, self.session.failure or late("", gave_up_s))
        if self.state is State.GREETING and self.greeting.step in {Step.WANTED, Step.REQUESTED}:
            return self._end(EndReason.FAILED, late("the greeting", gave_up_s))
        return self._give_up_response(now)

    def _give_up_response(self, now: float, failure: SpeakerError | None = None) -> list[Command]:
        """Stop waiting for a response or the greeting: say so, and listen."""
        failure = failure or ServiceSilent(
            "the service did not go on with its answer, which is given up; check the network if that happens often."
        )
        stop = self._stop_response()
        if self._is_announcement:
            return [*stop, *self._end(EndReason.FAILED, failure)]
        return [*stop, *self._report_failure(failure, now), *self._listen(now)]

    def _stop_response(self) -> list[Command]:
        """Stop what is being said, and the greeting that is not begun."""
        commands: list[Command] = [self._playback.flush()] if self._playback.sounding else []
        if self.responses.active is not None:
            commands.append(do.Send(do.CancelResponse(self.responses.active)))
        self.greeting.skipped()
        self.greeting.done()
        self._push_to_talk.answered()
        self.responses.drop()
        self._turn_pending = False
        self.approvals.dismissed()
        return [*commands, *self.calls.dismissed()]

    def _flushed(self, event: on.Flushed, now: float) -> list[Command]:
        protected = self._is_protected
        commands: list[Command] = []
        cuts = self._playback.flushed(event)
        self._resumable.flushed(cuts)
        for cut in cuts:
            if cut.truncate is not None:
                commands.append(do.Send(cut.truncate))
            if cut.response_id == LOCAL:
                self._cached_greeting_over(cut.share)
            else:
                self._transcript.cut(cut.response_id, cut.share)
        if self._playback.sounding:
            return commands
        if protected:
            self._discard_microphone_sound()
        commands += self._tell_session()
        if self.state in {State.LISTENING, State.WAITING}:
            return [*commands, *self._listen(now)]
        return [*commands, *self._greet_when_heard(now)]

    def _discard_microphone_sound(self) -> None:
        """Something that people may not talk over fell silent: what was captured until then is dropped."""
        self._discard_before_s = self._playback.quiet_since_s + (ECHO_TAIL_S if self._policy.half_duplex else 0.0)

    # Tools

    def _tool_called(self, event: on.ToolCalled, now: float) -> list[Command]:
        if not self.session.ready:
            return []  # nobody asked for it before our settings were in force
        wanted = self._calls(event.response_id)
        if wanted and event.name == approvals.NAME:
            return self._answered_by_voice(event)
        return self.calls.called(event, now, wanted=wanted)

    def _calls(self, response_id: str) -> bool:
        """Take in that a response calls something; returns whether nobody has interrupted it."""
        wanted = response_id == self.responses.accepted and not self._is_announcement
        if wanted:
            self.responses.caller = response_id
            self._push_to_talk.answered()  # what was called for once is not to be called for again
        return wanted

    def _tool_result(self, event: on.ToolResult, now: float) -> list[Command]:
        worked = self._tool_works
        call, known, commands = self.calls.result(event.key, event.output, now)
        if call is not None:
            if worked:
                self._wait.restart(now)  # until now the tool was waited for, from now on the service is
            note = f"call-{event.key}"
            self._transcript.said("tool", f"{call.name}({call.arguments}), which returned: {event.output}", note)
            if not known:
                self._untold_responses.append(note)
        return [*commands, *self._after_call(now)]

    def _after_call(self, now: float) -> list[Command]:
        """Ask the model to go on after its calls, unless something else goes on."""
        nothing_else = self.responses.active is None and self.responses.accepted is None
        if not nothing_else or self._playback.speaking or self._person_speaks or self._turn_pending:
            return []
        if not self.calls.busy and (self.calls.owed or self._farewell) and self.session.ready:
            return self._go_on(now)
        return []

    def _follow_up(self, now: float) -> list[Command]:
        """Ask the model to go on after its calls, or wait for them."""
        self._question = True
        if self.calls.busy:
            self._state_deadline_s = inf
            return self._enter(State.THINKING, now)
        self.calls.owed = False
        if not self.approvals.unasked:
            return self._request_reply(now)
        question = do.Recall("system", self.approvals.question(now))
        return [do.Send(question), *self._request_reply(now)]

    def _remote_call_began(self, response_id: str, item_id: str, now: float) -> list[Command]:
        if self.session.ready:
            self.calls.remote_began(item_id, now)
        self._calls(response_id)
        return []

    def _remote_call_ended(self, item_id: str, now: float) -> list[Command]:
        worked = self._tool_works
        if not self.session.ready:
            return []
        self.calls.remote_ended(item_id)
        if worked:
            self._wait.restart(now)
        return self._after_call(now)

    def _approval_requested(self, event: on.ApprovalRequested, now: float) -> list[Command]:
        if not self.session.ready:
            return []
        wanted = self._calls(event.response_id)
        self.approvals.requested(event, wanted=wanted)
        if wanted:
            self.calls.owed = True  # the follow-up is the question
            return []
        return self._send_answers(now)

    def _answered_by_voice(self, event: on.ToolCalled) -> list[Command]:
        """Take in the person's answer; it goes to the service when the response that brought it is over."""
        allowed = approvals.allowed_by(event.arguments)
        if not self.approvals.answer(approve=allowed):
            output, self.calls.owed = "error: no tool waits for permission", True
        else:
            output = "the call is made now" if allowed else "the call is not made"
            self.calls.owed = not allowed or self.approvals.unasked
        return self.calls.answered(event, output)

    def _send_answers(self, now: float) -> list[Command]:
        """Send what a person has allowed or refused, once the service makes no response: it begins one with the call."""
        if self.responses.active is not None or not self.session.ready:
            return []
        answers = self.approvals.take_answers()
        commands: list[Command] = [do.Send(answer) for answer in answers]
        if not any(answer.approve for answer in answers):
            return commands
        self._question = True
        self._state_deadline_s = now + self._deadlines.reply_s
        return [*commands, *self._enter(State.THINKING, now)]

    # The microphone

    def _microphone_failed(self, error: SpeakerError, now: float) -> list[Command]:
        if not self._wants_microphone or self._microphone_failure is not None:
            return []
        self._microphone_flows, self._microphone_failure = False, error  # the microphone logs it itself
        self._microphone_deadline_s = now + self._deadlines.microphone_s
        return self._listen(now) if self.state is State.LISTENING else []

    def _microphone_gives_sound(self, now: float) -> list[Command]:
        if not self._microphone_open:
            return []
        self._microphone_flows, self._microphone_failure, self._microphone_deadline_s = True, None, inf
        waited_for = self.state is State.CONNECTING and self.session.ready and not self.greeting.pending
        return [*self._ready_sound(now), *self._listen(now)] if waited_for else []

    # The speaker

    def _speaker_failed(self, error: SpeakerError, now: float) -> list[Command]:
        """End the conversation if it breaks off what is being heard; else the speaker has a moment to recover."""
        if self._speaker_failure is not None:
            return []
        if self.state is State.SPEAKING or self.greeting.step is Step.AUDIBLE:
            return self._end(EndReason.FAILED, error)
        self._speaker_failure = error  # the speaker logs it itself
        waits_since_s = min(self._wait.since_s, now)
        self._speaker_deadline_s = max(waits_since_s + self._deadlines.speaker_s, now + self._deadlines.speaker_retry_s)
        if self.state is not State.GREETING:
            return []
        take_back = self._take_back_greeting() if self.greeting.step is Step.CREATED else []
        return [*take_back, *self._wait_for_speaker(now)]

    def _wait_for_speaker(self, now: float) -> list[Command]:
        """With the greeting; the speaker has a deadline of its own."""
        self._state_deadline_s = inf
        return self._enter(State.CONNECTING, now)

    def _take_back_greeting(self) -> list[Command]:
        """Nothing was heard of it: it is said from its beginning when the speaker is back."""
        commands: list[Command] = [self._playback.flush()] if self._playback.sounding else []
        if self.responses.active is not None:
            commands.append(do.Send(do.CancelResponse(self.responses.active)))
        self._cached_greeting_plays = False
        self.responses.drop()
        self.greeting.taken_back()
        return commands

    def _speaker_recovered(self, now: float) -> list[Command]:
        self._speaker_failure, self._speaker_deadline_s = None, inf
        if self.state is State.CONNECTING and self.greeting.step is Step.REQUESTED:
            self._state_deadline_s = now + self._deadlines.greeting_s
            return self._enter(State.GREETING, now)
        return self._greet_when_heard(now)

    @property
    def _can_be_heard(self) -> bool:
        """The speaker works, and nothing of what was taken back is left in it."""
        return self._speaker_failure is None and not self._playback.flushing

    def _greet_when_heard(self, now: float) -> list[Command]:
        """Say the greeting that waited for the speaker."""
        waits = self.state is State.CONNECTING and self.greeting.step is Step.WANTED and not self._push_to_talk.open
        if not waits or not self._can_be_heard:
            return []
        return self._play_cached_greeting(now) or (self._go_on(now) if self.session.ready else [])

    # The person speaks, or presses

    def _speech_started(self, now: float) -> list[Command]:
        if self._policy.push_to_talk:
            return []
        if not self._person_speaks:
            self._speech_began_s = now
        self._person_speaks, self.responses.cancel_next = True, False
        self._turn_pending = False
        if self.greeting.pending or self._is_protected:
            return []  # nothing of the person was sent: the service heard something else
        self.greeting.done()
        self._resumable.drop()
        if self.responses.accepted is not None and self._playback.speaking:
            self._resumable.interrupt(self.responses.accepted, self.responses.done)
        self.responses.drop()  # the service stops making it
        self._farewell = False
        flush: list[Command] = [self._playback.flush()] if self._playback.sounding else []
        return [*flush, *self.calls.interrupted(), *self._listen(now)]

    def _speech_stopped(self, now: float) -> list[Command]:
        if self._policy.push_to_talk or self.state is not State.LISTENING:
            return []
        spoken_s = now - self._speech_began_s
        self._question = self._person_speaks and spoken_s >= self._deadlines.question_s
        self._resumable.speech_stopped(spoken_s, now)
        self._person_speaks, self._turn_pending = False, True
        self._state_deadline_s = now + self._deadlines.reply_s
        commands = self._enter(State.THINKING, now)
        if not self._question:
            self._wait.end()
        return commands

    def _resume_answer(self, now: float) -> list[Command]:
        """Go on with the answer that a false interruption cut off."""
        response_id, done = self._resumable.interrupted, self._resumable.done
        rest = self._resumable.resume()
        if response_id is None or not rest or self.state is not State.THINKING or self._playback.sounding:
            return []
        if not self._can_be_heard:
            return []
        self.resumed_answers += 1
        self._turn_pending = False
        self.responses.resume(response_id, done)
        plays = self._playback.resume(response_id, rest, now)
        self._transcript.cut(response_id, 1.0)
        if done is not None and done.status != "completed":
            self._transcript.broken_off(response_id, self._resumable.received_ms)
        self._untold_responses.append(response_id)
        self._state_deadline_s = self._playback.expected_end_s + self._deadlines.stall_s
        return [*plays, *self._enter(State.SPEAKING, now)]

    def _pressed(self, now: float) -> list[Command]:
        if self.approvals.asked and self.state in {State.SPEAKING, State.LISTENING}:
            self.approvals.answer(approve=True)
            stop = self._dismiss_response()
            return [*stop, *(self._send_answers(now) or self._listen(now))]
        return self._interrupt(now) if self._press_interrupts else self._end(EndReason.PRESSED)

    def _wake_word_heard(self, now: float) -> list[Command]:
        if self._is_announcement:
            return self._end(EndReason.PRESSED)
        return self._interrupt(now) if self._press_interrupts else []

    def _stop_word_heard(self, now: float) -> list[Command]:
        self._resumable.drop()  # the word itself may have interrupted, and is too short for a turn
        if self._is_announcement or self._press_interrupts:
            return self._wake_word_heard(now)
        if not self._policy.push_to_talk:
            self.responses.cancel_next |= self._person_speaks  # the service hears the word as a turn
        return [self._playback.flush()] if self._playback.sounding else []

    def _interrupt(self, now: float) -> list[Command]:
        return [*self._dismiss_response(), *self._listen(now)]

    def _dismiss_response(self) -> list[Command]:
        """Stop what is being said, and what was asked for and has not begun."""
        self._resumable.drop()
        if self.responses.active is None:
            requested = self.state is State.THINKING or self.greeting.step is Step.REQUESTED
            self.responses.cancel_next = requested and self.responses.accepted is None
        self.responses.postponed = False
        return self._stop_response()

    def _repeat_answer(self, pcm: bytes, now: float) -> list[Command]:
        if not self.can_repeat_answer:
            return self._end(EndReason.PRESSED)
        self._push_to_talk.drop()
        play = [*self._dismiss_response(), self._playback.play_local(pcm, now)]
        self._state_deadline_s = self._playback.expected_end_s + self._deadlines.stall_s
        return [*play, *self._enter(State.SPEAKING, now)]

    def _chime(self, now: float) -> list[Command]:
        """Remind people that a timer rings, in a pause of the conversation."""
        waits = self.state in {State.LISTENING, State.WAITING} and not self._push_to_talk.open
        if not waits or self._person_speaks or self._playback.sounding:
            return []
        self._chimes = True
        return [self._playback.notice("timer", now)]

    # The person holds a button to talk

    def _talk_began(self, at_s: float, now: float) -> list[Command]:
        if not self._policy.push_to_talk:
            return self._wake_word_heard(now)  # whoever speaks is heard anyway
        self._tap_ends = self.state is State.WAITING
        self._push_to_talk.begin(at_s)
        self._person_speaks = True
        commands = self._interrupt(now) if self._press_interrupts else self._listen(now)
        self._wait.end()  # whoever talks does not wait
        return commands

    def _talk_ended(self, at_s: float, now: float) -> list[Command]:
        if not self._push_to_talk.held:
            return []
        self._person_speaks = False
        if self.state in _WAITS:
            self._wait.begin(now)
        if not self._push_to_talk.end(at_s):
            self.greeting.skipped()  # the person spoke first
            return []
        if self._tap_ends:
            return self._end(EndReason.PRESSED)
        forget: list[Command] = [do.DropAudio(), *([do.Send(do.ClearAudio())] if self.session.ready else [])]
        if self.session.ready and self.greeting.step is Step.WANTED:
            return [*forget, *self._go_on(now)]
        return [*forget, *(self._play_cached_greeting(now) or self._listen(now))]

    def _commit_turn(self, now: float) -> list[Command]:
        """Hand in what was said while the button was held."""
        self._push_to_talk.commit()
        return [do.Send(do.CommitAudio()), *self._request_reply(now)]

    def _request_reply(self, now: float) -> list[Command]:
        self.responses.postponed = False
        self._replies += 1
        self._state_deadline_s = now + self._deadlines.reply_s
        return [do.Send(do.RequestReply(f"turn-{self._replies}")), *self._enter(State.THINKING, now)]

    # Steps that all of these share

    def _listen(self, now: float) -> list[Command]:
        if not self.session.ready or (self._wants_microphone and not self._microphone_flows):
            self._state_deadline_s = inf
            commands = self._enter(State.CONNECTING, now)
            if self.session.ready:
                self._wait.end()  # the microphone has a deadline of its own
            return commands
        self._state_deadline_s = now + (self._deadlines.turn_s if self._person_speaks else self._policy.idle_timeout_s)
        return self._enter(State.LISTENING if self._wants_microphone else State.WAITING, now)

    def _enter(self, state: State, now: float) -> list[Command]:
        if state in _WAITS:
            self._wait.begin(now)
        else:
            self._wait.end()
        if state is self.state:
            return []
        check_transition(self.state, state)
        self.state = state
        return [do.Enter(state)]

    def _with_microphone(self, commands: list[Command], now: float) -> list[Command]:
        """Open the microphone after the light says so, close it before the light changes."""
        if self.ended or self._wants_microphone is self._microphone_open:
            return commands
        self._microphone_open = self._wants_microphone
        self._microphone_flows, self._microphone_failure = False, None
        if not self._microphone_open:
            self._microphone_deadline_s = inf
            return [do.CloseMicrophone(), *commands]
        self._microphone_deadline_s = now + self._deadlines.first_sound_s
        return [*commands, do.OpenMicrophone()]

    def _end(self, reason: EndReason, failure: SpeakerError | None = None) -> list[Command]:
        self.ended = do.End(reason, failure)
        # After a failure, what was said before is heard to its end; a person who ends the conversation wants silence.
        flush = self._playback.sounding and reason is not EndReason.FAILED
        return [*([self._playback.flush()] if flush else []), self.ended]


def _no_microphone_sound() -> SpeakerError:
    return DeviceSlow("the microphone was opened and gives neither sound nor an error; check its cable.", "microphone")
