"""The promises of a conversation, held through random interleavings of service, speaker, person and time."""

import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.approvals import NAME
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.playback_ledger import LOCAL
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, EndReason, MicrophoneGate
from device_daemon.conversation.push_to_talk import COMMIT_AFTER_S
from device_daemon.conversation.rules.microphone_gate import ECHO_TAIL_S
from device_daemon.conversation.tool_calls import MOST_AT_ONCE
from device_daemon.errors import AuthRefused, ConnectionLost, DeviceGone, ServiceUnreachable
from device_daemon.greetings.opening import Opening
from device_daemon.state import IN_CONVERSATION, MICROPHONE_OPEN, State, check_transition

FAILURES = (ConnectionLost("lost"), ServiceUnreachable("gone"), ConnectionLost("closed", 1000), AuthRefused("no"))
OPENINGS = {
    "none": None,
    "spoken": Opening("spoken", "Hello!"),
    "protected": Opening("protected", "Listen.", interruptible=False),
    "of the model": Opening("of the model", "Greet them.", ask_model=True),
    "cached": Opening("cached", "Hello again!", pcm=bytes(48 * 500)),
    "cached and protected": Opening("cached and protected", "Listen again.", interruptible=False, pcm=bytes(48 * 500)),
    "announcement": Opening("announcement", "The dryer is done.", interruptible=False, announcement=True),
}

Queued = do.Play | do.Sound | do.Notice
DEADLINES = Deadlines()
SOUND = random.Random(1).randbytes(48 * 400 * 61)
"""The sound of every item: which piece of it is played tells where in the item it is from."""


class World(RuleBasedStateMachine):
    """A service, a sound card and a person in any order; the dialogue keeps its promises."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.responses = 0
        self.made: list[str] = []  # every response of the current connection, newest last
        self.greetings: set[str] = set()
        self.greeting_asked = False
        self.greetings_heard = 0
        self.interrupted: set[str] = set()
        self.may_play: set[str] = set()
        self.received_ms: dict[str, int] = {}
        self.queue: list[Queued] = []
        self.started: set[str] = set()
        self.begun: set[str] = set()  # also before a flush
        self.sent_bytes: dict[str, int] = {}
        self.next_byte: dict[str, int] = {}
        self.skipped_ms: dict[str, int] = {}
        self.heard_out_ms: dict[str, int] = {}
        """Up to where each item was heard when everything fell silent; it may go on after that."""
        self.cut_ms: dict[str, int] = {}
        self.resumed: set[str] = set()
        self.may_resume = ""
        self.flushes: list[tuple[do.Flush, list[Queued], str]] = []
        self.last_ticket = 0
        self.connected = False
        self.configured = False
        self.state = State.IDLE
        self.microphone_open = False
        self.recalled: list[str] = []
        self.commands: list[do.Command] = []
        self.greeting_id = ""
        self.microphone_failed = self.microphone_flows = False
        self.speaker_failed = False
        self.waits_since_s: float | None = None
        self.quiet_since_s = 0.0
        self.held_since_s: float | None = None
        self.released_s = 0.0
        self.active = ""
        self.calls = 0
        self.callers: set[str] = set()
        self.unanswered: set[str] = set()  # calls of the current session
        self.running: dict[int, float] = {}  # and since when
        self.remote: dict[str, float] = {}  # calls of the service, and since when
        self.remotes = 0
        self.requests: set[str] = set()  # for permission, of the current session
        self.all_requests = 0
        self.yes = 0
        self.worked_until_s = 0.0
        self.last_key = 0
        self.farewell = False
        self.end: do.End | None = None

    def open(self, opening: Opening | None, policy: ConversationPolicy) -> None:
        self.opening, self.policy = opening, policy
        self.dialogue = Dialogue(opening, policy)
        self.limit_s = self.now + 900.0
        self.carry_out(self.dialogue.start(self.now))
        if self.microphone_open:
            self.microphone_gives_sound()
        if policy.push_to_talk:
            self.button_goes_down()

    def an_answer_begins(self) -> None:
        self.connection_opens()
        self.session_updated(greets_itself=False)
        if self.queue:
            self.all_was_heard()  # the cached greeting
        self.response_created()
        self.audio_delta(which=0, ms=400)
        self.audio_delta(which=0, ms=400)
        if self.queue:
            self.sound_starts()

    def carry_out(self, commands: list[do.Command]) -> None:  # noqa: C901, PLR0912, PLR0915 - one table of commands
        self.commands = commands
        for command in commands:
            assert self.end is None, "nothing may follow the end"
            match command:
                case do.Connect():
                    self.connected, self.made, self.greeting_asked = False, [], False
                    self.configured = False
                    self.recalled = []
                    self.active = ""
                    self.unanswered, self.requests, self.remote = set(), set(), {}
                case do.Enter(state):
                    check_transition(self.state, state)
                    self.state = state
                    if state not in {State.CONNECTING, State.GREETING, State.THINKING}:
                        self.waits_since_s = None
                    elif self.waits_since_s is None:
                        self.waits_since_s = self.now
                case do.OpenMicrophone():
                    assert not self.microphone_open
                    self.microphone_open = True
                case do.CloseMicrophone():
                    assert self.microphone_open
                    self.microphone_open = self.microphone_failed = self.microphone_flows = False
                case do.ReplayAudio(since_s):
                    assert since_s <= self.now + ECHO_TAIL_S
                    if not self.queue and not self.flushes and not self.policy.push_to_talk:
                        assert since_s >= self.quiet_since_s, "it holds what the speaker said"
                case do.Send(do.UpdateSession(push_to_talk)):
                    assert push_to_talk is self.policy.push_to_talk
                case do.Send(do.Recall(role, text)):
                    assert role == "system", "text of the assistant leads models to answer with text"
                    assert self.configured
                    self.recalled.append(text)
                case do.Send(do.CommitAudio()):
                    assert self.configured
                    assert self.now >= self.released_s + COMMIT_AFTER_S, "its end is still to come"
                case do.Send(do.ClearAudio()):
                    assert self.policy.push_to_talk
                    assert self.configured
                case do.Send(do.RequestReply()):
                    assert self.configured
                    if not self.policy.push_to_talk:
                        assert self.callers, "the service answers by itself whatever is said"
                        assert not self.active, "it is refused until response.done"
                        assert not self.unanswered, "the model is to know what came of all calls"
                    if self.state is State.THINKING and self.waits_since_s is None:
                        self.waits_since_s = self.now
                case do.Send(do.ToolOutput(call_id)):
                    assert self.configured
                    assert call_id in self.unanswered, "answered twice, or to another session"
                    self.unanswered.remove(call_id)
                case do.Send(do.AnswerApproval(request_id, approve)):
                    assert self.configured
                    assert not self.active, "the service begins a response of its own"
                    assert request_id in self.requests, "answered twice, or to another session"
                    self.requests.remove(request_id)
                    self.yes -= approve
                    assert self.yes >= 0, "nobody has allowed it"
                case do.CallTool(key):
                    assert key > self.last_key, "they begin in order"
                    assert len(self.working) < MOST_AT_ONCE
                    self.last_key, self.running[key] = key, self.now
                case do.Send(do.RequestGreeting(opening, event_id)):
                    assert self.configured
                    assert opening == self.opening
                    assert not opening.pcm, "what is cached is not asked for"
                    assert self.greetings_heard == 0, "asked for again after it was heard"
                    assert not self.greeting_asked, "asked for twice at once"
                    self.greeting_asked, self.greeting_id = True, event_id
                case do.Send(do.Truncate(item_id, _, audio_end_ms)):
                    assert 0 <= audio_end_ms < self.received_ms[item_id]
                case do.Play(do_item, pcm, ticket) if do_item == LOCAL:
                    self.ordered(ticket)
                    self.received_ms[LOCAL] = self.received_ms.get(LOCAL, 0) + len(pcm) // 48
                    self.queue.append(command)
                case do.Play(item_id, pcm, ticket):
                    response_id = item_id.removeprefix("item-")
                    if response_id in self.interrupted:
                        self.goes_on(response_id, item_id)
                    start = self.next_byte.get(item_id, 0)
                    assert pcm == SOUND[start : start + len(pcm)], "something is left out, or heard twice"
                    self.next_byte[item_id] = start + len(pcm)
                    self.ordered(ticket)
                    self.received_ms[item_id] = (start + len(pcm)) // 48
                    self.queue.append(command)
                case do.Sound(_, ticket) | do.Notice(_, ticket):
                    self.ordered(ticket)
                    self.queue.append(command)
                case do.Flush(ticket):
                    self.ordered(ticket)
                    begun = [entry.item_id for entry in self.queue if isinstance(entry, do.Play)]
                    begun = [item_id for item_id in begun if item_id in self.started]
                    self.flushes.append((command, self.queue, begun[-1] if begun else ""))
                    self.started = set()
                    sounded = {entry.item_id for entry in self.queue if isinstance(entry, do.Play)} - {LOCAL}
                    self.interrupted |= {*self.made, *(item_id.removeprefix("item-") for item_id in sounded)}
                    self.queue = []
                case do.End(reason):
                    if reason is EndReason.GOODBYE:
                        assert self.farewell
                        assert not self.hears_speech, "the farewell is to be heard"
                    self.end = command

    def goes_on(self, response_id: str, item_id: str) -> None:
        """An answer goes on after a false interruption, from where it was heard."""
        assert self.policy.resume
        assert not self.policy.half_duplex
        assert not self.policy.push_to_talk
        assert response_id == self.may_resume, "stale sound"
        assert not self.flushes, "nobody knows yet where it stopped"
        self.interrupted.discard(response_id)
        self.resumed.add(item_id)
        self.skipped_ms[item_id] = self.cut_ms[item_id]
        self.next_byte[item_id] = self.cut_ms[item_id] * 48

    def ordered(self, ticket: int) -> None:
        assert ticket == self.last_ticket + 1
        self.last_ticket = ticket

    def feed(self, event: on.Event) -> None:
        self.carry_out(self.dialogue.receive(event, self.now))

    # The service

    @precondition(lambda self: self.end is None and not self.connected)
    @rule()
    def connection_opens(self) -> None:
        self.connected = True
        self.feed(on.Opened())
        self.feed(on.SessionCreated("sess_1"))

    @precondition(lambda self: self.connected)
    @rule(greets_itself=st.sampled_from([False, False, False, True]))
    def session_updated(self, greets_itself: bool) -> None:
        self.configured = True
        self.feed(on.SessionUpdated(greets_itself=greets_itself))

    @precondition(lambda self: self.connected)
    @rule()
    def response_created(self) -> None:
        self.responses += 1
        response_id = f"resp-{self.responses}"
        if self.greeting_asked:
            self.greetings.add(response_id)
            self.greeting_asked = False
        self.made.append(response_id)
        self.active = response_id
        self.may_resume = ""
        self.feed(on.ResponseCreated(response_id))
        self.interrupted.discard(response_id)  # if anything was flushed, it was what came before
        if self.state is State.THINKING and self.waits_since_s is None:
            self.waits_since_s = self.now

    @precondition(lambda self: self.connected and self.made)
    @rule(which=st.integers(0, 2), ms=st.integers(1, 400))
    def audio_delta(self, which: int, ms: int) -> None:
        response_id = self.made[-1 - which % len(self.made)]
        item_id = f"item-{response_id}"
        start = self.sent_bytes.get(item_id, 0)
        self.sent_bytes[item_id] = start + 48 * ms
        self.feed(on.AudioDelta(response_id, item_id, 0, SOUND[start : start + 48 * ms]))

    @precondition(lambda self: self.connected and self.made)
    @rule(which=st.integers(0, 2), status=st.sampled_from(["completed", "cancelled", "failed", "incomplete"]))
    def response_done(self, which: int, status: str) -> None:
        response_id = self.made[-1 - which % len(self.made)]
        if status != "completed":
            self.greeting_asked = False
        sounds = {entry.item_id for entry in self.queue if isinstance(entry, do.Play)} | self.started
        unheard = (
            self.dialogue.responses.accepted == response_id and f"item-{response_id}" not in sounds and self.end is None
        )
        only_calls = response_id in self.callers and status == "completed"
        over = unheard and not only_calls and not any(isinstance(entry, do.Play) for entry in self.queue)
        self.active = "" if self.active == response_id else self.active
        self.feed(on.ResponseDone(response_id, status))
        if over:
            assert self.reported, "it was not heard, and nobody hears of that"

    @precondition(lambda self: self.connected and self.made)
    @rule(which=st.sampled_from([0, 0, 0, 1]), how_many=st.integers(1, MOST_AT_ONCE + 2))
    def tools_are_called(self, which: int, how_many: int) -> None:
        response_id = self.made[-1 - which % len(self.made)]
        for _ in range(how_many):
            self.calls += 1
            call_id = f"call-{self.calls}"
            if self.configured:
                self.unanswered.add(call_id)
                self.callers.add(response_id)
            self.feed(on.ToolCalled(response_id, call_id, "get_time", "{}"))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 7))
    def a_tool_answers(self, which: int) -> None:
        key = sorted(self.running)[which % len(self.running)]
        self.worked_until_s = max(self.worked_until_s, min(self.now, self.running.pop(key) + DEADLINES.tool_s))
        self.feed(on.ToolResult(key, "12:30"))

    @precondition(lambda self: self.connected and self.made)
    @rule(which=st.sampled_from([0, 0, 0, 1]))
    def the_service_calls_a_tool(self, which: int) -> None:
        response_id = self.made[-1 - which % len(self.made)]
        self.remotes += 1
        if self.configured:
            self.remote[f"mcp-{self.remotes}"] = self.now
            self.callers.add(response_id)
        self.feed(on.RemoteCallBegan(response_id, f"mcp-{self.remotes}"))

    @precondition(lambda self: self.remote)
    @rule(which=st.integers(0, 7))
    def its_call_ends(self, which: int) -> None:
        item_id = sorted(self.remote)[which % len(self.remote)]
        self.worked_until_s = max(self.worked_until_s, min(self.now, self.remote.pop(item_id) + DEADLINES.tool_s))
        self.feed(on.RemoteCallEnded(item_id))

    @precondition(lambda self: self.connected and self.made)
    @rule(which=st.sampled_from([0, 0, 0, 1]))
    def permission_is_asked_for(self, which: int) -> None:
        response_id = self.made[-1 - which % len(self.made)]
        self.all_requests += 1
        if self.configured:
            self.requests.add(f"mcpr-{self.all_requests}")
            self.callers.add(response_id)
        self.feed(on.ApprovalRequested(response_id, f"mcpr-{self.all_requests}", "docs", "search", "{}"))

    @precondition(lambda self: self.connected and self.made and self.all_requests)
    @rule(allowed=st.booleans())
    def the_model_passes_on_an_answer(self, allowed: bool) -> None:
        self.calls += 1
        call_id = f"call-{self.calls}"
        if self.configured:
            self.unanswered.add(call_id)
            self.callers.add(self.made[-1])
            self.yes += allowed
        self.feed(on.ToolCalled(self.made[-1], call_id, NAME, f'{{"allowed": {str(allowed).lower()}}}'))

    @precondition(lambda self: self.calls)
    @rule()
    def the_person_says_goodbye(self) -> None:
        self.farewell = True
        self.feed(on.Farewell())

    @property
    def working(self) -> list[int]:
        """The calls that run and are not given up."""
        return [key for key, since_s in self.running.items() if self.now < since_s + DEADLINES.tool_s]

    @precondition(lambda self: self.connected)
    @rule()
    def speech_started(self) -> None:
        accepted = self.dialogue.responses.accepted or ""
        self.feed(on.SpeechStarted())
        self.may_resume = accepted if any(isinstance(command, do.Flush) for command in self.commands) else ""

    @precondition(lambda self: self.connected)
    @rule()
    def speech_stopped(self) -> None:
        self.feed(on.SpeechStopped())

    @precondition(lambda self: self.connected and self.queue and not self.flushes and not self.speaker_failed)
    @rule(share=st.floats(0, 1), speech_s=st.floats(0.01, 1.5), quiet_s=st.sampled_from([0.0, 1.1]))
    def cough(self, share: float, speech_s: float, quiet_s: float) -> None:
        """What seldom comes about by chance: short speech over an answer, and nothing after it."""
        self.sound_starts()
        self.speech_started()
        while self.flushes:
            self.flush_is_answered(share)
        self.time_passes(speech_s)
        if self.end is None and self.connected:
            self.speech_stopped()
            if speech_s < DEADLINES.question_s:
                self.waits_since_s = None  # nobody waits for an answer to a cough
        self.time_passes(quiet_s)

    @precondition(lambda self: self.connected)
    @rule(role=st.sampled_from(["assistant", "user"]))
    def transcript(self, role: str) -> None:
        if role == "user":
            self.may_resume = ""
        self.feed(on.Transcript(role, "Some words.", self.made[-1] if self.made else ""))

    @precondition(lambda self: self.connected)
    @rule(code=st.sampled_from(["conversation_already_has_active_response", "odd", "session_expired"]))
    def error(self, code: str) -> None:
        about = ""
        if self.greeting_asked and code != "session_expired":
            about, self.greeting_asked = self.greeting_id, False
        self.feed(on.ServiceError(code, "message", about))

    @rule(failure=st.sampled_from(FAILURES))
    def connection_lost(self, failure: ConnectionLost) -> None:
        self.connected, self.greeting_asked = False, False
        self.may_resume = ""
        self.feed(on.Closed(failure))

    @precondition(lambda self: self.connected and self.made)
    @rule(which=st.integers(0, 2))
    def transcript_delta(self, which: int) -> None:
        self.feed(on.TranscriptDelta(self.made[-1 - which % len(self.made)], "Some words. "))

    # The microphone

    @precondition(lambda self: self.microphone_open and not self.microphone_failed)
    @rule()
    def microphone_fails(self) -> None:
        self.microphone_failed, self.microphone_flows = True, False
        self.feed(on.MicrophoneFailed(DeviceGone("gone", "default")))

    @precondition(lambda self: self.microphone_open and not self.microphone_flows)
    @rule()
    def microphone_gives_sound(self) -> None:
        self.microphone_failed, self.microphone_flows = False, True
        self.feed(on.MicrophoneFlows())

    # The speaker

    @rule()
    def speaker_fails(self) -> None:
        self.speaker_failed = True
        self.feed(on.SpeakerFailed(DeviceGone("gone", "default")))

    @precondition(lambda self: self.speaker_failed)
    @rule()
    def speaker_recovers(self) -> None:
        self.speaker_failed = False
        self.feed(on.SpeakerRecovered())

    @precondition(lambda self: self.queue and not self.flushes and not self.speaker_failed)
    @rule()
    def sound_starts(self) -> None:
        self.start_of(self.queue[0])

    def start_of(self, entry: Queued) -> None:
        if isinstance(entry, do.Play) and entry.item_id not in self.started:
            self.started.add(entry.item_id)
            self.waits_since_s = None
            first = entry.item_id not in self.begun
            self.begun.add(entry.item_id)
            if not first:
                pass  # it goes on
            elif entry.item_id.removeprefix("item-") in self.greetings or (entry.item_id == LOCAL and self.greets):
                self.greetings_heard += 1
            self.feed(on.Started(entry.item_id, self.now))

    @precondition(lambda self: self.queue and not self.flushes and not self.speaker_failed)  # it reports in order
    @rule()
    def all_was_heard(self) -> None:
        for entry in list(self.queue):
            self.start_of(entry)
            if isinstance(entry, do.Play):
                self.heard_out_ms[entry.item_id] = self.received_ms[entry.item_id]
        self.queue = []
        self.quiet_since_s = self.now
        self.feed(on.Silent(self.last_ticket, self.now))

    @precondition(lambda self: self.flushes)
    @rule(share=st.floats(0, 1))
    def flush_is_answered(self, share: float) -> None:
        flush, cut, source = self.flushes.pop(0)
        skipped_ms = self.skipped_ms.get(source, 0)
        before_ms = max(skipped_ms, self.heard_out_ms.get(source, 0))  # it was silent in between, and is heard on
        heard_ms = before_ms - skipped_ms + int((self.received_ms.get(source, 0) - before_ms) * share)
        for item_id in {entry.item_id for entry in cut if isinstance(entry, do.Play)}:
            self.cut_ms[item_id] = skipped_ms + heard_ms if item_id == source else self.skipped_ms.get(item_id, 0)
        if flush.ticket == self.last_ticket:
            self.quiet_since_s = self.now
        self.feed(on.Flushed(flush.ticket, source, heard_ms, self.now))

    @rule()
    def a_notice_of_before_falls_silent(self) -> None:
        self.feed(on.Flushed(0, "notice:offline", 100, self.now))

    # The person, and time

    @rule()
    def press(self) -> None:
        self.may_resume = ""
        self.yes += 1
        self.feed(on.Pressed())

    @rule()
    def wake_word(self) -> None:
        before, self.may_resume = self.end, ""
        self.feed(on.WakeWordHeard())
        if before is None and not (self.opening and self.opening.announcement):
            assert self.end is None, "a word never ends a conversation"

    @rule()
    def stop_word(self) -> None:
        before, self.may_resume = self.end, ""
        self.feed(on.StopWordHeard())
        if before is None and not (self.opening and self.opening.announcement):
            assert self.end is None, "a word never ends a conversation"

    @rule()
    def say_that_again(self) -> None:
        self.may_resume = ""
        self.feed(on.RepeatRequested(bytes(48 * 300)))

    @rule()
    def a_timer_rings(self) -> None:
        self.feed(on.ChimeRequested())
        if chimes := [command for command in self.commands if isinstance(command, do.Notice)]:
            assert self.state in {State.LISTENING, State.WAITING}
            assert self.queue == chimes, "nothing else sounds"

    @precondition(lambda self: self.held_since_s is None)
    @rule()
    def button_goes_down(self) -> None:
        self.held_since_s, self.waits_since_s = self.now, None
        self.feed(on.TalkBegan(self.now))

    @precondition(lambda self: self.held_since_s is not None)
    @rule()
    def button_is_let_go(self) -> None:
        self.held_since_s, self.released_s = None, self.now
        if self.state in {State.CONNECTING, State.GREETING, State.THINKING} and not self.hears_speech:
            self.waits_since_s = self.now
        self.feed(on.TalkEnded(self.now))

    @rule(seconds=st.floats(0.001, 5))
    def time_passes(self, seconds: float) -> None:
        target_s = self.now + seconds
        for _ in range(100):
            if self.end or self.dialogue.deadline_s > target_s:
                break
            self.now = max(self.now, self.dialogue.deadline_s)
            self.carry_out(self.dialogue.tick(self.now))
        else:
            raise AssertionError("the deadlines do not move on")
        self.now = max(self.now, target_s)

    # The promises

    @invariant()
    def greets_once_at_the_most(self) -> None:
        assert self.greetings_heard <= 1

    @property
    def greets(self) -> bool:
        """The local sound that is heard first is the greeting, unless the last answer was asked for before."""
        return bool(self.opening and self.opening.pcm) and self.dialogue.greeting.from_cache

    @invariant()
    def the_microphone_is_open_only_in_states_whose_light_says_so(self) -> None:
        if self.end is None and self.microphone_open:
            assert self.state in MICROPHONE_OPEN
            assert not (self.opening and self.opening.announcement)

    @invariant()
    def while_a_button_is_to_be_held_the_microphone_is_open_only_while_it_is_held(self) -> None:
        if self.end is None and hasattr(self, "policy") and self.policy.push_to_talk and self.microphone_open:
            assert self.held_since_s is not None or self.now < self.released_s + COMMIT_AFTER_S

    @invariant()
    def a_cached_greeting_is_reported_once(self) -> None:
        if hasattr(self, "opening") and self.opening and self.opening.pcm:
            assert sum(self.opening.text in text for text in self.recalled) <= 1

    @invariant()
    def the_service_never_hears_an_echo_that_it_cannot_know(self) -> None:
        if not hasattr(self, "policy") or not self.policy.echo_by_service or self.policy.push_to_talk:
            return
        if self.end is None and any(self.is_local(entry) for entry in self.queue):
            assert self.dialogue.microphone_gate(self.now) is MicrophoneGate.DISCARD
            assert self.dialogue.microphone_gate(self.now - ECHO_TAIL_S) is MicrophoneGate.DISCARD

    def is_local(self, entry: Queued) -> bool:
        """The session does not know of this sound."""
        if isinstance(entry, do.Play):
            return entry.item_id in self.resumed or entry.item_id.removeprefix("item-") not in self.made
        return isinstance(entry, do.Notice)

    @property
    def hears_speech(self) -> bool:
        """Something of the conversation is being heard."""
        return any(isinstance(entry, do.Play) and entry.item_id in self.started for entry in self.queue)

    @property
    def reported(self) -> bool:
        """The last commands say that something failed, or try it again."""
        return any(
            isinstance(command, do.Notice | do.Sound | do.End)
            or (isinstance(command, do.Send) and isinstance(command.message, do.RequestGreeting | do.RequestReply))
            for command in self.commands
        )

    @invariant()
    def nobody_waits_in_silence_for_longer_than_is_promised(self) -> None:
        if self.end is None and self.waits_since_s is not None and self.held_since_s is None and not self.queue:
            since_s = self.waits_since_s
            if self.state is State.THINKING:  # a call has a deadline of its own, and then the service is waited for
                begun_s = [*self.running.values(), *self.remote.values()]
                given_up_s = [began_s + DEADLINES.tool_s for began_s in begun_s]
                since_s = max([since_s, self.worked_until_s, *given_up_s])
            assert self.now <= since_s + DEADLINES.give_up_s

    @invariant()
    def no_call_is_left_unanswered(self) -> None:
        if self.end is None and self.unanswered:
            assert self.working

    @invariant()
    def the_light_says_listening_only_while_the_microphone_gives_sound(self) -> None:
        if self.end is None and self.state is State.LISTENING:
            assert self.configured
            assert self.microphone_flows

    @invariant()
    def the_light_says_speaking_only_while_something_is_heard(self) -> None:
        if self.end is None and self.state is State.SPEAKING:
            assert self.queue or self.flushes

    @invariant()
    def nothing_says_that_the_speaker_speaks_while_it_cannot(self) -> None:
        if self.end is None and self.speaker_failed:
            assert self.state is not State.SPEAKING
            assert self.state is not State.GREETING

    @invariant()
    def the_light_says_thinking_only_while_no_answer_is_heard(self) -> None:
        if self.end is None and self.state is State.THINKING:
            assert not self.hears_speech

    @invariant()
    def no_state_lasts_for_ever(self) -> None:
        if self.end is None:
            assert self.dialogue.deadline_s <= self.limit_s
            assert self.dialogue.state in IN_CONVERSATION

    @invariant()
    def streams_only_where_the_light_says_so(self) -> None:
        if self.dialogue.microphone_gate(self.now) is MicrophoneGate.STREAM:
            assert self.end is None
            assert self.connected
            assert self.microphone_open
            assert self.dialogue.state in MICROPHONE_OPEN - {State.CONNECTING}
            assert (
                not self.policy.push_to_talk or self.held_since_s is not None or self.dialogue.state is State.LISTENING
            )
            assert not (self.opening and self.opening.announcement)

    def teardown(self) -> None:
        """Left alone, every conversation ends by itself, at the latest at its limit."""
        if not hasattr(self, "dialogue"):
            return
        for _ in range(1_000):
            if self.end:
                break
            self.now = max(self.now, self.dialogue.deadline_s)
            self.carry_out(self.dialogue.tick(self.now))
        assert self.end is not None
        assert self.now <= self.limit_s
        assert self.end.reason in EndReason


class AnyConversation(World):
    """Whatever the config says, and whatever is said first."""

    @initialize(
        opening_name=st.sampled_from(list(OPENINGS)),
        interruptible=st.booleans(),
        half_duplex=st.booleans(),
        echo_by_service=st.booleans(),
        push_to_talk=st.booleans(),
        resume=st.booleans(),
    )
    def begin(
        self,
        opening_name: str,
        interruptible: bool,
        half_duplex: bool,
        echo_by_service: bool,
        push_to_talk: bool,
        resume: bool,
    ) -> None:
        opening = OPENINGS[opening_name]
        policy = ConversationPolicy(
            interruptible=interruptible,
            half_duplex=half_duplex,
            echo_by_service=echo_by_service,
            push_to_talk=push_to_talk and not (opening and opening.announcement),
            resume=resume,
        )
        self.open(opening, policy)


class FalseInterruptions(World):
    """The same, after a cough over the first thing that is said: by chance most conversations end before that."""

    @initialize(
        opening_name=st.sampled_from(["none", "spoken", "cached"]),
        echo_by_service=st.booleans(),
        resume=st.sampled_from([True, True, True, False]),
        share=st.floats(0, 1),
        quiet_s=st.sampled_from([0.0, 1.1]),
        answered=st.sampled_from([False, False, True]),
    )
    def begin_with_a_cough(
        self, opening_name: str, echo_by_service: bool, resume: bool, share: float, quiet_s: float, answered: bool
    ) -> None:
        self.open(OPENINGS[opening_name], ConversationPolicy(echo_by_service=echo_by_service, resume=resume))
        self.an_answer_begins()
        if self.queue:
            self.cough(share, 0.7, quiet_s)
        if answered:
            self.response_created()
            self.time_passes(1.1)


class RemoteTools(World):
    """The same, from a request for permission on, about which the person is asked."""

    @initialize(asked=st.booleans(), heard=st.booleans())
    def begin_with_a_request(self, asked: bool, heard: bool) -> None:
        self.open(None, ConversationPolicy())
        self.connection_opens()
        self.session_updated(greets_itself=False)
        self.response_created()
        self.permission_is_asked_for(0)
        self.response_done(0, "completed")
        if asked:
            self.response_created()
            self.audio_delta(which=0, ms=400)
            self.sound_starts()
        if asked and heard:
            self.response_done(0, "completed")
            self.all_was_heard()


class CallsOfTools(World):
    """The same, from a call on."""

    @initialize(
        push_to_talk=st.booleans(),
        how_many=st.integers(1, MOST_AT_ONCE + 2),
        done=st.booleans(),
        speaks_first=st.booleans(),
    )
    def begin_with_calls(self, push_to_talk: bool, how_many: int, done: bool, speaks_first: bool) -> None:
        self.open(None, ConversationPolicy(push_to_talk=push_to_talk))
        self.connection_opens()
        self.session_updated(greets_itself=False)
        if push_to_talk:
            self.time_passes(1.0)
            self.button_is_let_go()
            self.time_passes(1.0)
        self.response_created()
        if speaks_first:
            self.audio_delta(which=0, ms=400)
            self.sound_starts()
        self.tools_are_called(0, how_many)
        if done:
            self.response_done(0, "completed")


SETTINGS = settings(
    max_examples=300, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
AnyConversation.TestCase.settings = FalseInterruptions.TestCase.settings = CallsOfTools.TestCase.settings = SETTINGS
RemoteTools.TestCase.settings = SETTINGS
TestDialogueKeepsItsPromises = AnyConversation.TestCase
TestAnAnswerGoesOnAfterAFalseInterruption = FalseInterruptions.TestCase
TestCallsOfTools = CallsOfTools.TestCase
TestRemoteTools = RemoteTools.TestCase
