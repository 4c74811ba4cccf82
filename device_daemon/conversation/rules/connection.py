"""The rules of the connection: sessions begin, break and are replaced; what an error of the service means. Pure.

The life of a break. What the speaker has queued is heard to its end; the state stays until then. Meanwhile another
connection is made. The new session learns what was said as far as it was heard (`session_memory`), and the microphone's
sound since the speaker last fell silent is sent to it again: an utterance that the break cut in two, or a question
that was not answered yet, reaches it complete. An answer that broke off is reported with a notice.
"""

from __future__ import annotations

from math import inf

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.rules import greeting
from device_daemon.conversation.rules.next_step import go_on
from device_daemon.conversation.rules.steps import end, listen, report_failure
from device_daemon.conversation.service_errors import failure_of, is_about_session_update
from device_daemon.errors import ConnectionLost, SpeakerError
from device_daemon.greetings.ledger import Step
from device_daemon.state import State

SPEECH_LEAD_S = 0.5
"""Turn detection reports speech a little after its first sound."""
ACTIVE_ALREADY = "conversation_already_has_active_response"


def connect(parts: DialogueParts, now: float, delay_s: float) -> list[Command]:
    """Open a connection; what the speaker has queued goes on meanwhile, and the state with it."""
    apology = _responses_lost(parts, now)
    replay_since_s = _unanswered_since_s(parts)
    parts.resumable.drop()
    parts.playback.session_lost()
    parts.calls.session_lost()
    parts.approvals.session_lost()
    parts.turn.session_lost()
    parts.greeting.session_requests = 0
    parts.memory.session_lost(was_ready=parts.session.was_ready)
    if not parts.playback.speaking:
        apology += parts.turn.enter(State.CONNECTING, now, until_s=inf)
    replay = [] if replay_since_s is None else [do.ReplayAudio(replay_since_s)]
    return [*apology, do.Connect(delay_s), *replay]


def opened(parts: DialogueParts, now: float) -> list[Command]:
    """The connection stands: it gets our settings."""
    parts.session.opened(now)
    return [do.Send(do.UpdateSession(parts.policy.push_to_talk, parts.policy.trigger))]


def session_updated(parts: DialogueParts, event: on.SessionUpdated, now: float) -> list[Command]:
    """Our settings are in force."""
    if parts.session.ready:
        return []  # it follows every session.update, not only the first
    parts.session.updated()
    if parts.playback.speaking:
        return []  # the cached greeting, or what a lost session said
    if event.greets_itself and not parts.is_announcement:
        parts.greeting.skipped()
    return go_on(parts, now)


def lost(parts: DialogueParts, failure: SpeakerError, now: float) -> list[Command]:
    """Try another connection, or end the conversation: `SessionAttempts.retry_delay_s` decides."""
    parts.last_failure = failure
    parts.session.lost(failure)
    if parts.is_announcement and parts.playback.speaking:
        parts.responses.session_lost()
        return []  # it needs no session any more
    if parts.is_announcement and not parts.greeting.pending:
        return end(parts, EndReason.FAILED, failure)  # it broke off, where the network had made a pause in it
    delay_s = parts.session.retry_delay_s()
    return end(parts, EndReason.FAILED, failure) if delay_s is None else connect(parts, now, delay_s)


def service_error(parts: DialogueParts, event: on.ServiceError, now: float) -> list[Command]:
    """The service complains: of the session, of a request of ours, or of something that does not matter here."""
    failure = failure_of(event)
    if isinstance(failure, ConnectionLost) or (not parts.session.ready and is_about_session_update(event)):
        return lost(parts, failure, now)
    if not parts.session.ready:
        parts.session.failure = failure  # session.updated may follow all the same
        return []
    if event.about.startswith("greeting-") and parts.greeting.step in {Step.REQUESTED, Step.CREATED}:
        parts.greeting.lost()
        if event.code != ACTIVE_ALREADY:
            parts.greeting.failure = failure
            return greeting.request(parts, now)
        parts.greeting.session_requests -= 1
        parts.turn.until_s = inf  # it is asked for again when the other response is done
    elif event.about.startswith("turn-") and parts.turn.state is State.THINKING:
        if event.code != ACTIVE_ALREADY:
            parts.push_to_talk.answered()
            return [*report_failure(parts, failure, now), *listen(parts, now)]
        parts.responses.postponed = True
        parts.turn.until_s = inf
    return []  # the session stays open


def _responses_lost(parts: DialogueParts, now: float) -> list[Command]:
    """Take in that nothing more comes of any response."""
    responses = parts.responses
    accepted = responses.accepted
    if accepted is not None and responses.unfinished:
        parts.memory.transcript.broken_off(accepted, parts.playback.received_ms(accepted))
    responses.session_lost()
    if parts.playback.speaking:
        return []  # it is over when that was heard
    broken_off = accepted is not None and responses.heard
    responses.drop()
    parts.greeting.lost()
    return report_failure(parts, None, now) if broken_off else []


def _unanswered_since_s(parts: DialogueParts) -> float | None:
    """Return since when the microphone's sound is needed again by a new session; None if it is not."""
    if parts.policy.push_to_talk:
        return parts.push_to_talk.session_lost()
    if parts.is_announcement or parts.greeting.pending or parts.calls.unanswered:
        return None  # what was called for once is not to be called for again
    if parts.playback.sounding:
        return parts.turn.speech_began_s - SPEECH_LEAD_S if parts.turn.person_speaks else None
    return max(parts.playback.quiet_since_s, parts.microphone.discard_before_s)
