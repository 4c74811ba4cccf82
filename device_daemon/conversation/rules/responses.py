"""The rules of a response: its beginning, its sound, its end, and why it was not heard. Pure.

The life of a response. The service makes one response at a time: from response.created to response.done it is
*active*. The newest one is also *accepted*: its sound may be played. An interruption takes the acceptance away, and
whatever sound still arrives of it is stale and dropped. The service is faster than the voice: mostly response.done
comes while the speaker has seconds left to play, so a response is over only when it is done and the speaker is silent.
An accepted response of which nothing was heard (text only, content_filter, failed...) is reported: one warning with
the service's reason, and a notice. It never counts as an answer.
"""

from __future__ import annotations

from math import inf

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.playback_ledger import LOCAL
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.rules import greeting
from device_daemon.conversation.rules.microphone_gate import is_protected, protected_sound_over
from device_daemon.conversation.rules.next_step import go_on, greet_when_heard, send_approvals, tell_session
from device_daemon.conversation.rules.steps import end, listen, report_failure
from device_daemon.state import State


def created(parts: DialogueParts, response_id: str, now: float) -> list[Command]:
    """The service begins a response: it is accepted, unless the person has dismissed it before."""
    responses, turn = parts.responses, parts.turn
    responses.active = response_id
    turn.pending = False
    parts.resumable.drop()
    if not parts.session.ready:
        return []  # nobody asked for it before our settings were in force
    if responses.cancel_next or parts.push_to_talk.open:
        responses.cancel_next = False
        listens = listen(parts, now) if turn.state is State.THINKING else []
        return [*responses.cancel(), *listens]
    flush: list[Command] = []
    if parts.memory.is_untold(responses.accepted) and parts.playback.speaking:
        flush = [parts.playback.flush()]  # it was a turn after all: what goes on is not what the person wants
    if responses.accepted is not None:
        parts.greeting.done()  # what a lost session said still sounds, and what it said last may be the greeting
    responses.accept(response_id)
    # It knows what came of the calls that are over.
    parts.calls.owed = (parts.calls.owed and parts.calls.busy) or parts.approvals.unasked
    turn.person_speaks = False
    parts.greeting.created(response_id)
    turn.until_s = inf  # the wait has a deadline
    if flush or turn.state in {State.LISTENING, State.WAITING, State.CONNECTING}:
        return [*flush, *turn.enter(State.THINKING, now)]
    if turn.state is State.THINKING:
        turn.wait.begin(now)  # nobody waited for an answer to a cough, but this is one
    return []


def audio(parts: DialogueParts, event: on.AudioDelta, now: float) -> list[Command]:
    """A piece of a response's sound: it is played if that is the accepted one."""
    if event.response_id != parts.responses.accepted:
        parts.responses.stale_deltas += 1
        if event.response_id == parts.resumable.interrupted:
            parts.resumable.add(event)
        return []
    parts.resumable.add(event)
    commands: list[Command] = [
        parts.playback.play(event.response_id, event.item_id, event.content_index, event.pcm, now)
    ]
    goes_on = parts.turn.state is State.THINKING and parts.playback.has_started(event.item_id)
    if goes_on and parts.can_be_heard:
        commands += parts.turn.enter(State.SPEAKING, now)  # after a pause: the speaker reports a start once
    parts.turn.until_s = parts.stalls_at_s
    return commands


def started(parts: DialogueParts, event: on.Started, now: float) -> list[Command]:
    """The speaker plays the first sample of something."""
    playback, turn = parts.playback, parts.turn
    was_local = playback.local
    response_id = playback.started(event)
    if was_local and not playback.local and parts.policy.echo_by_service:
        # A notice, or speech of a lost session, sounded until now.
        parts.microphone.discard_before_s = event.at_s
    if response_id is None:
        return []
    turn.wait.end()
    if response_id == (LOCAL if parts.greeting.from_cache else parts.greeting.response_id):
        parts.greeting.audible()
        if parts.opening and not parts.opening.ask_model and response_id != LOCAL:
            parts.memory.transcript.said("assistant", parts.opening.text, response_id)
    if response_id != parts.responses.accepted:
        # Another one was created before this one, whose sound still waited, was heard.
        waited = turn.state is State.THINKING and response_id != LOCAL and playback.has_started(event.source)
        return turn.enter(State.SPEAKING, now) if waited else []
    parts.responses.heard = True
    parts.push_to_talk.answered()
    greets = parts.greeting.pending or response_id == parts.greeting.response_id  # or comes before the greeting
    if turn.state is State.THINKING or (turn.state is State.GREETING and not greets):
        return turn.enter(State.SPEAKING, now)
    return []


def done(parts: DialogueParts, event: on.ResponseDone, now: float) -> list[Command]:
    """The service has ended a response."""
    responses = parts.responses
    if responses.ended(event):
        return [] if parts.playback.speaking else _over(parts, now)
    if event.response_id == parts.resumable.interrupted:
        parts.resumable.done = event
    if responses.active is not None or not parts.session.ready or parts.push_to_talk.open:
        return []
    if parts.approvals.answers:
        return send_approvals(parts, now)
    owed = parts.awaits_greeting or (parts.calls.owed and not parts.turn.person_speaks)
    return go_on(parts, now) if responses.postponed or (owed and not parts.playback.speaking) else []


def silent(parts: DialogueParts, event: on.Silent, now: float) -> list[Command]:
    """The speaker has played everything."""
    playback, turn = parts.playback, parts.turn
    protected = is_protected(parts)
    if not playback.silent(event):
        return []
    chimed, playback.chimes = playback.chimes, False
    parts.resumable.heard_to_its_end()
    if protected:
        protected_sound_over(parts)
    if parts.greeting.in_speaker:
        greeting.cached_over(parts, 1.0)
        return go_on(parts, now)
    if parts.responses.accepted is not None:
        if not parts.responses.unfinished:
            return _over(parts, now)
        if parts.responses.heard:  # the network is slower than the voice
            turn.until_s = now + parts.deadlines.stall_s
        return turn.enter(State.THINKING, now) if turn.state is State.SPEAKING else []
    if turn.state in {State.LISTENING, State.WAITING} and not chimed:
        return listen(parts, now)  # a sound of our own ended: the idle time counts from here, but for a chime
    return go_on(parts, now) if turn.state is State.SPEAKING else []


def flushed(parts: DialogueParts, event: on.Flushed, now: float) -> list[Command]:
    """The speaker has discarded what it was to play: the model learns how much of it was heard."""
    protected = is_protected(parts)
    commands: list[Command] = []
    cuts = parts.playback.flushed(event)
    parts.resumable.flushed(cuts)
    for cut in cuts:
        if cut.truncate is not None:
            commands.append(do.Send(cut.truncate))
        if cut.response_id == LOCAL:
            greeting.cached_over(parts, cut.share)
        else:
            parts.memory.transcript.cut(cut.response_id, cut.share)
    if parts.playback.sounding:
        return commands
    if protected:
        protected_sound_over(parts)
    commands += tell_session(parts)
    if parts.turn.state in {State.LISTENING, State.WAITING}:
        return [*commands, *listen(parts, now)]
    return [*commands, *greet_when_heard(parts, now)]


def _over(parts: DialogueParts, now: float) -> list[Command]:
    """Go on after the accepted response: it is done or lost, and nothing of it is left to hear."""
    responses, ledger = parts.responses, parts.greeting
    how, heard, called = responses.done, responses.heard, responses.called
    greeted = responses.accepted == ledger.response_id
    failure = responses.failure("the announcement" if parts.is_announcement else "an answer")
    responses.drop()
    if greeted and ledger.pending and how is not None and how.status != "completed":
        ledger.lost()
        ledger.failure = failure
        return greeting.request(parts, now)
    if greeted:
        ledger.skipped()  # where it was made but no sound came
        ledger.broken_off |= failure is not None
        ledger.done()
    if heard and not called:
        parts.calls.unanswered = parts.calls.owed
    if failure is None:
        parts.session.answered()
        return go_on(parts, now)
    if parts.is_announcement:
        return end(parts, EndReason.FAILED, failure)
    unasked = responses.postponed or parts.awaits_greeting  # what was asked for comes after it
    if unasked or (heard and how is not None and how.status in {"incomplete", "cancelled"}):
        parts.last_failure = failure  # the person misses nothing, or heard most of it
        return go_on(parts, now)
    return [*report_failure(parts, failure, now), *go_on(parts, now)]
