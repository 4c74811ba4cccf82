"""The rules of one conversation: a state machine without I/O, clock or thread. Events and time in, commands out.

Theory of operation
-------------------
One `Dialogue` is one conversation, from the trigger to its end, over as many connections to the service as that takes.
`runner` calls `receive(event, now)` for everything that happens and `tick(now)` when `deadline_s` has come, and carries
out the commands that these return, in order. A command never answers in the same call: what became of it arrives as a
later event. So the state after each call is consistent, and every interleaving can be tested.

This module says which rule an event goes to. What is known is kept in `parts`; the rules are functions of the parts,
the event and the time, in `rules`, whose modules explain the life of a response, an interruption, a greeting, a break, a
tool's call, and the timeouts.

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

What must hold, and is tested by random interleavings (tests/unit/conversation/test_dialogue_properties.py):

- it greets once if the service lets it, never twice, across reconnects too;
- sound of a response that was interrupted is never played after the flush;
- no state lasts for ever, and nobody waits in silence for longer than `Deadlines.give_up_s`;
- the microphone is streamed only in states whose light says so;
- every response that was accepted and not heard is reported, but one that only calls tools;
- every call of a tool is answered exactly once, to the session that made it, or not at all if that is gone.
"""

from __future__ import annotations

from device_daemon.conversation import events as on
from device_daemon.conversation.commands import Command, End
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, MicrophoneGate
from device_daemon.conversation.rules import (
    barge_in,
    connection,
    devices,
    greeting,
    microphone_gate,
    person,
    responses,
    timeouts,
    tools,
)
from device_daemon.conversation.rules.steps import end
from device_daemon.conversation.transcript import ConversationTranscript
from device_daemon.errors import SpeakerError
from device_daemon.greetings.opening import Opening
from device_daemon.state import State


class Dialogue:
    """One conversation. Call `start` once, then `receive` and `tick`; carry out the commands they return, in order.

    `now` is always time.monotonic, or any clock that never steps back.
    """

    def __init__(
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
            opening: What is said first; None if the person speaks first.
            policy: What the config says about conversations.
            deadlines: How long each kind of waiting may take.
            before: What was said in the conversation that this one continues.
            news: What the model is to mention; it is told with the first opportunity.
        """
        self._parts = DialogueParts(opening, policy, deadlines or Deadlines(), before, news)
        self.opening = opening
        self.greeting = self._parts.greeting
        self.responses = self._parts.responses
        self.session = self._parts.session
        self.calls = self._parts.calls
        self.approvals = self._parts.approvals

    # Queries

    @property
    def state(self) -> State:
        """What the light shows."""
        return self._parts.turn.state

    @property
    def ended(self) -> End | None:
        """How it ended; afterwards nothing happens any more."""
        return self._parts.ended

    @property
    def last_failure(self) -> SpeakerError | None:
        """What last went wrong, for the log; it may be over."""
        return self._parts.last_failure

    @property
    def stale_deltas(self) -> int:
        """How many pieces of sound came after their response was interrupted."""
        return self._parts.responses.stale_deltas

    @property
    def resumed_answers(self) -> int:
        """How often an answer went on after a false interruption."""
        return self._parts.resumable.resumed

    @property
    def news(self) -> str:
        """What the model is still to be told, so that it mentions it."""
        return self._parts.memory.news

    @property
    def deadline_s(self) -> float:
        """When `tick` must be called next."""
        return timeouts.next_deadline_s(self._parts)

    @property
    def can_repeat_answer(self) -> bool:
        """Whether RepeatRequested would repeat the last answer, and not end the conversation."""
        return person.can_repeat_answer(self._parts)

    @property
    def awaits_first_sound(self) -> bool:
        """The microphone was opened and gave neither sound nor an error: MicrophoneFlows is due with its first period."""
        return self._parts.microphone.awaits_first_sound

    def heard_until(self, now: float) -> ConversationTranscript:
        """Return what was said and heard; an answer that sounds when the conversation is ended counts as far as it came."""
        playback, transcript = self._parts.playback, self._parts.memory.transcript
        accepted = self.responses.accepted or ""
        if playback.flushing and (received_ms := playback.received_ms(accepted)):
            left_ms = max(0.0, playback.expected_end_s - now) * 1000
            transcript.cut(accepted, max(0.0, 1 - left_ms / received_ms))
        return transcript

    def forget(self) -> None:
        """Forget what was said so far: no other session is told of it."""
        self._parts.memory.transcript.clear()

    def may_be_heard(self, response_id: str) -> bool:
        """Return whether the sound of a response is played, or may be after a false interruption."""
        return response_id in {self.responses.accepted, self._parts.resumable.interrupted}

    def microphone_gate(self, captured_at_s: float) -> MicrophoneGate:
        """Return what is to be done with microphone sound; `captured_at_s` is when its last sample was captured."""
        return microphone_gate.gate(self._parts, captured_at_s)

    # Inputs

    def start(self, now: float) -> list[Command]:
        """Open the conversation. With a push-to-talk button TalkBegan follows at once, and decides about the greeting."""
        parts = self._parts
        parts.turn.limit_s = now + parts.policy.max_duration_s
        greets = [] if parts.policy.push_to_talk else greeting.play_cached(parts, now)
        return devices.with_microphone(parts, [*greets, *connection.connect(parts, now, 0.0)], now)

    def tick(self, now: float) -> list[Command]:
        """Act on a deadline that has passed; harmless at any other time."""
        return [] if self.ended else devices.with_microphone(self._parts, timeouts.act(self._parts, now), now)

    def receive(self, event: on.Event, now: float) -> list[Command]:
        """Take in one event."""
        return [] if self.ended else devices.with_microphone(self._parts, self._decide(event, now), now)

    def _decide(self, event: on.Event, now: float) -> list[Command]:  # noqa: C901, PLR0911, PLR0912 - a table
        parts = self._parts
        match event:
            case on.AudioDelta():
                return responses.audio(parts, event, now)
            case on.Started():
                return responses.started(parts, event, now)
            case on.Silent():
                return responses.silent(parts, event, now)
            case on.Flushed():
                return responses.flushed(parts, event, now)
            case on.ResponseCreated(response_id):
                return responses.created(parts, response_id, now)
            case on.ResponseDone():
                return responses.done(parts, event, now)
            case on.SpeechStarted():
                return barge_in.speech_started(parts, now)
            case on.SpeechStopped():
                return barge_in.speech_stopped(parts, now)
            case on.Transcript(role, text, response_id):
                barge_in.transcript(parts, role, text, response_id)
            case on.TranscriptDelta(response_id, text):
                parts.memory.transcript.says(response_id, text)
            case on.ToolCalled():
                return tools.called(parts, event, now)
            case on.ToolResult():
                return tools.result(parts, event, now)
            case on.RemoteCallBegan():
                return tools.remote_began(parts, event, now)
            case on.RemoteCallEnded(item_id):
                return tools.remote_ended(parts, item_id, now)
            case on.ApprovalRequested():
                return tools.approval_requested(parts, event, now)
            case on.Opened():
                return connection.opened(parts, now)
            case on.SessionUpdated():
                return connection.session_updated(parts, event, now)
            case on.ServiceError():
                return connection.service_error(parts, event, now)
            case on.Closed(failure):
                return connection.lost(parts, failure, now)
            case on.Pressed():
                return person.pressed(parts, now)
            case on.WakeWordHeard():
                return person.wake_word_heard(parts, now)
            case on.StopWordHeard():
                return person.stop_word_heard(parts, now)
            case on.TalkBegan(at_s):
                return person.talk_began(parts, at_s, now)
            case on.TalkEnded(at_s):
                return person.talk_ended(parts, at_s, now)
            case on.RepeatRequested(pcm):
                return person.repeat_answer(parts, pcm, now)
            case on.ChimeRequested():
                return person.chime(parts, now)
            case on.Farewell():
                person.farewell(parts)
            case on.StopRequested(reason):
                return end(parts, reason)
            case on.MicrophoneFailed(error):
                return devices.microphone_failed(parts, error, now)
            case on.MicrophoneFlows():
                return devices.microphone_gives_sound(parts, now)
            case on.SpeakerFailed(error):
                return devices.speaker_failed(parts, error, now)
            case on.SpeakerRecovered():
                return devices.speaker_recovered(parts, now)
        return []
