"""Everything that can be asked of the speaker: by buttons, wake words, motion, schedule, tools and other programs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from device_daemon.config.settings import NO_GREETING, Config
from device_daemon.conversation import events as on
from device_daemon.conversation.policy import EndReason
from device_daemon.device import events as report
from device_daemon.device.adjustments import Adjustments
from device_daemon.device.control_protocol import Refused
from device_daemon.device.controller import Controller
from device_daemon.device.conversation_requests import ConversationRequests, Origin
from device_daemon.device.event_stream import Subscription
from device_daemon.device.request_policy import LATE_S, Kind
from device_daemon.device.status import as_text
from device_daemon.system.foreign_text import safe
from device_daemon.system.logs import PRESSED, fields
from device_daemon.system.saved_state import SavedState
from device_daemon.timers.entries import label
from device_daemon.timers.schedule import TimerRefused
from device_daemon.tools.remember import EVERYTHING, forget_fact

logger = logging.getLogger(__name__)


ANNOUNCEMENT_CHARACTERS = 1_000
SOCKET = "control socket"


class Requests:
    """All methods are called from the event loop's thread. Those that refuse raise control_protocol.Refused.

    Those that return a string return the control socket's answer, `ok: ` and a sentence.
    """

    def __init__(
        self,
        config: Config,
        controller: Controller,
        saved_state: SavedState,
        about: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._about = about
        self._config = config
        self._controller = controller
        self._conversations = controller.conversations
        self._saved_state = saved_state
        self.adjustments = Adjustments(config, saved_state, controller.events)
        self._timers = controller.timers
        self._talks = ConversationRequests(controller)
        self._loop = asyncio.get_running_loop()

    # From people

    @property
    def muted(self) -> bool:
        """The microphone stays closed."""
        return self._controller.muted

    @property
    def ringing(self) -> bool:
        """A timer or an alarm rings."""
        return self._timers.ringing

    def stop_ringing(self) -> bool:
        """Silence what rings; returns whether anything did. For the stop word, a press and the command."""
        return bool(self._timers.stop())

    def snooze(self, minutes: str = "") -> str:
        """Have what rings, or was stopped a moment ago, ring again after so many minutes (the config's by default)."""
        if minutes and not (minutes.isascii() and minutes.isdigit()):
            raise Refused(f"snooze takes a number of minutes; not {minutes!r}")
        with _refusing():
            snoozed = self._timers.snooze(int(minutes) * 60.0 if minutes else None)
        return f"ok: {'; '.join(map(self._timers.describe, snoozed))}"

    def timers(self) -> str:
        """The timers and alarms that are set, a line each, and those that were missed."""
        lines = [*self._timers.numbered_lines(), *self._timers.missed_lines()]
        self._timers.forget_missed()
        return "\n".join(lines) or "no timer or alarm is set"

    def cancel_timer(self, name: str) -> str:
        """Cancel the timer or alarm of that name or number, or `all`."""
        with _refusing():
            cancelled = self._timers.cancel(name)
        return f"ok: cancelled: {', '.join(map(label, cancelled))}"

    def press(self, pressed_s: float, origin: Origin | None = None) -> str:
        """A press opens a conversation, interrupts the speaker, or ends the conversation."""
        origin = origin or Origin(SOCKET, self.adjustments.default_greeting, self._config.default_assistant)
        logger.info("pressed (%s)", origin.trigger, extra=fields(PRESSED, TRIGGER=origin.trigger))
        self._report("press", origin.trigger)
        return self._press(pressed_s, origin)

    def begin_talking(self, at_s: float, origin: Origin) -> None:
        """A push-to-talk button went down."""
        logger.info("held (%s)", origin.trigger, extra=fields(PRESSED, TRIGGER=origin.trigger))
        self._report("talk", origin.trigger)
        request = origin.request(at_s, held_from_s=at_s, continues=True)
        self._talks.carry_out(Kind.TALK, request, on.TalkBegan(at_s))

    def end_talking(self, at_s: float) -> None:
        """A push-to-talk button was released."""
        if conversation := self._conversations.current:
            conversation.person_event(on.TalkEnded(at_s))
        else:
            self._conversations.talk_button_released()

    def wake_word(self, origin: Origin, ends_at_s: float) -> None:
        """A wake word was heard; what was said after `ends_at_s` is for the service."""
        self._report("wake-word", origin.trigger)
        request = origin.request(ends_at_s, heard_from_s=ends_at_s, continues=True)
        self._talks.carry_out(Kind.WORD, request, on.WakeWordHeard())

    def stop_word(self, trigger: str) -> None:
        """The stop word was heard: whatever sounds or rings falls silent, and nothing else happens."""
        self._report("stop-word", trigger)
        if self.stop_ringing():
            return
        if conversation := self._conversations.current:
            conversation.person_event(on.StopWordHeard())
        else:
            self._controller.notices.stop()

    def again(self) -> str:
        """Repeat the last answer: in the conversation there is, or by itself."""
        pcm = self.last_answer()
        if not pcm:
            raise Refused("there is no answer to repeat")
        self.repeat(pcm)
        return "ok: the last answer again"

    def last_answer(self) -> bytes:
        """Return the sound of the last answer, 24 kHz mono S16LE; empty if there is none."""
        return self._conversations.last_answer()

    def repeat(self, pcm: bytes) -> None:
        """Play an answer, 24 kHz mono S16LE, instead of what is being said."""
        conversation = self._conversations.current
        if conversation and conversation.dialogue.can_repeat_answer:
            conversation.person_event(on.RepeatRequested(pcm))
        else:
            if conversation:
                conversation.stop(EndReason.PRESSED)
            self._controller.notices.stop()
            self._controller.notices.repeat_answer(pcm)

    def say_goodbye(self) -> None:
        """End the conversation when the farewell was heard, unless somebody speaks on."""
        if conversation := self._conversations.current:
            conversation.person_event(on.Farewell())

    def double_press(self, at_s: float, origin: Origin) -> None:
        """The second of two quick presses, of which the first has acted already: repeats the last answer.

        Where there is no answer it is a press. If the first press stopped the ringing of a timer, it rings again later (snooze).
        """
        logger.info("pressed twice (%s)", origin.trigger, extra=fields(PRESSED, TRIGGER=origin.trigger))
        self._report("double", origin.trigger)
        if self._talks.silenced:
            self.snooze()
        elif self._conversations.last_answer():
            self.again()
        else:
            self._press(at_s, origin)

    # From sensors and the clock

    def motion(self, origin: Origin, at_s: float) -> bool:
        """Somebody walks past; returns True if that opened a conversation."""
        self._report("motion", origin.trigger)
        return self._talks.carry_out_unasked(Kind.MOTION, origin.request(at_s, asked=False))

    def scheduled(self, origin: Origin) -> bool:
        """A schedule is due; returns True if a conversation was opened, or waits for the end of another one."""
        self._report("schedule", origin.trigger)
        now_s = self._loop.time()
        request = origin.request(now_s, expires_s=now_s + LATE_S, asked=False)
        return self._talks.carry_out_unasked(Kind.SCHEDULE, request)

    @property
    def last_conversation_over_s(self) -> float | None:
        """When the last conversation was over (time.monotonic): now if one is open, None if there was none."""
        return self._loop.time() if self._conversations.open else self._conversations.ended_s

    # From programs

    def greet(self, name: str) -> str:
        """Open a conversation with the greeting of that name."""
        if name != "none" and name not in self._config.greetings:
            known = ", ".join([*self._config.greetings, "none"])
            raise Refused(f"there is no greeting {name!r} in the config; there are: {known}")
        request = Origin(SOCKET, name, self._config.default_assistant).request(self._loop.time())
        return self._talks.carry_out(Kind.GREET, request)

    def say(self, text: str, *, listen: bool) -> Awaitable[str]:
        """Speak a text through the service; with `listen`, hear what a person answers.

        Returns:
            The answer when the text was heard; raises Refused, with the reason, when it was not.
        """
        if len(text) > ANNOUNCEMENT_CHARACTERS:
            raise Refused(f"an announcement may have {ANNOUNCEMENT_CHARACTERS} characters; this one has {len(text)}")
        kind = Kind.GREET if listen else Kind.SAY
        origin = Origin(SOCKET, NO_GREETING, self._config.default_assistant)
        outcome: asyncio.Future[str | None] = self._loop.create_future()

        def on_said(why_not: str | None) -> None:
            if not outcome.done():
                outcome.set_result(why_not)

        request = origin.request(self._loop.time(), text=text, listens=listen, on_said=on_said)
        self._talks.carry_out(kind, request)
        return self._talks.said(request, outcome)

    def stop(self) -> str:
        """End the conversation and drop the requests that wait for its end, or cut a notice short; stop what rings."""
        silenced = self.stop_ringing()
        if self._conversations.stop(EndReason.STOPPED) or silenced:
            return "ok: stopped"
        self._controller.notices.stop()
        return "ok: there was no conversation"

    def forget(self) -> str:
        """Forget the last answer and what was said: no conversation goes on with it."""
        self._conversations.forget()
        return "ok: forgotten"

    @property
    def facts(self) -> dict[str, str]:
        """What people asked the speaker to remember."""
        return self._saved_state.remembered.facts

    def save_facts(self) -> None:
        """Have them written."""
        self._saved_state.save()

    def remembered(self) -> str:
        """What people asked the speaker to remember, a line each."""
        return "\n".join(f"{safe(what)}: {safe(text)}" for what, text in self.facts.items()) or "nothing is remembered"

    def forget_fact(self, what: str) -> str:
        """Forget what people asked the speaker to remember about something, or everything."""
        forgotten = forget_fact(self.facts, what)
        if not forgotten and what != EVERYTHING:
            raise Refused(f"nothing is remembered about {what!r}; there are: {', '.join(self.facts) or 'no facts'}")
        self.save_facts()
        return f"ok: forgotten: {', '.join(map(safe, forgotten)) or 'nothing was remembered'}"

    def hold(self, trigger: str = SOCKET) -> str:
        """A button was held down for `hold_s`: mute, or unmute."""
        self._report("hold", trigger)
        return self.mute(on=not self._saved_state.remembered.muted)

    def mute(self, *, on: bool) -> str:
        """Close the microphone until it is allowed again, also over restarts."""
        if self._controller.mute.switched_off and not on:
            raise Refused("the hardware switch keeps the microphone off; turn the switch")
        self._controller.mute.set(on=on)
        return f"ok: {'muted' if on else 'not muted'}"

    @property
    def volume(self) -> int:
        """Per cent."""
        return self._controller.volume.percent

    def set_volume(self, percent: int) -> str:
        """Set the volume, and keep it for the next start."""
        self._controller.volume.set(percent)
        return f"ok: volume {percent}"

    @property
    def clock_is_set(self) -> bool:
        """The time of day can be believed."""
        return self._controller.clock_is_set

    def status(self) -> dict[str, Any]:
        """Everything that is known, for machines."""
        return {**self._about(), **self._controller.status(), **self.adjustments.status()}

    def status_text(self) -> str:
        """The same in short, for people."""
        return as_text(self.status())

    def subscribe(self) -> Subscription:
        """Return the events from now on; the first is the state as it is."""
        subscription = self._controller.events.subscribe()
        subscription.put(self._controller.state_event())
        return subscription

    def _press(self, pressed_s: float, origin: Origin) -> str:
        return self._talks.carry_out(Kind.PRESS, origin.request(pressed_s, continues=True), on.Pressed())

    def _report(self, gesture: report.Gesture, trigger: str) -> None:
        self._controller.events.publish(report.Triggered(gesture=gesture, trigger=trigger))


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Refuse what the timers refuse. Raises Refused."""
    try:
        yield
    except TimerRefused as refusal:
        raise Refused(str(refusal)) from None
