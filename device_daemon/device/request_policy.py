"""What becomes of each request to talk, by what the device is doing: one table, without I/O, clock or threads.

Everything that opens or changes a conversation passes here: buttons, words, motion, the clock, other programs.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final

from device_daemon.state import State

AT_ONCE_S: Final = 0.5
"""Two triggers that fire so close together count as one: the second must not undo the first."""
LATE_S: Final = 60.0
"""How long a schedule waits for the end of a conversation; then its time has passed."""


class Kind(StrEnum):
    """Who asks."""

    PRESS = "press (button, `press`)"
    TALK = "push-to-talk button"
    WORD = "wake word"
    MOTION = "motion"
    SCHEDULE = "schedule"
    GREET = "`greet`, `say --listen`"
    SAY = "`say`"


class Situation(StrEnum):
    """What the device is doing, as far as requests are concerned."""

    AT_REST = "idle, wake-word"
    OUT_OF_ORDER = "offline, no-clock, error"
    MUTED = "muted"
    CONNECTING = "connecting"
    LISTENING = "listening, waiting"
    SPEAKING = "greeting, thinking, speaking"
    ANNOUNCING = "announcing"


class Outcome(Enum):
    """What is done about it, in the words of the README."""

    OPEN = "begins"
    TRY = "tries, and says what is wrong"
    WAIT = "waits for the end"
    INTERRUPT = "interrupts"
    HEAR = "is heard while held"
    END = "ends it"
    IGNORE = "nothing"
    SILENCE = "stops the ringing"
    REFUSE = "says that it is muted"


def _row(rest: Outcome, broken: Outcome, muted: Outcome, *talking: Outcome) -> dict[Situation, Outcome]:
    return dict(zip(Situation, (rest, broken, muted, *talking), strict=True))


_O = Outcome
TABLE: Final[dict[Kind, dict[Situation, Outcome]]] = {
    Kind.PRESS: _row(_O.OPEN, _O.TRY, _O.REFUSE, _O.END, _O.END, _O.INTERRUPT, _O.END),
    Kind.TALK: _row(_O.OPEN, _O.TRY, _O.REFUSE, _O.HEAR, _O.HEAR, _O.HEAR, _O.END),
    # Where the light does not say so the microphone is closed: no word can be heard while muted or out of order.
    Kind.WORD: _row(_O.OPEN, _O.IGNORE, _O.IGNORE, _O.IGNORE, _O.IGNORE, _O.INTERRUPT, _O.END),
    # Nobody asked for anything: no notice is spoken to a passer-by.
    Kind.MOTION: _row(_O.OPEN, _O.IGNORE, _O.IGNORE, _O.IGNORE, _O.IGNORE, _O.IGNORE, _O.IGNORE),
    Kind.SCHEDULE: _row(_O.OPEN, _O.IGNORE, _O.IGNORE, _O.WAIT, _O.WAIT, _O.WAIT, _O.WAIT),
    Kind.GREET: _row(_O.OPEN, _O.TRY, _O.REFUSE, _O.WAIT, _O.WAIT, _O.WAIT, _O.WAIT),
    # It needs no microphone.
    Kind.SAY: _row(_O.OPEN, _O.TRY, _O.OPEN, _O.WAIT, _O.WAIT, _O.WAIT, _O.WAIT),
}

# A conversation makes it ring softly: nobody who walks past asked for that.
WHILE_RINGING: Final = {Kind.PRESS: _O.SILENCE, Kind.TALK: _O.SILENCE, Kind.MOTION: _O.IGNORE}
"""What is otherwise while a timer or an alarm rings, whatever else the device is doing."""

_COUNT_AS_ONE: Final = frozenset({Kind.PRESS, Kind.WORD, Kind.MOTION})

_BY_STATE: Final = {
    State.STARTING: Situation.AT_REST,
    State.RINGING: Situation.AT_REST,
    State.IDLE: Situation.AT_REST,
    State.WAKE_WORD: Situation.AT_REST,
    State.OFFLINE: Situation.OUT_OF_ORDER,
    State.NO_CLOCK: Situation.OUT_OF_ORDER,
    State.ERROR: Situation.OUT_OF_ORDER,
    State.MUTED: Situation.MUTED,
    State.CONNECTING: Situation.CONNECTING,
    State.LISTENING: Situation.LISTENING,
    State.WAITING: Situation.LISTENING,
    State.GREETING: Situation.SPEAKING,
    State.THINKING: Situation.SPEAKING,
    State.SPEAKING: Situation.SPEAKING,
}


def situation(state: State, *, announcing: bool) -> Situation:
    """Return what a state means here; `announcing` where the conversation has its microphone closed."""
    return Situation.ANNOUNCING if announcing else _BY_STATE[state]


def decide(kind: Kind, now: Situation, *, ringing: bool = False, since_other_s: float | None = None) -> Outcome:
    """Return what becomes of a request.

    Args:
        kind: Who asks.
        now: What the device is doing, apart from ringing.
        ringing: A timer or an alarm rings.
        since_other_s: How long ago another trigger opened the conversation there is, None without one.
    """
    if ringing and kind in WHILE_RINGING:
        return WHILE_RINGING[kind]
    if kind in _COUNT_AS_ONE and since_other_s is not None and since_other_s < AT_ONCE_S:
        return Outcome.IGNORE
    return TABLE[kind][now]


def as_markdown() -> str:
    """Return the table as the README has it."""
    lines = ["| | " + " | ".join([*Situation, "a timer rings"]) + " |", "| --- |" + " --- |" * (len(Situation) + 1)]
    for kind, row in TABLE.items():
        outcomes = [
            *(row[now].value for now in Situation),
            WHILE_RINGING[kind].value if kind in WHILE_RINGING else "the same",
        ]
        lines.append(f"| {kind} | {' | '.join(outcomes)} |")
    return "\n".join([*lines, ""])
