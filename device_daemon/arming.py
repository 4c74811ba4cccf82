"""Takes the pins, the clock and the wake words that the config names, and brings what they tell to the desk.

What cannot be had is told, and the rest works without it: the control socket is always there.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Protocol

from device_daemon.config.settings import ButtonTrigger, Config, MotionTrigger, ScheduleTrigger, WakeWordTrigger
from device_daemon.desk import Desk
from device_daemon.errors import SpeakerError
from device_daemon.host import Host
from device_daemon.presses import Presses, PushToTalk
from device_daemon.triggers.button import Button
from device_daemon.triggers.switch import Switch

logger = logging.getLogger(__name__)


class _Closable(Protocol):
    def close(self) -> None:
        """Give back what was taken."""


class Triggers:
    """Armed until `close`; all methods are called from the event loop's thread."""

    def __init__(self, config: Config, host: Host, desk: Desk) -> None:
        self._config = config
        self._host = host
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self._taken: list[_Closable] = []

    def arm(self) -> None:
        """Take everything; drivers and engines are imported only where the config names them."""
        for trigger in self._config.triggers:
            try:
                match trigger:
                    case ButtonTrigger():
                        self._taken.append(self._button(trigger))
                    case MotionTrigger():
                        self._taken.append(self._motion(trigger))
                    case ScheduleTrigger() | WakeWordTrigger():
                        pass  # all of a kind together, below
            except SpeakerError as error:
                logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback helps no owner
        self._schedule([trigger for trigger in self._config.triggers if isinstance(trigger, ScheduleTrigger)])
        self._switch()

    def listen(self) -> None:
        """Begin to listen for the wake words; apart from `arm`, since the engine takes its time to be imported."""
        words = [trigger for trigger in self._config.triggers if isinstance(trigger, WakeWordTrigger)]
        if not words:
            return
        from device_daemon.triggers.wakeword import WakeWords  # noqa: PLC0415 - most speakers have none

        try:
            listener = WakeWords(words, loop=self._loop, on_word=self._word, on_failure=self._host.words_failed)
        except SpeakerError as error:
            logger.error("%s", error)  # noqa: TRY400
            self._host.words_failed(error)
        else:
            self._host.listen_for(listener)

    def close(self) -> None:
        """Give all pins back; nothing is brought to the desk any more."""
        for taken in self._taken:
            taken.close()
        self._taken.clear()

    def _button(self, trigger: ButtonTrigger) -> Button:
        name = f"button on pin {trigger.pin}"
        if trigger.mode == "push-to-talk":
            talk = PushToTalk(self._desk, trigger.greeting, name)
            return Button(
                trigger,
                loop=self._loop,
                on_press=talk.pressed,
                on_double=talk.pressed,
                on_release=talk.released,
                on_hold=talk.held,
            )
        presses = Presses(self._desk, trigger.greeting, name)
        return Button(
            trigger,
            loop=self._loop,
            on_press=presses.pressed,
            on_double=presses.pressed_twice,
            on_release=presses.released,
            on_hold=presses.held,
        )

    def _motion(self, trigger: MotionTrigger) -> _Closable:
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
                last_conversation_over_s=self._desk.quiet_since_s,
                local_time=datetime.now().astimezone().time(),
            )
            if reason:
                logger.debug("%s: %s", name, reason)
            elif self._desk.motion(name, trigger.greeting, at_s):
                last_opened_s = at_s

        return Motion(trigger, loop=self._loop, on_motion=seen)

    def _schedule(self, triggers: list[ScheduleTrigger]) -> None:
        if not triggers:
            return
        from device_daemon.triggers.schedule import Schedule  # noqa: PLC0415 - most speakers have none

        def due(trigger: ScheduleTrigger) -> None:
            self._desk.scheduled(f"schedule {trigger.at} {trigger.days}", trigger.greeting)

        self._taken.append(Schedule(triggers, loop=self._loop, on_due=due))

    def _word(self, trigger: WakeWordTrigger, ends_at_s: float) -> None:
        self._desk.word(f"wake word {trigger.word}", trigger.greeting, ends_at_s)

    def _switch(self) -> None:
        if (pin := self._config.mute.switch_pin) is None:
            return
        host = self._host
        try:
            switch = Switch(pin, loop=self._loop, on_change=lambda off: host.switch(off=off))
        except SpeakerError as error:
            # A switch that is not seen must not leave the microphone on.
            logger.error("%s The microphone stays off.", error)  # noqa: TRY400
            host.switch(off=True)
        else:
            self._taken.append(switch)
            host.switch(off=switch.on)
