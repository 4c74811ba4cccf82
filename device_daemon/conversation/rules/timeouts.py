"""The timeouts of a conversation: when the next deadline is, and what is done when it has passed. Pure.

Whoever waits to hear something (`WaitClock`) hears "one moment" after 3 s and after 9 s that it does not work, whatever
it is that does not come. Shorter deadlines try another way before that: `SessionAttempts.due_s` another connection,
`TurnTaking.until_s` whatever the state can do. `TurnTaking.limit_s` ends the conversation in any case.
"""

from __future__ import annotations

from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.rules import barge_in, connection, tools
from device_daemon.conversation.rules.next_step import commit_turn, go_on
from device_daemon.conversation.rules.steps import end, give_up_response, listen
from device_daemon.conversation.session_attempts import late
from device_daemon.greetings.ledger import Step
from device_daemon.state import State


def next_deadline_s(parts: DialogueParts) -> float:
    """Return the next deadline (time.monotonic)."""
    return min(
        parts.turn.limit_s,
        parts.microphone.deadline_s,
        parts.speaker.deadline_s,
        parts.push_to_talk.complete_at_s,
        parts.calls.deadline_s,
        parts.approvals.deadline_s,
        parts.gives_up_at_s,
        parts.turn.wait.moment_at_s,
        parts.session.due_s,
        parts.resumable.resume_at_s,
        parts.turn.until_s,
    )


def act(parts: DialogueParts, now: float) -> list[Command]:
    """Act on the deadline that has passed; on the most important one, if there are several."""
    if now >= parts.turn.limit_s:
        return end(parts, EndReason.LIMIT)
    if now >= parts.microphone.deadline_s:
        return end(parts, EndReason.FAILED, parts.microphone.late())
    if now >= parts.speaker.deadline_s:
        return end(parts, EndReason.FAILED, parts.speaker.failure)
    if now >= parts.push_to_talk.complete_at_s:
        parts.push_to_talk.finish()
        return commit_turn(parts, now) if parts.session.ready else []
    if now >= min(parts.calls.deadline_s, parts.approvals.deadline_s):
        return tools.lasted_too_long(parts, now)
    if now >= parts.gives_up_at_s:
        return _give_up_waiting(parts, now)
    if now >= parts.turn.wait.moment_at_s:
        parts.turn.wait.moment_said = True
        return [parts.playback.notice("moment", now)] if parts.policy.notices else []
    if now >= parts.session.due_s:
        return connection.lost(parts, parts.session.late(), now)
    if now >= parts.resumable.resume_at_s:
        return barge_in.resume_answer(parts, now)
    return _state_lasted_too_long(parts, now) if now >= parts.turn.until_s else []


def _state_lasted_too_long(parts: DialogueParts, now: float) -> list[Command]:
    turn, deadlines = parts.turn, parts.deadlines
    unanswered = parts.responses.accepted is None
    match turn.state:
        case State.GREETING if parts.greeting.step is Step.REQUESTED:
            return connection.lost(parts, late("the greeting", deadlines.greeting_s), now)
        case State.THINKING if parts.policy.push_to_talk and unanswered:
            return connection.lost(parts, late("a turn", deadlines.reply_s), now)
        case State.THINKING if unanswered and not turn.question:
            turn.pending = False
            return go_on(parts, now)  # a cough need not be answered
        case State.LISTENING if turn.person_speaks:
            turn.person_speaks = False
            parts.push_to_talk.drop()
            return listen(parts, now)
        case State.LISTENING | State.WAITING:
            return end(parts, EndReason.IDLE)
        case _:
            return give_up_response(parts, now)


def _give_up_waiting(parts: DialogueParts, now: float) -> list[Command]:
    """Tell the person that it does not work."""
    gave_up_s = parts.deadlines.give_up_s
    if not parts.session.ready:
        return end(parts, EndReason.FAILED, parts.session.failure or late("", gave_up_s))
    if parts.turn.state is State.GREETING and parts.greeting.step in {Step.WANTED, Step.REQUESTED}:
        return end(parts, EndReason.FAILED, late("the greeting", gave_up_s))
    return give_up_response(parts, now)
