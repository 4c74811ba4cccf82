"""The device's states and the table of allowed transitions.

What the config calls a state, the lights, the log, `status` and systemd's STATUS= call it too.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What the device is doing."""

    STARTING = "starting"
    IDLE = "idle"
    CONNECTING = "connecting"
    GREETING = "greeting"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    WAITING = "waiting"
    WAKE_WORD = "wake-word"
    RINGING = "ringing"
    MUTED = "muted"
    OFFLINE = "offline"
    NO_CLOCK = "no-clock"
    ERROR = "error"


MICROPHONE_OPEN = frozenset(
    {
        *(State.CONNECTING, State.GREETING, State.LISTENING, State.THINKING, State.SPEAKING),
        *(State.WAKE_WORD, State.RINGING),
    }
)
"""The microphone may be open in these states only: their lights say so."""

IN_CONVERSATION = MICROPHONE_OPEN - {State.WAKE_WORD, State.RINGING} | {State.WAITING}
"""States of an open conversation."""

RESTING = frozenset(
    {State.IDLE, State.WAKE_WORD, State.RINGING, State.MUTED, State.OFFLINE, State.NO_CLOCK, State.ERROR}
)
"""States that may last: a press leaves each of them."""

_OPENING = frozenset({State.CONNECTING, State.GREETING})
"""A conversation begins with calling the service or, with a remembered greeting, with speaking."""

TRANSITIONS: dict[State, frozenset[State]] = {
    State.STARTING: RESTING,
    # An announcement needs no microphone, so it may be made while muted.
    **dict.fromkeys(RESTING, RESTING | _OPENING),
    # A service that speaks at once, or a reconnect during an answer, may skip the greeting.
    # An answer may be repeated while the microphone still opens.
    State.CONNECTING: RESTING | {State.GREETING, State.LISTENING, State.THINKING, State.SPEAKING, State.WAITING},
    State.GREETING: RESTING | {State.CONNECTING, State.LISTENING, State.THINKING, State.SPEAKING, State.WAITING},
    State.LISTENING: RESTING | {*_OPENING, State.THINKING, State.SPEAKING, State.WAITING},
    State.THINKING: RESTING | {State.CONNECTING, State.LISTENING, State.SPEAKING, State.WAITING},
    State.SPEAKING: RESTING | {State.CONNECTING, State.LISTENING, State.THINKING, State.WAITING},
    State.WAITING: RESTING | {*_OPENING, State.LISTENING, State.THINKING, State.SPEAKING},
}


class IllegalTransition(Exception):
    """A step the table does not allow: a bug in this program, never in its input."""


def check_transition(before: State, after: State) -> None:
    """Raise IllegalTransition unless `before` may be followed by `after` (staying is no transition)."""
    if before is not after and after not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before} -> {after}")
