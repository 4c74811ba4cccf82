"""Takes the pins, the clock and the wake words that the config names, and brings what they tell to the desk.

What cannot be had is told, and the rest works without it: the control socket is always there. The buttons come first,
before the program has got the most of itself into memory; drivers and engines are imported where the config names them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from device_daemon.config.settings import ButtonTrigger, Config, MotionTrigger, ScheduleTrigger, WakeWordTrigger
from device_daemon.errors import SpeakerError
from device_daemon.triggers.button import Button
from device_daemon.triggers.button_actions import ButtonActions, PushToTalkActions

if TYPE_CHECKING:
    from device_daemon.device.controller import Controller
    from device_daemon.device.requests import Requests

logger = logging.getLogger(__name__)


class _Closable(Protocol):
    def close(self) -> None:
        """Give back what was taken."""


class TriggerSetup:
    """Taken until `close`; all methods are called from the event loop's thread."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._desk: Requests | None = None
        self._taken: list[_Closable] = []

    def arm(self) -> None:
        """Take the buttons. Where their presses go, `serve` must say before the loop turns again."""
        for trigger in self._config.triggers:
            if isinstance(trigger, ButtonTrigger):
                self._take(partial(self._button, trigger))

    def serve(self, desk: Requests, host: Controller) -> None:
        """Bring to the desk what is pressed, and take the mute switch, the sensors and the clock."""
        self._desk = desk
        if (pin := self._config.mute.switch_pin) is not None:
            self._switch(pin, host)
        for trigger in self._config.triggers:
            if isinstance(trigger, MotionTrigger):
                self._take(partial(self._motion, trigger, desk))
        if times := [trigger for trigger in self._config.triggers if isinstance(trigger, ScheduleTrigger)]:
            self._taken.append(self._schedule(times, desk))

    def listen(self, desk: Requests, host: Controller) -> None:
        """Begin to listen for the wake words; apart from `serve`, since the engine takes its time to be imported."""
        words = [trigger for trigger in self._config.triggers if isinstance(trigger, WakeWordTrigger)]
        if not words:
            return
        from device_daemon.triggers.wakeword import WakeWords  # noqa: PLC0415 - most speakers have none

        def heard(trigger: WakeWordTrigger, ends_at_s: float) -> None:
            desk.word(f"wake word {trigger.word}", trigger.greeting, ends_at_s)

        try:
            listener = WakeWords(words, loop=self._loop, on_word=heard, on_failure=host.words_failed)
        except SpeakerError as error:
            logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback helps no owner
            host.words_failed(error)
        else:
            host.listen_for(listener)

    def close(self) -> None:
        """Give all pins back; nothing is brought to the desk any more."""
        for taken in self._taken:
            taken.close()
        self._taken.clear()

    def _take(self, build: Callable[[], _Closable]) -> None:
        try:
            self._taken.append(build())
        except SpeakerError as error:
            logger.error("%s", error)  # noqa: TRY400

    def _at_desk(self) -> Requests:
        assert self._desk is not None, "the loop turned between arm and serve"  # noqa: S101
        return self._desk

    def _button(self, trigger: ButtonTrigger) -> Button:
        name = f"button on pin {trigger.pin}"
        if trigger.mode == "push-to-talk":
            talk = PushToTalkActions(self._at_desk, trigger.greeting, name)
            return Button(
                trigger,
                loop=self._loop,
                on_press=talk.pressed,
                on_double=talk.pressed,
                on_release=talk.released,
                on_hold=talk.held,
            )
        presses = ButtonActions(self._at_desk, trigger.greeting, name)
        return Button(
            trigger,
            loop=self._loop,
            on_press=presses.pressed,
            on_double=presses.pressed_twice,
            on_release=presses.released,
            on_hold=presses.held,
        )

    def _motion(self, trigger: MotionTrigger, desk: Requests) -> _Closable:
        from device_daemon.triggers.motion import Motion  # noqa: PLC0415 - most speakers have none
        from device_daemon.triggers.presence import why_not  # noqa: PLC0415

        name = f"motion on pin {trigger.pin}"
        last_opened_s: float | None = None

        def seen(at_s: float) -> None:
            nonlocal last_opened_s
            reason = why_not(
                trigger,
                now_s=at_s,
                last_opened_s=last_opened_s,
                last_conversation_over_s=desk.quiet_since_s,
                local_time=datetime.now().astimezone().time(),
            )
            if reason:
                logger.debug("%s: %s", name, reason)
            elif desk.motion(name, trigger.greeting, at_s):
                last_opened_s = at_s

        return Motion(trigger, loop=self._loop, on_motion=seen)

    def _schedule(self, triggers: list[ScheduleTrigger], desk: Requests) -> _Closable:
        from device_daemon.triggers.schedule import Schedule  # noqa: PLC0415 - most speakers have none

        def due(trigger: ScheduleTrigger) -> None:
            desk.scheduled(f"schedule {trigger.at} {trigger.days}", trigger.greeting)

        return Schedule(triggers, loop=self._loop, on_due=due)

    def _switch(self, pin: int, host: Controller) -> None:
        from device_daemon.triggers.switch import Switch  # noqa: PLC0415 - most speakers have none

        try:
            switch = Switch(pin, loop=self._loop, on_change=lambda off: host.switch(off=off))
        except SpeakerError as error:
            # A switch that is not seen must not leave the microphone on.
            logger.error("%s The microphone stays off.", error)  # noqa: TRY400
            host.switch(off=True)
        else:
            self._taken.append(switch)
            host.switch(off=switch.on)
