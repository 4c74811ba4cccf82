"""Who has the floor in a conversation: what is being said, who may interrupt it, and who listens.

The ground on which `dialogue` stands: its state, and the few moves that all of its rules are made of. Pure.
"""

from __future__ import annotations

from device_daemon.conversation import commands as do
from device_daemon.conversation.commands import Command
from device_daemon.conversation.playback_ledger import MEMORY, PlaybackLedger
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, EndReason, MicrophoneGate
from device_daemon.conversation.push_to_talk import PushToTalkTurn
from device_daemon.conversation.transcript import ConversationHistory
from device_daemon.errors import SpeakerError
from device_daemon.greetings.opening import GreetingLedger, Opening, Step
from device_daemon.state import State, check_transition

ECHO_TAIL_S = 0.2  # a room goes on sounding a little after the speaker fell silent


class Floor:
    """The state of one conversation. All moves return commands, to be carried out in order."""

    def __init__(self, opening: Opening | None, rules: ConversationPolicy, patience: Deadlines | None = None) -> None:
        self.opening = opening
        self.ledger = GreetingLedger.opened(opening)
        self.state = State.IDLE
        self.ended: do.End | None = None
        self.stale_deltas = 0
        self.reconnects = 0
        self.trouble: SpeakerError | None = None
        """What last went wrong with the service, mended or not: for the log."""
        self._rules = rules
        self._patience = patience or Deadlines()
        self._playout = PlaybackLedger()
        self._ready = False
        self._ready_once = False
        self._failures = 0
        self._greeting_requests = 0
        self.accepted: str | None = None
        """The response whose sound may be played: the newest, unless somebody interrupted it."""
        self._active: str | None = None  # the response the service is making; it makes one at a time
        self._unwanted = False  # the person waved the answer away before the service began it
        self._person_speaks = False
        self._held = PushToTalkTurn()
        self._tap_ends = False
        self._turns = 0
        self._reply_wanted = False  # a turn was handed in and refused, since a response was still going on
        self._listens = False
        self._untold = False  # the service does not know yet what was heard of the remembered greeting
        self._deaf_until_s = 0.0
        self._due_s = float("inf")
        self._limit_s = float("inf")
        self._history = ConversationHistory()

    @property
    def may_repeat(self) -> bool:
        """`Again` would be said in this conversation."""
        return self._ready and not self._announces

    @property
    def _announces(self) -> bool:
        return self.opening is not None and self.opening.announcement

    @property
    def _may_be_talked_over(self) -> bool:
        if self._rules.half_duplex or not self._rules.interruptible:
            return False
        if self._playout.reciting and self._rules.echo_by_service:
            return False
        return self.opening is None or self.opening.interruptible or self.ledger.step is not Step.AUDIBLE

    def hearing(self, captured_at_s: float) -> MicrophoneGate:
        """What to do with a period of microphone audio; `captured_at_s` is the end of its last sample."""
        if self.ended or self._announces:
            return MicrophoneGate.DISCARD
        if self._rules.push_to_talk:
            if not self._held.holds(captured_at_s):
                return MicrophoneGate.DISCARD
            return MicrophoneGate.STREAM if self._ready else MicrophoneGate.HOLD
        if captured_at_s < self._deaf_until_s or (self._playout.sounding and not self._may_be_talked_over):
            return MicrophoneGate.DISCARD
        # Nothing is sent before the greeting is heard: the service would answer it instead of greeting.
        return MicrophoneGate.STREAM if self._ready and not self.ledger.pending else MicrophoneGate.HOLD

    def _deafen(self, *, recited: bool) -> None:
        """Something that may not be talked over was heard to its end: what was captured until then counts for nothing."""
        tail_s = ECHO_TAIL_S if self._rules.half_duplex or (recited and self._rules.echo_by_service) else 0.0
        self._deaf_until_s = self._playout.quiet_since_s + tail_s

    @property
    def _to_listen(self) -> bool:
        """The microphone is to be open now."""
        return not self._announces and (self._held.open or not self._rules.push_to_talk)

    def _with_microphone(self, commands: list[Command]) -> list[Command]:
        """Open it after the light says so, close it before the light changes."""
        if self.ended or self._to_listen is self._listens:
            return commands
        self._listens = self._to_listen
        return [*commands, do.OpenMicrophone()] if self._listens else [do.CloseMicrophone(), *commands]

    # Moves

    def _hush(self) -> list[Command]:
        """Stop what is being said, and what was asked for and is not begun yet."""
        commands: list[Command] = [self._playout.flush()] if self._playout.sounding else []
        if self._active is not None:
            commands.append(do.Send(do.CancelResponse(self._active)))
        else:
            asked = self.state is State.THINKING or self.ledger.step is Step.REQUESTED
            self._unwanted = asked and self.accepted is None
        self.ledger.skipped()
        self.ledger.done()
        self.accepted = None
        self._reply_wanted = False
        return commands

    def _recite_greeting(self, now: float) -> list[Command]:
        """Play the greeting that is remembered; nothing if it is not."""
        if self.opening is None or not self.opening.pcm or self.ledger.step is not Step.WANTED:
            return []
        self.ledger.recited()
        self._untold = True
        play = self._playout.recite(self.opening.pcm, now)
        if self._ready:
            self._due_s = self._playout.expected_end_s + self._patience.stall_s
        return [play, *self._enter(State.GREETING)]

    def _recited(self, share: float) -> list[Command]:
        """So much of the remembered greeting was heard: the service, which did not say it, is told."""
        if self.opening is None or not self._untold:
            return []
        self._untold = False
        self.ledger.done()
        text = self.opening.text[: int(len(self.opening.text) * share)]
        self._history.said("assistant", text, MEMORY)
        return [do.Send(do.Recall("assistant", text))] if self._ready and text else []

    def _listen(self, now: float) -> list[Command]:
        if not self._ready:
            return self._enter(State.CONNECTING)  # the deadline stays that of the session
        self._due_s = now + (self._patience.turn_s if self._person_speaks else self._rules.idle_timeout_s)
        return self._enter(State.LISTENING if self._to_listen else State.WAITING)

    def _enter(self, state: State) -> list[Command]:
        if state is self.state:
            return []
        check_transition(self.state, state)
        self.state = state
        return [do.Enter(state)]

    def _end(self, reason: EndReason, failure: SpeakerError | None = None) -> list[Command]:
        self.ended = do.End(reason, failure)
        # A failure lets what was said before it be heard to its end; a person who ends it wants silence.
        hush = self._playout.sounding and reason is not EndReason.FAILED
        return [*([self._playout.flush()] if hush else []), self.ended]
