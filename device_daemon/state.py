"""The device's states and the table of allowed transitions.

What the config calls a state, the lights, the log, `status` and systemd's STATUS= call it too.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What the device is doing, as a person in the room would say it."""

    STARTING = "starting"
    IDLE = "idle"
    CONNECTING = "connecting"
    GREETING = "greeting"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    MUTED = "muted"
    OFFLINE = "offline"
    NO_CLOCK = "no-clock"
    ERROR = "error"


IN_CONVERSATION = frozenset({State.CONNECTING, State.GREETING, State.LISTENING, State.THINKING, State.SPEAKING})
"""States of an open conversation. The microphone is open in these and in no other: their lights say so."""

RESTING = frozenset({State.IDLE, State.MUTED, State.OFFLINE, State.NO_CLOCK, State.ERROR})
"""States that may last: a press leaves each of them."""

TRANSITIONS: dict[State, frozenset[State]] = {
    State.STARTING: RESTING,
    State.IDLE: RESTING | {State.CONNECTING},
    # A service that speaks at once, or a reconnect during an answer, may skip the greeting.
    State.CONNECTING: RESTING | {State.GREETING, State.LISTENING},
    State.GREETING: RESTING | {State.CONNECTING, State.LISTENING},
    State.LISTENING: RESTING | {State.CONNECTING, State.THINKING, State.SPEAKING},
    State.THINKING: RESTING | {State.CONNECTING, State.LISTENING, State.SPEAKING},
    State.SPEAKING: RESTING | {State.CONNECTING, State.LISTENING, State.THINKING},
    # An announcement needs no microphone, so it may be made while muted.
    State.MUTED: RESTING | {State.CONNECTING},
    State.OFFLINE: RESTING | {State.CONNECTING},
    State.NO_CLOCK: RESTING | {State.CONNECTING},
    State.ERROR: RESTING | {State.CONNECTING},
}


class IllegalTransition(Exception):
    """A step the table does not allow: a bug in this program, never in its input."""


def check_transition(before: State, after: State) -> None:
    """Raise IllegalTransition unless `before` may be followed by `after` (staying is no transition)."""
    if before is not after and after not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before} -> {after}")
