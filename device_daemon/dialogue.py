"""The rules of a conversation as a pure machine: events and time in, commands out. No I/O, no clock, no thread.

One `Dialogue` is one conversation, from the trigger to the goodbye, over as many connections as that takes. Its
promises (tests/unit/test_dialogue_properties.py drives it through random interleavings):

- it greets once if the service lets it, never twice, across reconnects too;
- sound of a response that was interrupted is never played after the flush;
- no state lasts for ever: each that waits has a deadline;
- the microphone is streamed only in states whose light says so.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from device_daemon import commands as do
from device_daemon import events as on
from device_daemon.commands import Command
from device_daemon.errors import ConnectionLost, ServiceBusy, ServiceSilent, SessionEnded, SessionRejected, SpeakerError
from device_daemon.greeting import Ledger, Opening, Step
from device_daemon.playout import Playout
from device_daemon.rules import Hearing, Patience, Reason, Rules
from device_daemon.state import State, check_transition

HALF_DUPLEX_TAIL_S = 0.2  # a room goes on sounding a little after the speaker fell silent
GREETING_REQUESTS_PER_SESSION = 3
RETRY_DELAYS_S = (0.25, 1.0, 3.0)
FIRST_CONNECTION_RETRIES = 1  # somebody pressed the button and waits: better a quick notice than a long silence
HISTORY_TURNS = 20


@dataclass(slots=True)
class _Turn:
    """Something that was said, for a session that has to be told again after a reconnect."""

    role: str
    text: str
    response_id: str


class Dialogue:
    """One conversation. Call `start` once, then `receive` and `tick`; carry out what they return, in order."""

    def __init__(self, opening: Opening | None, rules: Rules, patience: Patience | None = None) -> None:
        self.opening = opening
        self.ledger = Ledger.opened(opening)
        self.state = State.IDLE
        self.ended: do.End | None = None
        self.stale_deltas = 0
        self.reconnects = 0
        self.trouble: SpeakerError | None = None
        """What last went wrong with the service, mended or not: for the log."""
        self._rules = rules
        self._patience = patience or Patience()
        self._playout = Playout()
        self._ready = False
        self._ready_once = False
        self._failures = 0
        self._greeting_requests = 0
        # The response the service is making (it makes one at a time), and the one whose sound may be played: the
        # newest, unless somebody interrupted it.
        self._active: str | None = None
        self._accepted: str | None = None
        self._unwanted = False  # the person waved the answer away before the service began it
        self._person_speaks = False
        self._deaf_until_s = 0.0
        self._due_s = float("inf")
        self._limit_s = float("inf")
        self._history: deque[_Turn] = deque(maxlen=HISTORY_TURNS)

    @property
    def deadline_s(self) -> float:
        """When `tick` must be called next, on the clock of the `now` that is passed in."""
        return min(self._due_s, self._limit_s)

    @property
    def _announces(self) -> bool:
        return self.opening is not None and self.opening.announcement

    @property
    def _may_be_talked_over(self) -> bool:
        if self._rules.half_duplex or not self._rules.interruptible:
            return False
        return self.opening is None or self.opening.interruptible or self.ledger.step is not Step.AUDIBLE

    def hearing(self, captured_at_s: float) -> Hearing:
        """What to do with a period of microphone audio; `captured_at_s` is the end of its last sample."""
        if self.ended or self._announces:
            return Hearing.DISCARD
        if not self._ready or self.ledger.pending:
            # Nothing is sent before the greeting is heard: the service would answer it instead of greeting.
            return Hearing.HOLD
        deaf = self._playout.sounding and not self._may_be_talked_over
        return Hearing.DISCARD if deaf or captured_at_s < self._deaf_until_s else Hearing.STREAM

    def _deafen(self) -> None:
        """Something that may not be talked over was heard to its end: what was captured until then counts for nothing."""
        tail_s = HALF_DUPLEX_TAIL_S if self._rules.half_duplex else 0.0
        self._deaf_until_s = self._playout.quiet_since_s + tail_s

    # Inputs

    def start(self, now: float) -> list[Command]:
        """Open the conversation."""
        self._limit_s = now + self._rules.max_duration_s
        return self._connect(now, 0.0)

    def tick(self, now: float) -> list[Command]:
        """Act on a deadline that has passed; harmless at any other time."""
        if self.ended:
            return []
        if now >= self._limit_s:
            return self._end(Reason.LIMIT)
        if now < self._due_s:
            return []
        match self.state:
            case State.CONNECTING:
                return self._lost(_late("session.update", self._patience.session_s), now)
            case State.GREETING if self.ledger.pending and not self._playout.sounding:
                return self._lost(_late("the greeting", self._patience.greeting_s), now)
            case State.THINKING if self._active is None:
                return self._listen(now)  # a cough is not a question: the service need not answer it
            case State.LISTENING if self._person_speaks:
                self._person_speaks = False
                return self._listen(now)
            case State.LISTENING:
                return self._end(Reason.IDLE)
            case _:
                self.trouble = ServiceSilent(
                    "the service did not go on with its answer, which is given up; check the network if that happens often."
                )
                return self._give_up_response(now)

    def receive(self, event: on.Event, now: float) -> list[Command]:  # noqa: C901, PLR0911, PLR0912 - a table
        """Take in one event; `now` is time.monotonic, or any clock that never steps back."""
        if self.ended:
            return []
        match event:
            case on.AudioDelta():
                return self._audio(event, now)
            case on.Started():
                if self._playout.started(event) == self.ledger.response_id:
                    self.ledger.audible()
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
                self._history.append(_Turn(role, text, response_id))
            case on.Opened():
                return [do.Send(do.UpdateSession())]
            case on.SessionUpdated():
                return self._session_updated(event, now)
            case on.ServiceError():
                return self._service_error(event, now)
            case on.Closed(failure):
                return self._lost(failure, now)
            case on.Pressed():
                return self._pressed(now)
            case on.StopRequested(reason):
                return self._end(reason)
            case on.MicrophoneFailed(error) | on.SpeakerFailed(error):
                return self._end(Reason.FAILED, error)
        return []

    # Connection and session

    def _connect(self, now: float, delay_s: float) -> list[Command]:
        self.ledger.lost()
        self._playout.forget_items()  # the next session does not know them
        self._ready = self._person_speaks = self._unwanted = False
        self._active = self._accepted = None
        self._greeting_requests = 0
        self._due_s = now + delay_s + self._patience.session_s
        return [*self._enter(State.CONNECTING), do.Connect(delay_s)]

    def _lost(self, failure: SpeakerError, now: float) -> list[Command]:
        """Say which failure ends a conversation and which is tried again, and how often.

        Tried again after 0.25, 1 and 3 s: whatever time may mend (`retry`), unless the service asked for a longer
        wait. Where no session ever stood it is tried again once only. The count starts anew whenever something of
        an answer arrives, so that only failures in a row end a conversation.
        """
        self.trouble = failure
        if isinstance(failure, SessionEnded):
            return self._end(Reason.CLOSED)
        retries = len(RETRY_DELAYS_S) if self._ready_once else FIRST_CONNECTION_RETRIES
        if not failure.retry or self._failures >= retries:
            return self._end(Reason.FAILED, failure)
        delay_s = RETRY_DELAYS_S[self._failures]
        if isinstance(failure, ServiceBusy) and (failure.retry_after_s or 0.0) > delay_s:
            return self._end(Reason.FAILED, failure)
        self._failures += 1
        self.reconnects += 1
        return self._connect(now, delay_s)

    def _session_updated(self, event: on.SessionUpdated, now: float) -> list[Command]:
        if self._ready:
            return []  # it follows every session.update, not only the first
        first_session = not self._ready_once
        self._ready = self._ready_once = True
        recalled: list[Command] = [do.Send(do.Recall(turn.role, turn.text)) for turn in self._history if turn.text]
        if event.greets_itself:
            self.ledger.skipped()
        if self.ledger.pending:
            return [*recalled, *self._request_greeting(now)]
        if self._announces:
            return self._end(Reason.SAID)
        begins = first_session and not event.greets_itself and self._rules.ready_sound
        return [*recalled, *([self._playout.sound("ready", now)] if begins else []), *self._listen(now)]

    def _request_greeting(self, now: float) -> list[Command]:
        """Ask for the greeting, or give it up where the service refused it too often."""
        if self.opening is None or self._greeting_requests >= GREETING_REQUESTS_PER_SESSION:
            return self._give_up_response(now)
        self._due_s = now + self._patience.greeting_s
        if self._active is not None:
            return self._enter(State.GREETING)  # it waits for the end of what the service says by itself
        self.ledger.requested()
        self._greeting_requests += 1
        request = do.RequestGreeting(self.opening, f"greeting-{self._greeting_requests}")
        return [do.Send(request), *self._enter(State.GREETING)]

    def _service_error(self, event: on.ServiceError, now: float) -> list[Command]:
        if event.code == "session_expired":
            return self._lost(ConnectionLost("the service let the session expire; a new one is opened."), now)
        if not self._ready:
            return self._end(Reason.FAILED, SessionRejected.from_service(event.code, event.message))
        if event.about.startswith("greeting-") and self.ledger.step in {Step.REQUESTED, Step.CREATED}:
            self.ledger.lost()
            return self._request_greeting(now)
        return []  # the session stays open

    # The service speaks

    def _response_created(self, response_id: str, now: float) -> list[Command]:
        self._active = response_id
        if not self._ready:
            return []  # before our settings are in force: whatever it is, nobody asked for it
        if self._unwanted:
            self._unwanted = False
            return [do.Send(do.CancelResponse(response_id))]
        self._accepted = response_id
        self._person_speaks = False
        self.ledger.created(response_id)
        if self.state is State.GREETING:
            return []
        self._due_s = now + self._patience.first_audio_s
        return self._enter(State.THINKING) if self.state is State.LISTENING else []

    def _audio(self, event: on.AudioDelta, now: float) -> list[Command]:
        if event.response_id != self._accepted:
            self.stale_deltas += 1
            return []
        self._failures = 0
        play = self._playout.play(event.response_id, event.item_id, event.content_index, event.pcm, now)
        self._due_s = self._playout.expected_end_s + self._patience.stall_s
        return [play] if self.state is State.GREETING else [play, *self._enter(State.SPEAKING)]

    def _response_done(self, event: on.ResponseDone, now: float) -> list[Command]:
        if event.response_id == self._active:
            self._active = None
        if event.response_id == self._accepted and not self._playout.sounding:
            return self._response_over(event.status, now)
        if self.ledger.step is Step.WANTED and self._active is None and self._ready:
            return self._request_greeting(now)
        return []

    def _silent(self, event: on.Silent, now: float) -> list[Command]:
        firm = not self._may_be_talked_over
        if not self._playout.silent(event):
            return []
        if firm:
            self._deafen()
        if self.state is State.CONNECTING:
            return []
        if self.state is State.LISTENING:
            return self._listen(now)  # one of our own sounds ended: the idle time counts from here
        if self._accepted is not None and self._accepted == self._active:
            self._due_s = now + self._patience.stall_s  # the network is slower than the voice
            return []
        return self._response_over("completed", now) if self._accepted else []

    def _response_over(self, status: str, now: float) -> list[Command]:
        """The response is done and nothing of it is left to hear."""
        greeted = self._accepted == self.ledger.response_id
        self._accepted = None
        if greeted and self.ledger.pending and status != "completed":
            self.ledger.lost()
        if self.ledger.step is Step.WANTED:
            return self._request_greeting(now)
        if greeted:
            self.ledger.skipped()  # where it was made but no sound came
            self.ledger.done()
        if self._announces:
            return self._end(Reason.SAID)
        failed = status == "failed" and self.state is State.THINKING and self._rules.error_sound
        return [*([self._playout.sound("error", now)] if failed else []), *self._listen(now)]

    def _give_up_response(self, now: float) -> list[Command]:
        """The response (or the greeting) that was due does not come any more: say so with a sound, and listen."""
        self.ledger.skipped()
        self.ledger.done()
        stop: list[Command] = [self._playout.flush()] if self._playout.sounding else []
        if self._active is not None:
            stop.append(do.Send(do.CancelResponse(self._active)))
        self._accepted = None
        if self._announces:
            return [*stop, *self._end(Reason.FAILED, _late("the announcement", self._patience.stall_s))]
        if self._rules.error_sound:
            stop.append(self._playout.sound("error", now))
        return [*stop, *self._listen(now)]

    # The person speaks, or presses

    def _speech_started(self, now: float) -> list[Command]:
        self._person_speaks, self._unwanted = True, False
        if self.ledger.pending or (self._playout.sounding and not self._may_be_talked_over):
            return []  # nothing of the person was sent: the service heard a ghost
        self.ledger.done()
        self._accepted = None  # the service stops making it; what still comes of it is stale
        flush: list[Command] = [self._playout.flush()] if self._playout.sounding else []
        return [*flush, *self._listen(now)]

    def _speech_stopped(self, now: float) -> list[Command]:
        self._person_speaks = False
        if self.state is not State.LISTENING:
            return []
        self._due_s = now + self._patience.reply_s
        return self._enter(State.THINKING)

    def _pressed(self, now: float) -> list[Command]:
        if self._announces or self.state not in {State.GREETING, State.THINKING, State.SPEAKING}:
            return self._end(Reason.PRESSED)
        commands: list[Command] = [self._playout.flush()] if self._playout.sounding else []
        if self._active is not None:
            commands.append(do.Send(do.CancelResponse(self._active)))
        else:
            self._unwanted = self._accepted is None  # what was asked for is not begun yet
        self.ledger.skipped()
        self.ledger.done()
        self._accepted = None
        return [*commands, *self._listen(now)]

    def _flushed(self, event: on.Flushed, now: float) -> list[Command]:
        firm = not self._may_be_talked_over
        truncations: list[Command] = []
        for truncate, response_id, share in self._playout.flushed(event):
            truncations.append(do.Send(truncate))
            for turn in self._history:
                if turn.response_id == response_id:
                    turn.text = turn.text[: int(len(turn.text) * share)]
        if firm and not self._playout.sounding:
            self._deafen()
        if self.state is State.LISTENING and not self._playout.sounding:
            return [*truncations, *self._listen(now)]
        return truncations

    # Ends

    def _listen(self, now: float) -> list[Command]:
        self._due_s = now + (self._patience.turn_s if self._person_speaks else self._rules.idle_timeout_s)
        return self._enter(State.LISTENING)

    def _enter(self, state: State) -> list[Command]:
        if state is self.state:
            return []
        check_transition(self.state, state)
        self.state = state
        return [do.Enter(state)]

    def _end(self, reason: Reason, failure: SpeakerError | None = None) -> list[Command]:
        self.ended = do.End(reason, failure)
        # A failure lets what was said before it be heard to its end; a person who ends it wants silence.
        hush = self._playout.sounding and reason is not Reason.FAILED
        return [*([self._playout.flush()] if hush else []), self.ended]


def _late(what: str, patience_s: float) -> ServiceSilent:
    return ServiceSilent(
        f"the service did not answer {what} within {patience_s:g} s; check the network, it is tried again."
    )
