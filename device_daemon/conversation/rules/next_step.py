"""What comes next when nothing is being said: a turn that waits, the model's words about tools, the greeting, or the person.

`go_on` is the one place where that is decided, in the order of what matters most. Pure.
"""

from __future__ import annotations

from math import inf

from device_daemon.conversation import commands as do
from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.rules import greeting
from device_daemon.conversation.rules.steps import await_reply, end, listen, request_reply
from device_daemon.state import State


def go_on(parts: DialogueParts, now: float) -> list[Command]:
    """Tell the session what it does not know, and do what comes next."""
    if parts.is_announcement and not parts.greeting.pending:
        return end(parts, EndReason.SAID)
    if not parts.session.ready:
        return listen(parts, now)
    if parts.push_to_talk.open:
        return [*tell_session(parts), *listen(parts, now)]
    if parts.push_to_talk.complete:
        return [*tell_session(parts), *commit_turn(parts, now)]
    if parts.responses.postponed and parts.responses.active is None:
        return request_reply(parts, now)
    allowed = any(answer.approve for answer in parts.approvals.answers)
    if answers := send_approvals(parts, now):
        return [*answers, *(tell_session(parts) if allowed else go_on(parts, now))]
    if parts.turn.farewell and not parts.calls.owed:
        return end(parts, EndReason.GOODBYE)
    if parts.calls.owed and not parts.turn.person_speaks and parts.responses.active is None:
        return [*tell_session(parts), *_follow_up(parts, now)]
    if parts.awaits_greeting:
        return [*tell_session(parts), *(greeting.play_cached(parts, now) or greeting.request(parts, now))]
    return [*tell_session(parts), *ready_sound(parts, now), *listen(parts, now)]


def tell_session(parts: DialogueParts) -> list[Command]:
    """Give the session what was said that it does not know of, once that was heard."""
    told_later = not parts.session.ready or parts.playback.speaking or parts.playback.flushing
    return [] if told_later else parts.memory.tell()


def ready_sound(parts: DialogueParts, now: float) -> list[Command]:
    """Say by an earcon that it is the person's turn, once, as soon as that is true."""
    if not parts.turn.ready_sound_due or parts.awaits_microphone:
        return []
    parts.turn.ready_sound_due = False
    return [parts.playback.sound("ready", now)]


def commit_turn(parts: DialogueParts, now: float) -> list[Command]:
    """Hand in what was said while the button was held."""
    parts.push_to_talk.commit()
    return [do.Send(do.CommitAudio()), *request_reply(parts, now)]


def send_approvals(parts: DialogueParts, now: float) -> list[Command]:
    """Send what a person has allowed or refused, once the service makes no response: it begins one with the call."""
    if parts.responses.active is not None or not parts.session.ready:
        return []
    answers = parts.approvals.take_answers()
    commands: list[Command] = [do.Send(answer) for answer in answers]
    if not any(answer.approve for answer in answers):
        return commands
    parts.turn.question = True
    return [*commands, *await_reply(parts, now)]


def greet_when_heard(parts: DialogueParts, now: float) -> list[Command]:
    """Say the greeting that waited for the speaker."""
    waits = parts.turn.state is State.CONNECTING and parts.awaits_greeting and not parts.push_to_talk.open
    if not waits or not parts.can_be_heard:
        return []
    return greeting.play_cached(parts, now) or (go_on(parts, now) if parts.session.ready else [])


def _follow_up(parts: DialogueParts, now: float) -> list[Command]:
    """Ask the model to go on after its calls, or wait for them."""
    parts.turn.question = True
    if parts.calls.busy:
        return parts.turn.enter(State.THINKING, now, until_s=inf)
    parts.calls.owed = False
    if not parts.approvals.unasked:
        return request_reply(parts, now)
    question = do.Recall("system", parts.approvals.question(now))
    return [do.Send(question), *request_reply(parts, now)]
