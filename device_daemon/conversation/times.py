"""The latencies of one conversation that a person feels: press to greeting, turn to answer, speech to silence."""

from __future__ import annotations

import logging
from collections.abc import Callable

from device_daemon.conversation import events as on
from device_daemon.conversation.metrics import Metrics
from device_daemon.system.logs import GREETING_HEARD, fields

logger = logging.getLogger(__name__)

_OWN_SOUNDS = ("sound:", "notice:")
"""How the sources of the device's own sounds begin: they are no answers."""


class ConversationTimes:
    """When things happened (time.monotonic), None until they do; each latency is added to the metrics once."""

    def __init__(self, pressed_s: float, metrics: Metrics, on_greeting_heard: Callable[[float], None]) -> None:
        """`on_greeting_heard` is called with the milliseconds from the press to the greeting's first sample."""
        self.greeting_heard_s: float | None = None
        self._pressed_s = pressed_s
        self._metrics = metrics
        self._on_greeting_heard = on_greeting_heard
        self.speech_started_s: float | None = None
        self.speech_stopped_s: float | None = None

    def speech_started(self, now: float, *, interrupts: bool) -> None:
        """A person speaks; `interrupts` where the speaker is flushed for it."""
        self.speech_started_s = now if interrupts else None

    def speech_stopped(self, now: float) -> None:
        """The turn ended: what is heard next is the answer."""
        self.speech_stopped_s = now

    def answer_resumed(self) -> None:
        """It was no turn, and what sounds next is no answer to it."""
        self.speech_stopped_s = None

    def started(self, event: on.Started, *, greets: bool) -> None:
        """The speaker plays the first sample of something; `greets` where that is the greeting."""
        if greets:
            self.greeting_heard_s = event.at_s
            self._metrics.greetings_heard += 1
            ms = self._metrics.press_to_greeting.add(event.at_s - self._pressed_s)
            logger.info(
                "greeting heard %.0f ms after the press", ms, extra=fields(GREETING_HEARD, LATENCY_MS=round(ms))
            )
            self._on_greeting_heard(ms)
        elif self.speech_stopped_s is not None and not event.source.startswith(_OWN_SOUNDS):
            self._metrics.turn_to_answer.add(event.at_s - self.speech_stopped_s)
            self.speech_stopped_s = None

    def flushed(self, event: on.Flushed) -> None:
        """The speaker fell silent."""
        if self.speech_started_s is None:
            return
        self._metrics.interruptions += 1
        ms = self._metrics.speech_to_silence.add(event.at_s - self.speech_started_s)
        logger.info("interrupted %.1f ms after speech began; %d ms of %s were heard", ms, event.heard_ms, event.source)
        self.speech_started_s = None
