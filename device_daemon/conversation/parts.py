"""What one conversation knows at a moment: its parts, each of which keeps one kind of fact, and what follows from several.

The rules (`conversation.rules`) read and change the parts; nothing else of a conversation is remembered anywhere. Pure.
"""

from __future__ import annotations

from math import inf

from device_daemon.conversation.approvals import Approvals
from device_daemon.conversation.commands import End
from device_daemon.conversation.device_watch import MicrophoneWatch, SpeakerWatch
from device_daemon.conversation.playback_ledger import PlaybackLedger
from device_daemon.conversation.policy import ConversationPolicy, Deadlines
from device_daemon.conversation.push_to_talk import PushToTalkTurn
from device_daemon.conversation.responses import ResponseTracker
from device_daemon.conversation.resumable_answer import ResumableAnswer
from device_daemon.conversation.session_attempts import SessionAttempts
from device_daemon.conversation.session_memory import SessionMemory
from device_daemon.conversation.tool_calls import ToolCalls
from device_daemon.conversation.transcript import ConversationTranscript
from device_daemon.conversation.turn_taking import TurnTaking
from device_daemon.conversation.wait_clock import WaitClock
from device_daemon.errors import SpeakerError
from device_daemon.greetings.ledger import GreetingLedger, Step
from device_daemon.greetings.opening import Opening
from device_daemon.state import State


class DialogueParts:
    """The parts of one conversation, over as many sessions of the service as it takes."""

    def __init__(
        self,
        opening: Opening | None,
        policy: ConversationPolicy,
        deadlines: Deadlines,
        before: ConversationTranscript | None,
        news: str,
    ) -> None:
        self.opening = opening
        """What is said first; None if the person speaks first."""
        self.policy = policy
        self.deadlines = deadlines
        self.turn = TurnTaking(WaitClock(deadlines), ready_sound_due=opening is None and policy.ready_sound)
        self.push_to_talk = PushToTalkTurn()
        self.greeting = GreetingLedger.opened(opening)
        # The service
        self.session = SessionAttempts(deadlines)
        self.responses = ResponseTracker()
        self.calls = ToolCalls(deadlines.tool_s)
        self.approvals = Approvals(deadlines.approval_s)
        self.memory = SessionMemory(before, news)
        # The device
        self.playback = PlaybackLedger()
        self.resumable = ResumableAnswer(
            deadlines, enabled=policy.resume and not policy.push_to_talk, pause_s=policy.pause_s
        )
        self.microphone = MicrophoneWatch(deadlines)
        self.speaker = SpeakerWatch(deadlines)
        # How it went
        self.last_failure: SpeakerError | None = None
        """What last went wrong, for the log; it may be over."""
        self.ended: End | None = None
        """How the conversation ended; afterwards nothing happens any more."""

    @property
    def is_announcement(self) -> bool:
        """The conversation is over when its opening was heard, and the microphone stays closed."""
        return self.opening is not None and self.opening.announcement

    @property
    def wants_microphone(self) -> bool:
        """The microphone is to be open."""
        return not self.is_announcement and (self.push_to_talk.open or not self.policy.push_to_talk)

    @property
    def awaits_microphone(self) -> bool:
        """The microphone is to be open, and gives no sound."""
        return self.wants_microphone and not self.microphone.flows

    @property
    def can_be_heard(self) -> bool:
        """The speaker works, and nothing of what was taken back is left in it."""
        return self.speaker.failure is None and not self.playback.flushing

    @property
    def press_interrupts(self) -> bool:
        """A press interrupts what is said or awaited; elsewhere it ends the conversation."""
        return not self.is_announcement and self.turn.state in {State.GREETING, State.THINKING, State.SPEAKING}

    @property
    def awaits_greeting(self) -> bool:
        """The greeting is to be said and was not asked for yet, or was lost before anything of it was heard."""
        return self.greeting.step is Step.WANTED

    @property
    def tool_works(self) -> bool:
        """A tool is waited for, which has a deadline of its own."""
        return self.turn.state is State.THINKING and self.session.ready and self.calls.owed and self.calls.busy

    @property
    def gives_up_at_s(self) -> float:
        """When a person has waited for too long to hear something."""
        return inf if self.tool_works else self.turn.wait.gives_up_at_s

    @property
    def stalls_at_s(self) -> float:
        """When what is being said has stalled: nothing of it is left to play, and nothing more comes."""
        return self.playback.expected_end_s + self.deadlines.stall_s
