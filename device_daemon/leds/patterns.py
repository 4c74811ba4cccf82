"""What each state looks like: patterns as pure functions of time, and the one table from state to look.

No clock, no loop, no device here: time comes in as seconds since the state began.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct

from device_daemon.state import State

FRAMES_PER_S = 25

Colour = tuple[float, float, float]
"""Red, green and blue, each 0..1 as the eye sees it (a light translates into duty cycles)."""

COLOURS: dict[str, Colour] = {
    "white": (1.0, 1.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "magenta": (1.0, 0.0, 0.7),
    "amber": (1.0, 0.7, 0.0),
    "cyan": (0.0, 1.0, 1.0),
    "blue": (0.0, 0.3, 1.0),
    "green": (0.0, 1.0, 0.2),
}


class Pattern(Struct, frozen=True):
    """One brightness (0..1) per frame of 1/25 s, repeated for ever.

    Whole frames keep the arithmetic exact, and let any number of lights share the same few timers.
    """

    levels: tuple[float, ...]
    description: str

    @property
    def period_s(self) -> float:
        """Return after how many seconds it starts again."""
        return len(self.levels) / FRAMES_PER_S

    def level(self, t_s: float) -> float:
        """Return the brightness, 0..1, `t_s` seconds after the state began."""
        return self.levels[_frame(t_s) % len(self.levels)]

    def next_change_s(self, t_s: float) -> float:
        """Return when the level next differs, later than `t_s`; infinity for a pattern that stands still."""
        frame = _frame(t_s)
        now = self.levels[frame % len(self.levels)]
        for later in range(frame + 1, frame + len(self.levels)):
            if self.levels[later % len(self.levels)] != now:
                return later / FRAMES_PER_S
        return math.inf

    def plain(self) -> Pattern:
        """Return the same rhythm for a light that can only be on or off."""
        return Pattern(tuple(float(level >= 0.5) for level in self.levels), self.description)


def _frame(t_s: float) -> int:
    # A timer may fire a clock tick early: without the margin it would show the old frame and wake up again.
    return math.floor(t_s * FRAMES_PER_S + 1e-3)


def _steps(*frames_and_levels: tuple[int, float]) -> tuple[float, ...]:
    return tuple(level for frames, level in frames_and_levels for _ in range(frames))


def _waves(frames: int, *beats: int, lowest: float = 0.0, sharpness: int = 1, every: int = 1) -> tuple[float, ...]:
    """Return cosines of so many `beats` laid over each other, between `lowest` and 1, brightest first.

    They change with every `every`-th frame only: each change wakes the program up.
    """
    places = [i - i % every for i in range(frames)]
    sums = [sum(math.cos(2 * math.pi * beat * i / frames) for beat in beats) / len(beats) for i in places]
    dimmest = min(sums)
    return tuple(lowest + (1 - lowest) * ((value - dimmest) / (1 - dimmest)) ** sharpness for value in sums)


PATTERNS: dict[str, Pattern] = {
    "off": Pattern((0.0,), "dark"),
    "on": Pattern((1.0,), "lit"),
    "blink": Pattern(_steps((5, 1.0), (5, 0.0)), "on and off, five times in two seconds"),
    # Mostly dark: someone who knows that a lit light means "I hear you" must not take it for that.
    "slow-blink": Pattern(_steps((7, 1.0), (68, 0.0)), "one short wink every three seconds"),
    "double-blink": Pattern(_steps((3, 1.0), (3, 0.0), (3, 1.0), (29, 0.0)), "two quick winks, then a pause"),
    "triple-blink": Pattern(_steps(*(((3, 1.0), (6, 0.0)) * 3), (40, 0.0)), "three quick winks, then a pause"),
    "pulse": Pattern(_waves(30, 1, lowest=0.1, sharpness=2), "swells and fades about once a second, never quite dark"),
    "breathe": Pattern(_waves(100, 1), "swells and fades every four seconds"),
    "tick": Pattern(_steps((4, 1.0), (34, 0.0)), "a short wink every one and a half seconds, like a clock"),
    # Half the frames are enough for what flickers, and it is what is shown for most of a conversation.
    "flicker": Pattern(_waves(60, 3, 5, lowest=0.2, every=2), "dances like a voice, mostly lit"),
    "wink": Pattern(_steps((46, 1.0), (4, 0.0)), "lit, and dark for a moment every two seconds"),
    "ring": Pattern(_steps((9, 1.0), (4, 0.0), (3, 1.0), (4, 0.0)), "long and short flashes in turn, without a pause"),
}
"""Every pattern begins lit (a change of state is seen at once) and none flashes more than three times a second."""


LEVEL = "level"
"""The pattern whose brightness is the level of a voice (`leds.level`), for lights that can be dimmed."""

_LEVEL_DESCRIPTION = (
    "as bright as the voice is loud: the speaker's while it speaks, yours while it listens; never quite dark"
    " (not for `led`; for greeting, listening and speaking)"
)


class Look(Struct, frozen=True):
    """How one state shows: a pattern for every light, a colour for those that have colours."""

    pattern: str
    colour: str
    meaning: str
    dimmable: str = ""
    """The pattern of lights that can be dimmed, if it is another one."""

    def pattern_of(self, *, dimmable: bool) -> str:
        """Return the name of the pattern for a light that can be dimmed, or for one that cannot."""
        return self.dimmable or self.pattern if dimmable else self.pattern


TABLE: dict[State, Look] = {
    State.RINGING: Look(
        "ring",
        "white",
        "a timer or an alarm rings: press the button; the microphone is open for the wake words only, if there are any, and"
        " closed while muted",
    ),
    State.MUTED: Look("slow-blink", "red", "the microphone is closed until you allow it again"),
    State.ERROR: Look("double-blink", "magenta", "something is broken: `voicelive-speaker status` says what"),
    State.OFFLINE: Look("breathe", "amber", "the voice service cannot be reached; the speaker keeps trying"),
    State.NO_CLOCK: Look("tick", "amber", "the clock is not set: waiting for the time from the network"),
    State.STARTING: Look("blink", "white", "getting ready"),
    State.CONNECTING: Look("blink", "cyan", "calling the voice service; the microphone is open"),
    State.GREETING: Look(
        "flicker",
        "green",
        "speaking first; the microphone is open, unless it only announces (with `echo: service` nothing is sent during"
        " a cached greeting)",
        LEVEL,
    ),
    State.LISTENING: Look("on", "blue", "your turn: the microphone is open"),
    State.THINKING: Look("pulse", "blue", "working on an answer; the microphone is open"),
    State.SPEAKING: Look("flicker", "green", "answering; the microphone is open", LEVEL),
    State.WAITING: Look("triple-blink", "blue", "hold the button to talk; until then the microphone is closed"),
    State.WAKE_WORD: Look("wink", "white", "listening for the wake word; no sound leaves the device"),
    State.IDLE: Look("off", "white", "waiting for a press; the microphone is closed"),
}
"""In order of priority: the first state that applies is shown, so ringing hides all others and idle hides none.

States with the same pattern (starting and connecting, greeting and speaking) mean the same to someone in the room;
all others differ in rhythm alone, because a single LED has no colours. Red is the muted microphone's only.
"""


def foremost(states: Iterable[State]) -> State:
    """Return the state to show of several that apply at once: the first in `TABLE`; idle if there is none."""
    apply = frozenset(states)
    return next((state for state in TABLE if state in apply), State.IDLE)


def as_markdown() -> str:
    """Return the table, and what its patterns look like, as docs/lights.md has it."""
    states = ["| State | | Pattern | Colour | It means |", "| --- | --- | --- | --- | --- |"]
    for state, look in TABLE.items():
        colour = look.colour if look.pattern != "off" else ""
        pattern = f"{look.dimmable} (led: {look.pattern})" if look.dimmable else look.pattern
        states.append(f"| {state} | ![{pattern}](lights/{state}.svg) | {pattern} | {colour} | {look.meaning} |")
    patterns = ["| Pattern | Looks like |", "| --- | --- |"]
    patterns += [f"| {name} | {pattern.description} |" for name, pattern in PATTERNS.items()]
    patterns.append(f"| {LEVEL} | {_LEVEL_DESCRIPTION} |")
    return "\n".join([*states, "", *patterns, ""])
