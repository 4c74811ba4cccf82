"""The microphone gate: what is done with microphone sound, and what sounds that people may not talk over (barge-in). Pure.

What is local (`PlaybackLedger.local`) is unknown to the session, so its echo cancellation would take it for a person:
while it sounds, no microphone sound is sent where the service cancels the echo. Half-duplex, no sound is sent while
anything sounds.
"""

from __future__ import annotations

from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.policy import MicrophoneGate
from device_daemon.greetings.ledger import Step
from device_daemon.state import State

ECHO_TAIL_S = 0.2
"""How long a room reverberates after the speaker fell silent."""


def gate(parts: DialogueParts, captured_at_s: float) -> MicrophoneGate:
    """Return what is to be done with microphone sound; `captured_at_s` is when its last sample was captured."""
    if parts.ended or parts.is_announcement:
        return MicrophoneGate.DISCARD
    listens = parts.session.ready and parts.turn.state is not State.CONNECTING
    if parts.policy.push_to_talk:
        if not parts.push_to_talk.holds(captured_at_s):
            return MicrophoneGate.DISCARD
        return MicrophoneGate.STREAM if listens else MicrophoneGate.HOLD
    if captured_at_s < parts.microphone.discard_before_s or is_protected(parts):
        return MicrophoneGate.DISCARD
    # Nothing is sent before the greeting is heard: the service would answer it instead of greeting.
    return MicrophoneGate.STREAM if listens and not parts.greeting.pending else MicrophoneGate.HOLD


def is_protected(parts: DialogueParts) -> bool:
    """Return whether something sounds that people may not talk over."""
    return parts.playback.sounding and not _barge_in_allowed(parts)


def protected_sound_over(parts: DialogueParts) -> None:
    """Something that people may not talk over fell silent: what was captured until then is dropped."""
    tail_s = ECHO_TAIL_S if parts.policy.half_duplex else 0.0
    parts.microphone.discard_before_s = parts.playback.quiet_since_s + tail_s


def _barge_in_allowed(parts: DialogueParts) -> bool:
    if parts.policy.half_duplex or not parts.policy.interruptible:
        return False
    if parts.playback.local and parts.policy.echo_by_service:
        return False
    return parts.opening is None or parts.opening.interruptible or parts.greeting.step is not Step.AUDIBLE
