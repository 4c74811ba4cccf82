"""The steps that all rules share: listen, ask for an answer, stop it, report that it was not heard, end. Pure."""

from __future__ import annotations

from math import inf

from device_daemon.conversation import commands as do
from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.policy import EndReason
from device_daemon.errors import ServiceSilent, SpeakerError
from device_daemon.greetings.ledger import Step
from device_daemon.state import State


def listen(parts: DialogueParts, now: float) -> list[Command]:
    """It is the person's turn, as soon as there are a session and a microphone."""
    turn = parts.turn
    if not parts.session.ready or parts.awaits_microphone:
        commands = turn.enter(State.CONNECTING, now, until_s=inf)
        if parts.session.ready:
            turn.wait.end()  # the microphone has a deadline of its own
        return commands
    lasts_s = parts.deadlines.turn_s if turn.person_speaks else parts.policy.idle_timeout_s
    return turn.enter(State.LISTENING if parts.wants_microphone else State.WAITING, now, until_s=now + lasts_s)


def await_reply(parts: DialogueParts, now: float) -> list[Command]:
    """The service is to begin a response."""
    return parts.turn.enter(State.THINKING, now, until_s=now + parts.deadlines.reply_s)


def request_reply(parts: DialogueParts, now: float) -> list[Command]:
    """Ask for a response."""
    parts.responses.postponed = False
    parts.responses.requests += 1
    return [do.Send(do.RequestReply(f"turn-{parts.responses.requests}")), *await_reply(parts, now)]


def stop_sound(parts: DialogueParts) -> list[Command]:
    """Stop the speaker, and the response that the service is making."""
    return [*parts.playback.stop(), *parts.responses.cancel()]


def stop_response(parts: DialogueParts) -> list[Command]:
    """Stop what is being said, and the greeting that is not begun."""
    commands = stop_sound(parts)
    parts.greeting.skipped()
    parts.greeting.done()
    parts.push_to_talk.answered()
    parts.responses.drop()
    parts.turn.pending = False
    parts.approvals.dismissed()
    return [*commands, *parts.calls.dismissed()]


def dismiss_response(parts: DialogueParts) -> list[Command]:
    """Stop what is being said, and what was asked for and has not begun: the person does not want it."""
    parts.resumable.drop()
    if parts.responses.active is None:
        requested = parts.turn.state is State.THINKING or parts.greeting.step is Step.REQUESTED
        parts.responses.cancel_next = requested and parts.responses.accepted is None
    parts.responses.postponed = False
    return stop_response(parts)


def give_up_response(parts: DialogueParts, now: float, failure: SpeakerError | None = None) -> list[Command]:
    """Stop waiting for a response or the greeting: say so, and listen."""
    failure = failure or ServiceSilent(
        "the service did not go on with its answer, which is given up; check the network if that happens often."
    )
    stop = stop_response(parts)
    if parts.is_announcement:
        return [*stop, *end(parts, EndReason.FAILED, failure)]
    return [*stop, *report_failure(parts, failure, now), *listen(parts, now)]


def report_failure(parts: DialogueParts, failure: SpeakerError | None, now: float) -> list[Command]:
    """Report that something was asked for and not heard: to the log, unless it is known there, and to the person."""
    parts.last_failure = failure or parts.last_failure
    if parts.policy.notices:
        return [parts.playback.notice("try-again", now)]
    return [parts.playback.sound("error", now)] if parts.policy.error_sound else []


def end(parts: DialogueParts, reason: EndReason, failure: SpeakerError | None = None) -> list[Command]:
    """The conversation is over."""
    parts.ended = do.End(reason, failure)
    # After a failure, what was said before is heard to its end; a person who ends the conversation wants silence.
    return [*([] if reason is EndReason.FAILED else parts.playback.stop()), parts.ended]
