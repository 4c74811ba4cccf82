"""The state between conversations, and which parts' failures count for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from device_daemon.errors import ClockNotSet, ServiceUnreachable, SpeakerError
from device_daemon.health import Part
from device_daemon.leds.patterns import foremost
from device_daemon.state import State

OPTIONAL_PARTS: Final = frozenset({Part.DISK, Part.GREETING_CACHE, Part.MCP, Part.MQTT, Part.LIGHTS})
"""The speaker talks and listens without them: `status` and the journal report them, the light does not."""


def resting_state(*, muted: bool, failures: Iterable[SpeakerError], wake_words: bool = False) -> State:
    """Return the state between conversations: of all that apply, the one with the highest priority in the lights' table."""
    apply = {State.MUTED} if muted else set()
    if wake_words:
        apply.add(State.WAKE_WORD)
    for failure in failures:
        match failure:
            case ClockNotSet():
                apply.add(State.NO_CLOCK)
            case ServiceUnreachable():
                apply.add(State.OFFLINE)
            case _:
                apply.add(State.ERROR)
    return foremost(apply)
