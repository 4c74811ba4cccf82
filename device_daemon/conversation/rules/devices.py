"""The rules of the devices: the microphone is opened and closed with the light, and both devices fail and recover. Pure."""

from __future__ import annotations

from device_daemon.conversation.commands import CloseMicrophone, Command, OpenMicrophone
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.rules import greeting
from device_daemon.conversation.rules.next_step import greet_when_heard, ready_sound
from device_daemon.conversation.rules.steps import end, listen
from device_daemon.errors import SpeakerError
from device_daemon.greetings.ledger import Step
from device_daemon.state import State


def with_microphone(parts: DialogueParts, commands: list[Command], now: float) -> list[Command]:
    """Open the microphone after the light says so, close it before the light changes."""
    if parts.ended or parts.wants_microphone is parts.microphone.open:
        return commands
    if parts.wants_microphone:
        parts.microphone.opened(now)
        return [*commands, OpenMicrophone()]
    parts.microphone.closed()
    return [CloseMicrophone(), *commands]


def microphone_failed(parts: DialogueParts, error: SpeakerError, now: float) -> list[Command]:
    """The microphone gives no sound: it has a moment to recover, and the light does not say that it listens."""
    if not parts.wants_microphone or parts.microphone.failure is not None:
        return []
    parts.microphone.failed(error, now)
    return listen(parts, now) if parts.turn.state is State.LISTENING else []


def microphone_gives_sound(parts: DialogueParts, now: float) -> list[Command]:
    """The microphone gives sound, for the first time or again."""
    if not parts.microphone.open:
        return []
    parts.microphone.gives_sound()
    waited_for = parts.turn.state is State.CONNECTING and parts.session.ready and not parts.greeting.pending
    return [*ready_sound(parts, now), *listen(parts, now)] if waited_for else []


def speaker_failed(parts: DialogueParts, error: SpeakerError, now: float) -> list[Command]:
    """End the conversation if it breaks off what is being heard; else the speaker has a moment to recover."""
    if parts.speaker.failure is not None:
        return []
    if parts.turn.state is State.SPEAKING or parts.greeting.step is Step.AUDIBLE:
        return end(parts, EndReason.FAILED, error)
    parts.speaker.failed(error, now, parts.turn.wait.since_s)
    if parts.turn.state is not State.GREETING:
        return []
    taken_back = greeting.take_back(parts) if parts.greeting.step is Step.CREATED else []
    return [*taken_back, *greeting.wait_for_speaker(parts, now)]


def speaker_recovered(parts: DialogueParts, now: float) -> list[Command]:
    """The speaker can be heard again: the greeting goes on, or is said now."""
    parts.speaker.recovered()
    if parts.turn.state is State.CONNECTING and parts.greeting.step is Step.REQUESTED:
        return parts.turn.enter(State.GREETING, now, until_s=now + parts.deadlines.greeting_s)
    return greet_when_heard(parts, now)
