"""What the demo's live view looks like: a picture of one moment in, something rich can draw out. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from device_daemon.leds.patterns import TABLE, Colour
from device_daemon.leds.pwm_led import GAMMA
from device_daemon.state import State

QUIETEST_DBFS = -60.0
METER_CELLS = 30
UNLIT = 40
"""How bright a light that is off is drawn, of 255: as a dot that can be seen."""

_LATENCIES = {
    "press_to_greeting": "press -> greeting heard",
    "speech_to_silence": "speech_started -> silence",
    "mouth_to_wire": "first sample of a message -> wire",
    "turn_to_answer": "speech_stopped -> answer heard",
}
_COUNTERS = ("conversations", "interruptions", "reconnects", "stale_deltas", "microphone_dropped_ms")


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is shown. Levels of lights are duty cycles, 0..1, as the pins really have them."""

    about: str
    keys: str
    led: float
    rgb_led: Colour
    status: Mapping[str, Any]
    """As `status --json`."""
    said: Sequence[tuple[str, str]]
    """Who said what, the newest last."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Page:
    """What is said gets the lines that the rest leaves over; its oldest lines go when there are too many."""

    head: RenderableType
    said: RenderableType
    foot: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        free = options.update(height=None)
        head, said, foot = (console.render_lines(part, free) for part in (self.head, self.said, self.foot))
        room = max(console.height - len(head) - len(foot), 0)
        for line in [*head, *said[max(len(said) - room, 0) :], *foot]:
            yield from line
            yield Segment.line()


def draw(picture: Picture) -> RenderableType:
    """Return the whole view."""
    status = picture.status
    state = State(status["state"])
    facts = _grid()
    facts.add_row("state", Text.assemble((str(state), "bold"), f"  {TABLE[state].meaning}"))
    facts.add_row("lights", _lights(picture))
    for direction in ("microphone", "speaker"):
        facts.add_row(direction, meter(status["levels_dbfs"][direction]))
    for title, text in figures(status):
        facts.add_row(title, text)
    said = _grid()
    for who, text in picture.said:
        said.add_row(who, Text(text))
    foot = Group("", Text(picture.note), Text(picture.keys, style="bold"))
    return _Page(Group(Text(picture.about, style="dim"), "", facts, ""), said, foot)


def meter(level_dbfs: float) -> Text:
    """Return a bar from -60 to 0 dBFS."""
    lit = round(min(max(1 - level_dbfs / QUIETEST_DBFS, 0.0), 1.0) * METER_CELLS)
    level = f"{level_dbfs:.0f} dBFS" if level_dbfs > QUIETEST_DBFS else "silent"
    return Text.assemble(("█" * lit, "green"), ("·" * (METER_CELLS - lit), "dim"), f" {level}")


def figures(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield titles and values of what was measured and counted; latencies are medians of this run."""
    yield "last conversation", _last_conversation(status["last_conversation"])
    measures = status["measures"]
    for name, label in _LATENCIES.items():
        if values := measures[name]:
            yield label, f"{values['median_ms']:.0f} ms (median of {values['count']})"
    xruns = {"overruns": status["microphone"]["overruns"], "underruns": status["speaker"]["underruns"]}
    counted = {name: measures[name] for name in _COUNTERS} | xruns
    yield "counters", ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counted.items())


def _last_conversation(last: Mapping[str, Any] | None) -> str:
    if last is None:
        return "none yet"
    greeted = last["press_to_greeting_ms"]
    heard = f", greeting heard {greeted:.0f} ms after the press" if greeted is not None else ""
    return f"{last['duration_s']} s{heard}, ended because {last['failure'] or last['ended']}"


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    return grid


def _lights(picture: Picture) -> Text:
    yellow = (picture.led, picture.led * 0.7, 0.0)
    return Text.assemble(("●", _style(yellow)), " led   ", ("●", _style(picture.rgb_led)), " rgb-led")


def _style(duty_cycles: Colour) -> str:
    # A duty cycle is a light's power; the eye makes more of little.
    seen = (UNLIT + (255 - UNLIT) * level ** (1 / GAMMA) for level in duty_cycles)
    return "#" + "".join(f"{round(level):02x}" for level in seen)
