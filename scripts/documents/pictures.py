"""Pictures of docs/lights.md: one animated SVG per state, made from the patterns that the lights themselves show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

from device_daemon.leds import level
from device_daemon.leds.patterns import COLOURS, FRAMES_PER_S, LEVEL, PATTERNS, TABLE, Colour
from device_daemon.state import State
from scripts import REPOSITORY

FOLDER: Final = REPOSITORY / "docs" / "lights"

_VOICE_S: Final = 4.0
"""The voice of the picture for the pattern `level` begins again after so many seconds."""
_SYLLABLE_S: Final = 0.24
_PAUSES: Final = frozenset({5, 10, 15, 16})
"""Syllables that are not spoken: the gaps between words."""


def pictures() -> Mapping[Path, str]:
    """Return every picture, by its file: each state as it looks on a light with colours that can be dimmed."""
    return {FOLDER / f"{state}.svg": _svg(_levels(state), COLOURS[TABLE[state].colour]) for state in State}


def _levels(state: State) -> tuple[float, ...]:
    """Return one brightness per frame of one period."""
    name = TABLE[state].pattern_of(dimmable=True)
    return _voice_levels() if name == LEVEL else PATTERNS[name].levels


def _voice_levels() -> tuple[float, ...]:
    """Return what the pattern `level` makes of an invented voice, the same at its end as at its beginning."""
    frames = round(_VOICE_S * FRAMES_PER_S)
    now_s = 0.0
    pattern = level.LevelPattern(lambda: _voice_dbfs(now_s % _VOICE_S))
    shown = []
    for frame in range(2 * frames):  # the first round starts with full light, as every state does
        now_s = frame / FRAMES_PER_S
        shown.append(pattern.level(now_s))
    return tuple(shown[frames:])


def _voice_dbfs(t_s: float) -> float:
    syllable, place = divmod(t_s / _SYLLABLE_S, 1.0)
    if syllable in _PAUSES:
        return level.QUIET_DBFS
    stress = 4.0 * (syllable % 3)
    return level.LOUD_DBFS - stress - 24.0 * (1.0 - math.sin(math.pi * place))


def _svg(levels: tuple[float, ...], colour: Colour) -> str:
    """Return a light on a dark case; it stands still for readers whose system asks for reduced motion."""
    paint = "#" + "".join(f"{round(255 * part):02x}" for part in colour)
    style = _style(levels)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48" viewBox="0 0 48 48">\n'
        f"{style}"
        '<radialGradient id="glow">'
        f'<stop offset="0.3" stop-color="{paint}" stop-opacity="0.7"/><stop offset="1" stop-color="{paint}" stop-opacity="0"/>'
        "</radialGradient>\n"
        '<rect width="48" height="48" rx="8" fill="#1c1c1c"/>\n'
        '<circle cx="24" cy="24" r="9" fill="#3a3a3a"/>\n'
        f'<g id="light" opacity="{_number(levels[0])}">'
        f'<circle cx="24" cy="24" r="22" fill="url(#glow)"/><circle cx="24" cy="24" r="9" fill="{paint}"/>'
        "</g>\n</svg>\n"
    )


def _style(levels: tuple[float, ...]) -> str:
    """Return the animation: a key frame where the brightness changes, and nothing for a pattern that stands still."""
    frame = 0
    keys = []
    for brightness, run in groupby(levels):
        keys.append(f"{_number(100 * frame / len(levels))}%{{opacity:{_number(brightness)}}}")
        frame += len(list(run))
    if len(keys) == 1:
        return ""
    period_s = _number(len(levels) / FRAMES_PER_S)
    return (
        f"<style>\n@keyframes pattern{{{''.join(keys)}}}\n"
        f"@media (prefers-reduced-motion: no-preference){{#light{{animation:pattern {period_s}s step-end infinite}}}}\n"
        "</style>\n"
    )


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
