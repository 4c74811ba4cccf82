"""What a person does beside speaking: buttons, the wake word, the stop word, push-to-talk, goodbye. Pure."""

from __future__ import annotations

from device_daemon.conversation import commands as do
from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.rules import greeting
from device_daemon.conversation.rules.next_step import go_on, send_approvals
from device_daemon.conversation.rules.steps import dismiss_response, end, listen
from device_daemon.conversation.turn_taking import WAITS
from device_daemon.state import State


def pressed(parts: DialogueParts, now: float) -> list[Command]:
    """The button: it allows what the person was asked about, interrupts, or ends the conversation."""
    if parts.approvals.asked and parts.turn.state in {State.SPEAKING, State.LISTENING}:
        parts.approvals.answer(approve=True)
        stop = dismiss_response(parts)
        return [*stop, *(send_approvals(parts, now) or listen(parts, now))]
    return _interrupt(parts, now) if parts.press_interrupts else end(parts, EndReason.PRESSED)


def wake_word_heard(parts: DialogueParts, now: float) -> list[Command]:
    """The wake word interrupts, and never ends a conversation but an announcement."""
    if parts.is_announcement:
        return end(parts, EndReason.PRESSED)
    return _interrupt(parts, now) if parts.press_interrupts else []


def stop_word_heard(parts: DialogueParts, now: float) -> list[Command]:
    """Whatever sounds falls silent."""
    parts.resumable.drop()  # the word itself may have interrupted, and is too short for a turn
    if parts.is_announcement or parts.press_interrupts:
        return wake_word_heard(parts, now)
    if not parts.policy.push_to_talk:
        parts.responses.cancel_next |= parts.turn.person_speaks  # the service hears the word as a turn
    return parts.playback.stop()


def can_repeat_answer(parts: DialogueParts) -> bool:
    """Return whether the last answer can be heard again."""
    broken = parts.microphone.failure or parts.speaker.failure
    return parts.session.ready and not broken and not parts.is_announcement


def repeat_answer(parts: DialogueParts, pcm: bytes, now: float) -> list[Command]:
    """Play the last answer again."""
    if not can_repeat_answer(parts):
        return end(parts, EndReason.PRESSED)
    parts.push_to_talk.drop()
    play = [*dismiss_response(parts), parts.playback.play_local(pcm, now)]
    return [*play, *parts.turn.enter(State.SPEAKING, now, until_s=parts.stalls_at_s)]


def chime(parts: DialogueParts, now: float) -> list[Command]:
    """Remind people that a timer rings, in a pause of the conversation."""
    waits = parts.turn.state in {State.LISTENING, State.WAITING} and not parts.push_to_talk.open
    if not waits or parts.turn.person_speaks or parts.playback.sounding:
        return []
    parts.playback.chimes = True
    return [parts.playback.notice("timer", now)]


def farewell(parts: DialogueParts) -> None:
    """The person says goodbye."""
    parts.turn.farewell = True
    accepted = parts.responses.accepted
    if accepted is not None and parts.playback.received_ms(accepted):
        parts.calls.owed = False  # the answer to it is being said already


def talk_began(parts: DialogueParts, at_s: float, now: float) -> list[Command]:
    """A push-to-talk button went down."""
    if not parts.policy.push_to_talk:
        return wake_word_heard(parts, now)  # whoever speaks is heard anyway
    parts.push_to_talk.tap_ends = parts.turn.state is State.WAITING
    parts.push_to_talk.begin(at_s)
    parts.turn.person_speaks = True
    commands = _interrupt(parts, now) if parts.press_interrupts else listen(parts, now)
    parts.turn.wait.end()  # whoever talks does not wait
    return commands


def talk_ended(parts: DialogueParts, at_s: float, now: float) -> list[Command]:
    """It was released: what was said is handed in when all of it was captured (`PushToTalkTurn.complete_at_s`)."""
    if not parts.push_to_talk.held:
        return []
    parts.turn.person_speaks = False
    if parts.turn.state in WAITS:
        parts.turn.wait.begin(now)
    if not parts.push_to_talk.end(at_s):
        parts.greeting.skipped()  # the person spoke first
        return []
    if parts.push_to_talk.tap_ends:
        return end(parts, EndReason.PRESSED)
    clear = [do.Send(do.ClearAudio())] if parts.session.ready else []
    forget: list[Command] = [do.DropAudio(), *clear]
    if parts.session.ready and parts.awaits_greeting:
        return [*forget, *go_on(parts, now)]
    return [*forget, *(greeting.play_cached(parts, now) or listen(parts, now))]


def _interrupt(parts: DialogueParts, now: float) -> list[Command]:
    return [*dismiss_response(parts), *listen(parts, now)]
