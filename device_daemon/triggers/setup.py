"""Connects the triggers that the config names to the requests they make: buttons, switch, motion, schedule, wake words.

A trigger that fails to open is logged, and a pin is tried again: the others work, and the control socket is always there.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from functools import partial
from typing import Final

from msgspec.structs import replace

from device_daemon.config.settings import (
    ButtonTrigger,
    Config,
    MotionTrigger,
    ScheduleTrigger,
    Trigger,
    WakeWordTrigger,
)
from device_daemon.config.wake_words import label_of
from device_daemon.device.controller import Controller
from device_daemon.device.conversation_requests import Origin
from device_daemon.device.requests import Requests
from device_daemon.errors import SpeakerError
from device_daemon.triggers.button import Buttons
from device_daemon.triggers.button_actions import GestureActions, actions_for
from device_daemon.triggers.gesture import Gesture
from device_daemon.triggers.motion import Motion
from device_daemon.triggers.presence import why_not
from device_daemon.triggers.schedule import Schedule
from device_daemon.triggers.stop_word import StopWord
from device_daemon.triggers.switch import Switch
from device_daemon.triggers.wakeword import WakeWords

logger = logging.getLogger(__name__)

_SWITCH: Final = "mute switch"
"""The name of its pin."""


class TriggerSetup:
    """Opens the mute switch at once, all else with `start`; all methods are called from the event loop's thread."""

    def __init__(self, config: Config, buttons: Buttons, requests: Requests, controller: Controller) -> None:
        self._config = config
        self._buttons = buttons
        self._requests = requests
        self._controller = controller
        self._loop = asyncio.get_running_loop()
        self._pins = buttons.pins
        self._schedule: Schedule | None = None
        controller.health.add(self._pins.health)
        if config.mute.switch_pin is not None:
            self._open_switch(config.mute.switch_pin)
        self._pins.on_change = controller.health_changed

    def start(self) -> None:
        """Serve the buttons, and open the other triggers; the controller has started."""
        self._serve_buttons()
        for trigger in self._config.triggers:
            if isinstance(trigger, MotionTrigger):
                self._pins.open(_sensor(trigger), partial(self._motion, trigger))
        if times := [trigger for trigger in self._config.triggers if isinstance(trigger, ScheduleTrigger)]:
            self._schedule = self._scheduled(times)
        self._listen()
        if (stop_word := self._config.stop_trigger) is not None:
            self._listen_for_stop(stop_word)

    def close(self) -> None:
        """Release all pins but the buttons', whose owner closes them; nothing is asked for any more."""
        self._pins.on_change = lambda: None
        self._pins.close(_SWITCH)
        for trigger in self._config.triggers:
            if isinstance(trigger, MotionTrigger):
                self._pins.close(_sensor(trigger))
        if self._schedule is not None:
            self._schedule.close()

    def _serve_buttons(self) -> None:
        actions: dict[int, GestureActions] = {
            trigger.pin: actions_for(trigger, self._requests)
            for trigger in self._config.triggers
            if isinstance(trigger, ButtonTrigger)
        }

        def handle(trigger: ButtonTrigger, gesture: Gesture) -> None:
            actions[trigger.pin].handle(gesture)

        self._buttons.serve(handle)

    def _listen(self) -> None:
        adjustments = self._requests.adjustments
        words = [
            replace(trigger, sensitivity=adjustments.sensitivity_of(trigger))
            for trigger in self._config.triggers
            if isinstance(trigger, WakeWordTrigger)
        ]
        if not words:
            return

        def heard(trigger: WakeWordTrigger, ends_at_s: float) -> None:
            self._requests.wake_word(_origin(f"wake word {label_of(trigger.word)}", trigger), ends_at_s)

        try:
            wake_words = WakeWords(
                words,
                loop=self._loop,
                on_word=heard,
                on_ready=self._controller.words.wake_words_ready,
                on_failure=self._controller.words.wake_words_failed,
            )
        except SpeakerError as error:
            logger.error("%s", error)  # noqa: TRY400 - the sentence says it all; a traceback helps no owner
            self._controller.words.wake_words_failed(error)
        else:
            self._controller.words.add_wake_words(wake_words)
            adjustments.on_sensitivity = wake_words.set_sensitivity

    def _listen_for_stop(self, trigger: WakeWordTrigger) -> None:
        try:
            stop_word = StopWord(
                trigger,
                loop=self._loop,
                sounds=lambda: self._controller.sounds,
                on_word=lambda: self._requests.stop_word(f"stop word {label_of(trigger.word)}"),
                on_failure=self._controller.words.stop_word_failed,
            )
        except SpeakerError as error:
            logger.error("%s", error)  # noqa: TRY400
            self._controller.words.stop_word_failed(error)
        else:
            self._controller.words.add_stop_word(stop_word)

    def _motion(self, trigger: MotionTrigger) -> Motion:
        origin = _origin(_sensor(trigger), trigger)
        last_opened_s: float | None = None

        def seen(at_s: float) -> None:
            nonlocal last_opened_s
            reason = why_not(
                trigger,
                now_s=at_s,
                last_opened_s=last_opened_s,
                last_conversation_over_s=self._requests.last_conversation_over_s,
                local_time=datetime.now().astimezone().time(),
            )
            if reason:
                logger.debug("%s: %s", origin.trigger, reason)
            elif self._requests.motion(origin, at_s):
                last_opened_s = at_s

        return Motion(trigger, loop=self._loop, on_motion=seen)

    def _scheduled(self, triggers: list[ScheduleTrigger]) -> Schedule:
        def due(trigger: ScheduleTrigger) -> None:
            self._requests.scheduled(_origin(f"schedule {trigger.at} {trigger.days}", trigger))

        return Schedule(triggers, loop=self._loop, on_due=due)

    def _open_switch(self, pin: int) -> None:
        def build() -> Switch:
            switch = Switch(pin, loop=self._loop, on_change=lambda off: self._controller.mute.set_switch(off=off))
            self._controller.mute.set_switch(off=switch.on)
            return switch

        if not self._pins.open(_SWITCH, build):
            # A switch that cannot be read must not leave the microphone on.
            logger.error("The microphone stays off until the mute switch on pin %d can be read.", pin)
            self._controller.mute.set_switch(off=True)


def _sensor(trigger: MotionTrigger) -> str:
    return f"motion on pin {trigger.pin}"


def _origin(name: str, trigger: Trigger) -> Origin:
    return Origin(name, trigger.greeting, trigger.assistant)
