"""Commands over MQTT: from a message to a request, which is admitted by the same rules as any other program's."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from device_daemon.device.control_protocol import Refused
from device_daemon.system.foreign_text import safe

logger = logging.getLogger(__name__)

SAID_TWICE_S: Final = 2.0
"""The same announcement within so many seconds is one that was delivered twice."""


class AdjustmentsPort(Protocol):
    """The part of device.adjustments.Adjustments that commands need; each method raises Refused."""

    def choose_greeting(self, name: str) -> str:
        """Let the first button begin with another greeting."""

    def set_sensitivity(self, word: str, sensitivity: float) -> str:
        """Set how easily a wake word is recognised."""


class RequestsPort(Protocol):
    """The part of device.requests.Requests that commands need; each method raises Refused."""

    def press(self, pressed_s: float) -> str:
        """Press the button."""

    def again(self) -> str:
        """Repeat the last answer."""

    def stop(self) -> str:
        """End the conversation."""

    def greet(self, name: str) -> str:
        """Open a conversation with a greeting."""

    def say(self, text: str, *, listen: bool) -> Awaitable[str]:
        """Make an announcement."""

    def mute(self, *, on: bool) -> str:
        """Mute, or unmute."""

    def set_volume(self, percent: int) -> str:
        """Set the volume."""

    @property
    def adjustments(self) -> AdjustmentsPort:
        """Settings that count instead of the config's."""


class Commands:
    """Carries out commands; all methods are called from the event loop's thread."""

    def __init__(self, requests: RequestsPort, now: Callable[[], float] = time.monotonic) -> None:
        self._requests = requests
        self._now = now
        self._said: tuple[str, float] = "", float("-inf")

    async def carry_out(self, name: str, payload: str) -> None:
        """Carry out a command; what is refused is logged."""
        try:
            answer = await self._answer(name, payload)
        except Refused as refused:
            logger.warning("mqtt: %s: %s", safe(name), refused)
        else:
            logger.info("mqtt: %s: %s", safe(name), answer.removeprefix("ok: "))

    async def _answer(self, name: str, payload: str) -> str:
        match name:
            case "press":
                return self._requests.press(self._now())
            case "again":
                return self._requests.again()
            case "stop":
                return self._requests.stop()
            case "greet":
                return self._requests.greet(payload)
            case "mute" if payload in {"ON", "OFF"}:
                return self._requests.mute(on=payload == "ON")
            case "volume":
                return self._requests.set_volume(_percent(payload))
            case "greeting":
                return self._requests.adjustments.choose_greeting(payload)
            case "sensitivity":
                return self._requests.adjustments.set_sensitivity(*_word_and_sensitivity(payload))
            case "say":
                return await self._say(payload)
        raise Refused(
            f"{safe(payload, 40)!r} is no command; there are press, stop, again, greet, say, mute ON|OFF, volume 0-100,"
            " greeting and sensitivity"
        )

    async def _say(self, text: str) -> str:
        before, at_s = self._said
        self._said = text, self._now()
        if text == before and self._now() - at_s < SAID_TWICE_S:
            raise Refused("the same announcement came twice; it is made once")
        if not text.strip():
            raise Refused("an announcement needs a text")
        return await self._requests.say(text, listen=False)


def _percent(payload: str) -> int:
    try:
        percent = round(float(payload))
    except (ValueError, OverflowError):
        percent = -1
    if not 0 <= percent <= 100:
        raise Refused(f"volume takes a number from 0 to 100; not {safe(payload, 40)!r}")
    return percent


def _word_and_sensitivity(payload: str) -> tuple[str, float]:
    word, _, number = payload.rpartition(" ")
    try:
        return word, float(number)
    except ValueError:
        raise Refused(f"sensitivity takes a wake word and a number from 0 to 1; not {safe(payload, 40)!r}") from None
