"""The rules of the greeting: from the cache or asked for, until something of it was heard. Pure.

The life of a greeting (`greetings.ledger`). It is asked for when the session is ready, and audible when the speaker
says so: only then the microphone's sound goes to the service, which would answer it otherwise instead of greeting. If
the response or the connection is lost before that, it is asked for again; afterwards never. If the service is busy with
another response, it is asked for when that one ends. A greeting from the cache is played at the press, while the
connection is still being made; the service learns afterwards how much of it was heard.
"""

from __future__ import annotations

from math import inf

from device_daemon.conversation import commands as do
from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.playback_ledger import LOCAL
from device_daemon.conversation.rules.steps import give_up_response, stop_sound
from device_daemon.state import State

REQUESTS_PER_SESSION = 3


def play_cached(parts: DialogueParts, now: float) -> list[Command]:
    """Play the greeting if its sound is cached; return no commands if it is not."""
    if parts.opening is None or not parts.opening.pcm or not parts.awaits_greeting:
        return []
    if not parts.can_be_heard:
        return wait_for_speaker(parts, now)
    parts.greeting.played_from_cache()
    play = parts.playback.play_local(parts.opening.pcm, now)
    return [play, *parts.turn.enter(State.GREETING, now, until_s=parts.stalls_at_s)]


def cached_over(parts: DialogueParts, share: float) -> None:
    """Take in how much of the cached greeting was heard, 0..1."""
    if parts.opening is None or not parts.greeting.in_speaker:
        return
    parts.greeting.in_speaker = False
    parts.greeting.done()
    parts.greeting.skipped()
    parts.memory.transcript.said("assistant", parts.opening.text, LOCAL)
    parts.memory.transcript.cut(LOCAL, share)
    parts.memory.add_untold(LOCAL)


def request(parts: DialogueParts, now: float) -> list[Command]:
    """Ask for the greeting, or give it up where the service refused it too often."""
    if parts.opening is None or parts.greeting.session_requests >= REQUESTS_PER_SESSION:
        return give_up_response(parts, now, parts.greeting.failure)
    if not parts.can_be_heard:
        return wait_for_speaker(parts, now)
    if parts.responses.active is not None:  # it waits for the end of what the service says by itself
        return parts.turn.enter(State.GREETING, now, until_s=inf)
    parts.greeting.requested()
    message = do.RequestGreeting(parts.opening, f"greeting-{parts.greeting.requests}")
    return [do.Send(message), *parts.turn.enter(State.GREETING, now, until_s=now + parts.deadlines.greeting_s)]


def wait_for_speaker(parts: DialogueParts, now: float) -> list[Command]:
    """Wait with the greeting; the speaker has a deadline of its own."""
    return parts.turn.enter(State.CONNECTING, now, until_s=inf)


def take_back(parts: DialogueParts) -> list[Command]:
    """Nothing was heard of it: it is said from its beginning when the speaker is back."""
    commands = stop_sound(parts)
    parts.responses.drop()
    parts.greeting.taken_back()
    return commands
