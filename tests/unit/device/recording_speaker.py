"""A speaker that only notes what it was asked to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

from device_daemon.device.control_protocol import Refused
from device_daemon.device.event_stream import EventStream, Subscription


class Outcome:
    """What becomes of an announcement; nobody has to wait for it."""

    def __init__(self, speaker: Speaker, answer: str) -> None:
        self._speaker = speaker
        self.answer = answer

    def __await__(self) -> Generator[Any, None, str]:
        yield from self._speaker.may_answer.wait().__await__()
        if self._speaker.refusal:
            raise Refused(self._speaker.refusal)
        return self.answer


class Speaker:
    """Says what it was asked to do."""

    def __init__(self) -> None:
        self.volume = 50
        self.done: list[tuple[Any, ...]] = []
        self.events = EventStream()
        self.may_answer = asyncio.Event()
        """What is to be said was said, or failed for the reason of `refusal`."""
        self.may_answer.set()
        self.refusal = ""

    def _do(self, *what: Any) -> str:
        self.done.append(what)
        return f"ok: {what[0]}"

    def press(self, pressed_s: float) -> str:
        return self._do("press", pressed_s)

    def hold(self) -> str:
        return self._do("hold")

    def greet(self, name: str) -> str:
        if name != "welcome":
            raise Refused(f"there is no greeting {name!r}")
        return self._do("greet", name)

    def say(self, text: str, *, listen: bool) -> Awaitable[str]:
        return Outcome(self, self._do("say", text, *(["and listen"] if listen else [])))

    def again(self) -> str:
        return self._do("again")

    def forget(self) -> str:
        return self._do("forget")

    def remembered(self) -> str:
        return self._do("remembered")

    def forget_fact(self, what: str) -> str:
        return self._do("forget", what)

    def stop(self) -> str:
        return self._do("stop")

    def mute(self, *, on: bool) -> str:
        return self._do("mute", on)

    def timers(self) -> str:
        return "1  pasta: timer of 10 minutes, 5 minutes left"

    def cancel_timer(self, name: str) -> str:
        return self._do("cancel", name)

    def snooze(self, minutes: str = "") -> str:
        return self._do("snooze", minutes)

    def set_volume(self, percent: int) -> str:
        self.volume = percent
        return self._do("volume", percent)

    def status(self) -> dict[str, Any]:
        return {"state": "idle", "text": "zwei\nZeilen"}

    def subscribe(self) -> Subscription:
        return self.events.subscribe()

    def status_text(self) -> str:
        return "idle, volume 50\nspeaker: underruns 1"
