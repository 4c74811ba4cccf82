"""The rules of a conversation as a pure machine: events and time in, commands out. No I/O, no clock, no thread.

One `Dialogue` is one conversation, from the trigger to the goodbye, over as many connections as that takes. Its
promises (tests/unit/conversation/test_dialogue_properties.py drives it through random interleavings):

- it greets once if the service lets it, never twice, across reconnects too;
- sound of a response that was interrupted is never played after the flush;
- no state lasts for ever: each that waits has a deadline;
- the microphone is streamed only in states whose light says so.
"""

from __future__ import annotations

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import Command
from device_daemon.conversation.floor import Floor
from device_daemon.conversation.playback_ledger import MEMORY
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.service_errors import failure_of
from device_daemon.errors import ConnectionLost, ServiceBusy, ServiceSilent, SessionEnded, SpeakerError
from device_daemon.greetings.opening import Step
from device_daemon.state import State

GREETING_REQUESTS_PER_SESSION = 3
RETRY_DELAYS_S = (0.25, 1.0, 3.0)
FIRST_CONNECTION_RETRIES = 1  # somebody pressed the button and waits: better a quick notice than a long silence
ACTIVE_ALREADY = "conversation_already_has_active_response"


class Dialogue(Floor):
    """One conversation. Call `start` once, then `receive` and `tick`; carry out what they return, in order."""

    @property
    def deadline_s(self) -> float:
        """When `tick` must be called next, on the clock of the `now` that is passed in."""
        return min(self._due_s, self._limit_s, self._held.complete_at_s)

    # Inputs

    def start(self, now: float) -> list[Command]:
        """Open the conversation. Of a push-to-talk button `TalkBegan` follows at once, and decides about the greeting."""
        self._limit_s = now + self._rules.max_duration_s
        recital = [] if self._rules.push_to_talk else self._recite_greeting(now)
        return self._with_microphone([*recital, *self._connect(now, 0.0)])

    def tick(self, now: float) -> list[Command]:
        """Act on a deadline that has passed; harmless at any other time."""
        return [] if self.ended else self._with_microphone(self._tick(now))

    def receive(self, event: on.Event, now: float) -> list[Command]:
        """Take in one event; `now` is time.monotonic, or any clock that never steps back."""
        return [] if self.ended else self._with_microphone(self._receive(event, now))

    def _tick(self, now: float) -> list[Command]:
        if now >= self._limit_s:
            return self._end(EndReason.LIMIT)
        if now >= self._held.complete_at_s:
            self._held.finish()
            return self._commit(now) if self._ready else []
        if now < self._due_s:
            return []
        match self.state:
            case _ if not self._ready:
                return self._lost(_late("session.update", self._patience.session_s), now)
            case State.GREETING if self.ledger.pending and not self._playout.sounding:
                return self._lost(_late("the greeting", self._patience.greeting_s), now)
            case State.THINKING if self._active is None:
                return self._listen(now)  # a cough is not a question: the service need not answer it
            case State.LISTENING if self._person_speaks:
                self._person_speaks = False
                self._held.drop()
                return self._listen(now)
            case State.LISTENING | State.WAITING:
                return self._end(EndReason.IDLE)
            case _:
                self.trouble = ServiceSilent(
                    "the service did not go on with its answer, which is given up; check the network if that happens often."
                )
                return self._give_up_response(now)

    def _receive(self, event: on.Event, now: float) -> list[Command]:  # noqa: C901, PLR0911, PLR0912 - a table
        match event:
            case on.AudioDelta():
                return self._audio(event, now)
            case on.Started():
                if self._playout.started(event) == (MEMORY if self.ledger.remembered else self.ledger.response_id):
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
                self._history.said(role, text, response_id)
            case on.Opened():
                return [do.Send(do.UpdateSession(self._rules.push_to_talk))]
            case on.SessionUpdated():
                return self._session_updated(event, now)
            case on.ServiceError():
                return self._service_error(event, now)
            case on.Closed(failure):
                return self._lost(failure, now)
            case on.Pressed():
                return self._pressed(now)
            case on.Called():
                return self._called(now)
            case on.TalkBegan(at_s):
                return self._talk_began(at_s, now)
            case on.TalkEnded(at_s):
                return self._talk_ended(at_s, now)
            case on.Again(pcm):
                return self._again(pcm, now)
            case on.StopRequested(reason):
                return self._end(reason)
            case on.MicrophoneFailed(error) | on.SpeakerFailed(error):
                return self._end(EndReason.FAILED, error)
        return []

    # Connection and session

    def _connect(self, now: float, delay_s: float) -> list[Command]:
        self.ledger.lost()
        self._playout.forget_items()  # the next session does not know them
        self._ready = self._person_speaks = self._unwanted = self._reply_wanted = False
        self._active = self.accepted = None
        self._greeting_requests = 0
        self._due_s = now + delay_s + self._patience.session_s
        # A remembered greeting needs no connection: it goes on.
        reciting = self._playout.reciting and self.state is State.GREETING
        return [*([] if reciting else self._enter(State.CONNECTING)), do.Connect(delay_s)]

    def _lost(self, failure: SpeakerError, now: float) -> list[Command]:
        """Say which failure ends a conversation and which is tried again, and how often.

        Tried again after 0.25, 1 and 3 s: whatever time may mend (`retry`), unless the service asked for a longer
        wait. Where no session ever stood it is tried again once only. The count starts anew whenever something of
        an answer arrives, so that only failures in a row end a conversation.
        """
        self.trouble = failure
        if isinstance(failure, SessionEnded):
            return self._end(EndReason.CLOSED)
        retries = len(RETRY_DELAYS_S) if self._ready_once else FIRST_CONNECTION_RETRIES
        if not failure.retry or self._failures >= retries:
            return self._end(EndReason.FAILED, failure)
        delay_s = RETRY_DELAYS_S[self._failures]
        if isinstance(failure, ServiceBusy) and (failure.retry_after_s or 0.0) > delay_s:
            return self._end(EndReason.FAILED, failure)
        self._failures += 1
        self.reconnects += 1
        return self._connect(now, delay_s)

    def _session_updated(self, event: on.SessionUpdated, now: float) -> list[Command]:
        if self._ready:
            return []  # it follows every session.update, not only the first
        first_session = not self._ready_once
        self._ready = self._ready_once = True
        recalled: list[Command] = [do.Send(turn) for turn in self._history.recall()]
        if self._playout.reciting and self.state is State.GREETING:
            self._due_s = self._playout.expected_end_s + self._patience.stall_s
            return recalled
        if event.greets_itself:
            self.ledger.skipped()
        if self._held.open:
            return [*recalled, *self._listen(now)]
        if self._held.complete:
            return [*recalled, *self._commit(now)]
        if self.ledger.pending:
            return [*recalled, *self._greet(now)]
        if self._announces:
            return self._end(EndReason.SAID)
        begins = first_session and self.ledger.step is Step.NONE and self._rules.ready_sound
        return [*recalled, *([self._playout.sound("ready", now)] if begins else []), *self._listen(now)]

    # The greeting

    def _greet(self, now: float) -> list[Command]:
        return self._recite_greeting(now) or self._request_greeting(now)

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
            return self._lost(failure_of(event), now)
        if event.about.startswith("greeting-") and self.ledger.step in {Step.REQUESTED, Step.CREATED}:
            self.ledger.lost()
            return self._request_greeting(now)
        if event.about.startswith("turn-") and self.state is State.THINKING:
            self._reply_wanted = event.code == ACTIVE_ALREADY  # asked for again when that one is done
            return [] if self._reply_wanted else self._listen(now)
        return []  # the session stays open

    # The service speaks

    def _response_created(self, response_id: str, now: float) -> list[Command]:
        self._active = response_id
        if not self._ready:
            return []  # before our settings are in force: whatever it is, nobody asked for it
        if self._unwanted or self._held.open:
            self._unwanted = False
            return [do.Send(do.CancelResponse(response_id))]
        self.accepted = response_id
        self._person_speaks = False
        self.ledger.created(response_id)
        if self.state is State.GREETING:
            return []
        self._due_s = now + self._patience.first_audio_s
        return self._enter(State.THINKING) if self.state in {State.LISTENING, State.WAITING} else []

    def _audio(self, event: on.AudioDelta, now: float) -> list[Command]:
        if event.response_id != self.accepted:
            self.stale_deltas += 1
            return []
        self._failures = 0
        play = self._playout.play(event.response_id, event.item_id, event.content_index, event.pcm, now)
        self._due_s = self._playout.expected_end_s + self._patience.stall_s
        return [play] if self.state is State.GREETING else [play, *self._enter(State.SPEAKING)]

    def _response_done(self, event: on.ResponseDone, now: float) -> list[Command]:
        if event.response_id == self._active:
            self._active = None
        if event.response_id == self.accepted and not self._playout.sounding:
            return self._response_over(event.status, now)
        if self._active is not None or not self._ready:
            return []
        if self._reply_wanted:
            return self._request_reply(now)
        if self.ledger.step is Step.WANTED and not self._held.open:
            return self._request_greeting(now)
        return []

    def _silent(self, event: on.Silent, now: float) -> list[Command]:
        firm, recited = not self._may_be_talked_over, self._playout.reciting
        if not self._playout.silent(event):
            return []
        if firm:
            self._deafen(recited=recited)
        told = self._recited(1.0)
        if not self._ready or self.state in {State.LISTENING, State.WAITING}:
            return [*told, *self._listen(now)]  # one of our own sounds ended: the idle time counts from here
        if self.accepted is None:
            return [*told, *(self._listen(now) if recited else [])]
        if self.accepted == self._active:
            self._due_s = now + self._patience.stall_s  # the network is slower than the voice
            return told
        return [*told, *self._response_over("completed", now)]

    def _response_over(self, status: str, now: float) -> list[Command]:
        """The response is done and nothing of it is left to hear."""
        greeted = self.accepted == self.ledger.response_id
        self.accepted = None
        if greeted and self.ledger.pending and status != "completed":
            self.ledger.lost()
        if self.ledger.step is Step.WANTED:
            return self._request_greeting(now)
        if greeted:
            self.ledger.skipped()  # where it was made but no sound came
            self.ledger.done()
        if self._announces:
            return self._end(EndReason.SAID)
        failed = status == "failed" and self.state is State.THINKING and self._rules.error_sound
        return [*([self._playout.sound("error", now)] if failed else []), *self._listen(now)]

    def _give_up_response(self, now: float) -> list[Command]:
        """The response (or the greeting) that was due does not come any more: say so with a sound, and listen."""
        self.ledger.skipped()
        self.ledger.done()
        stop: list[Command] = [self._playout.flush()] if self._playout.sounding else []
        if self._active is not None:
            stop.append(do.Send(do.CancelResponse(self._active)))
        self.accepted = None
        if self._announces:
            return [*stop, *self._end(EndReason.FAILED, _late("the announcement", self._patience.stall_s))]
        if self._rules.error_sound:
            stop.append(self._playout.sound("error", now))
        return [*stop, *self._listen(now)]

    # The person speaks, or presses

    def _speech_started(self, now: float) -> list[Command]:
        if self._rules.push_to_talk:
            return []
        self._person_speaks, self._unwanted = True, False
        if self.ledger.pending or (self._playout.sounding and not self._may_be_talked_over):
            return []  # nothing of the person was sent: the service heard a ghost
        self.ledger.done()
        self.accepted = None  # the service stops making it; what still comes of it is stale
        flush: list[Command] = [self._playout.flush()] if self._playout.sounding else []
        return [*flush, *self._listen(now)]

    def _speech_stopped(self, now: float) -> list[Command]:
        if self._rules.push_to_talk or self.state is not State.LISTENING:
            return []
        self._person_speaks = False
        self._due_s = now + self._patience.reply_s
        return self._enter(State.THINKING)

    def _pressed(self, now: float) -> list[Command]:
        return self._interrupted(now) if self._may_be_interrupted else self._end(EndReason.PRESSED)

    def _called(self, now: float) -> list[Command]:
        if self._announces:
            return self._end(EndReason.PRESSED)
        return self._interrupted(now) if self._may_be_interrupted else []

    @property
    def _may_be_interrupted(self) -> bool:
        return not self._announces and self.state in {State.GREETING, State.THINKING, State.SPEAKING}

    def _interrupted(self, now: float) -> list[Command]:
        return [*self._hush(), *self._listen(now)]

    def _again(self, pcm: bytes, now: float) -> list[Command]:
        if not self.may_repeat:
            return self._end(EndReason.PRESSED)
        self._held.drop()
        play = [*self._hush(), self._playout.recite(pcm, now)]
        self._due_s = self._playout.expected_end_s + self._patience.stall_s
        return [*play, *self._enter(State.SPEAKING)]

    def _flushed(self, event: on.Flushed, now: float) -> list[Command]:
        firm, recited = not self._may_be_talked_over, self._playout.reciting
        commands: list[Command] = []
        for cut in self._playout.flushed(event):
            if cut.truncate is None:
                commands += self._recited(cut.share)
            else:
                commands.append(do.Send(cut.truncate))
                self._history.cut(cut.response_id, cut.share)
        if self._playout.sounding:
            return commands
        if firm:
            self._deafen(recited=recited)
        return [*commands, *self._listen(now)] if self.state in {State.LISTENING, State.WAITING} else commands

    # The person holds a button to talk

    def _talk_began(self, at_s: float, now: float) -> list[Command]:
        if not self._rules.push_to_talk:
            return self._called(now)  # whoever speaks is heard anyway
        self._tap_ends = self.state is State.WAITING
        self._held.begin(at_s)
        self._person_speaks = True
        return self._interrupted(now) if self._may_be_interrupted else self._listen(now)

    def _talk_ended(self, at_s: float, now: float) -> list[Command]:
        if not self._held.held:
            return []
        self._person_speaks = False
        if not self._held.end(at_s):
            self.ledger.skipped()  # the person spoke first
            return []
        if self._tap_ends:
            return self._end(EndReason.PRESSED)
        forget: list[Command] = [do.DropAudio(), *([do.Send(do.ClearAudio())] if self._ready else [])]
        if self._ready and self.ledger.step is Step.WANTED:
            return [*forget, *self._greet(now)]
        return [*forget, *(self._recite_greeting(now) or self._listen(now))]

    def _commit(self, now: float) -> list[Command]:
        """Hand in what was said while the button was held."""
        self._held.drop()
        return [do.Send(do.CommitAudio()), *self._request_reply(now)]

    def _request_reply(self, now: float) -> list[Command]:
        self._reply_wanted = False
        self._turns += 1
        self._due_s = now + self._patience.reply_s
        return [do.Send(do.RequestReply(f"turn-{self._turns}")), *self._enter(State.THINKING)]


def _late(what: str, patience_s: float) -> ServiceSilent:
    return ServiceSilent(
        f"the service did not answer {what} within {patience_s:g} s; check the network, it is tried again."
    )
