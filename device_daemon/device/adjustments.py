"""Settings that a person changes without the config file, kept over restarts: greeting of the first button, sensitivities.

Each counts until it is changed again, or until the config's own value is another one than it was changed from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from device_daemon.config.settings import NO_GREETING, ButtonTrigger, Config, WakeWordTrigger
from device_daemon.config.wake_words import label_of
from device_daemon.device import events as report
from device_daemon.device.control_protocol import Refused
from device_daemon.device.event_stream import EventStream
from device_daemon.system.foreign_text import safe
from device_daemon.system.saved_state import Adjusted, SavedState

logger = logging.getLogger(__name__)

_GREETING = "button greeting"


class Adjustments:
    """Made in the event loop's thread, once for each config.

    Attributes:
        on_sensitivity: Called with a word's label and its new sensitivity.
    """

    def __init__(self, config: Config, saved_state: SavedState, events: EventStream) -> None:
        self._config = config
        self._saved_state = saved_state
        self._events = events
        self._button = next((each for each in config.triggers if isinstance(each, ButtonTrigger)), None)
        self._words = {label_of(each.word): each for each in config.triggers if isinstance(each, WakeWordTrigger)}
        self.on_sensitivity: Callable[[str, float], None] = lambda _word, _sensitivity: None
        self._log()

    # The greeting of the first button

    @property
    def greetings(self) -> list[str]:
        """What `choose_greeting` takes; empty without a button."""
        return [*self._config.greetings, NO_GREETING] if self._button else []

    @property
    def default_greeting(self) -> str:
        """Name of the greeting for a press that comes from no trigger, as for one of the first button."""
        return self.greeting_of(self._button) if self._button else self._config.default_greeting

    def greeting_of(self, button: ButtonTrigger) -> str:
        """Name of the greeting that a button begins with now."""
        if button is not self._button:
            return button.greeting
        chosen = self._value(_GREETING, button.greeting)
        return chosen if isinstance(chosen, str) and chosen in self.greetings else button.greeting

    def choose_greeting(self, name: str) -> str:
        """Let the first button begin with another greeting of the config, or `none`. Raises Refused."""
        if self._button is None:
            raise Refused("no button is configured whose greeting could be chosen")
        if name not in self.greetings:
            raise Refused(
                f"there is no greeting {safe(name, 40)!r} in the config; there are: {', '.join(self.greetings)}"
            )
        self._change(_GREETING, self._button.greeting, name)
        self._events.publish(report.SettingChanged(setting="button-greeting", value=name))
        return f"ok: the first button begins with {name}"

    # Wake words

    @property
    def sensitivities(self) -> dict[str, float]:
        """By label of the wake word."""
        return {word: self.sensitivity_of(trigger) for word, trigger in self._words.items()}

    def sensitivity_of(self, trigger: WakeWordTrigger) -> float:
        """How easily a word is recognised now, 0 to 1."""
        value = self._value(label_of(trigger.word), trigger.sensitivity)
        return value if isinstance(value, float) and 0 <= value <= 1 else trigger.sensitivity

    def set_sensitivity(self, word: str, sensitivity: float) -> str:
        """Set how easily a wake word is recognised, from 0 to 1. Raises Refused."""
        if word not in self._words:
            known = ", ".join(self._words) or "none"
            raise Refused(f"there is no wake word {safe(word, 40)!r} in the config; there are: {known}")
        if not 0 <= sensitivity <= 1:
            raise Refused(f"sensitivity takes a number from 0 to 1; not {sensitivity:g}")
        self._change(word, self._words[word].sensitivity, sensitivity)
        self.on_sensitivity(word, sensitivity)
        self._events.publish(report.SettingChanged(setting="wake-word-sensitivity", word=word, value=sensitivity))
        return f"ok: sensitivity of {word}: {sensitivity:g}"

    # Both

    def status(self) -> dict[str, Any]:
        """What holds now, for machines."""
        return {
            "button_greeting": self.greeting_of(self._button) if self._button else None,
            "wake_word_sensitivity": self.sensitivities,
        }

    def _value(self, name: str, configured: str | float) -> str | float:
        adjusted = self._saved_state.remembered.adjusted.get(name)
        return adjusted.value if adjusted is not None and adjusted.instead_of == configured else configured

    def _change(self, name: str, configured: str | float, value: str | float) -> None:
        adjusted = self._saved_state.remembered.adjusted
        adjusted.pop(name, None)
        if value != configured:
            adjusted[name] = Adjusted(configured, value)
        self._saved_state.save()

    def _log(self) -> None:
        """Report which value of the config does not count: its owner would look for it there."""
        if self._button and (name := self.greeting_of(self._button)) != self._button.greeting:
            logger.info("the first button begins with %s, as chosen last; %s of the config does not count", name,
                        self._button.greeting)  # fmt: skip
        for word, trigger in self._words.items():
            if (sensitivity := self.sensitivity_of(trigger)) != trigger.sensitivity:
                logger.info("wake word %s: sensitivity %g, as set last; %g of the config does not count", word, sensitivity,
                            trigger.sensitivity)  # fmt: skip
