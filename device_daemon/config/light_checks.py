"""Validation of lights: patterns that follow a voice where there is none, empty time spans."""

from __future__ import annotations

from typing import Final

from device_daemon.config.problems import Problems
from device_daemon.config.settings import Config, Led
from device_daemon.config.source_map import SourceMap
from device_daemon.config.trigger_checks import check_span
from device_daemon.state import State

_WITH_A_VOICE: Final = (State.GREETING, State.LISTENING, State.SPEAKING)


def check_lights(config: Config, source_map: SourceMap, problems: Problems) -> None:
    """Report every broken rule; the form of each value is checked already."""
    for light in config.lights:
        if isinstance(light, Led):
            continue
        for state, pattern in light.patterns.items():
            if pattern == "level" and state not in _WITH_A_VOICE:
                sentence = f"found 'level', which follows a voice; allowed for {', '.join(_WITH_A_VOICE)} only"
                problems.add(source_map.value(light, "patterns", state), sentence)
        if light.night:
            check_span(light.night, source_map, problems)
