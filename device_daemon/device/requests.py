"""Where every request to talk arrives: buttons, wake words, motion, schedule and other programs. `request_policy` decides."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from device_daemon.config.settings import NO_GREETING, SERVICE_ASSISTANT, Config
from device_daemon.conversation import events as on
from device_daemon.conversation.policy import EndReason
from device_daemon.device import events as report
from device_daemon.device.adjustments import Adjustments
from device_daemon.device.control_protocol import Refused
from device_daemon.device.controller import Controller
from device_daemon.device.event_stream import Subscription
from device_daemon.device.request_policy import LATE_S, Kind, Outcome, decide, situation
from device_daemon.device.status import as_text
from device_daemon.greetings.resolver import ConversationRequest
from device_daemon.system.foreign_text import safe
from device_daemon.system.logs import PRESSED, fields
from device_daemon.system.saved_state import SavedState
from device_daemon.timers.entries import label
from device_daemon.timers.schedule import TimerRefused
from device_daemon.tools.remember import EVERYTHING, forget_fact

logger = logging.getLogger(__name__)


ANNOUNCEMENT_CHARACTERS = 1_000
SAY_DEADLINE_S = 300.0
"""How long an announcement waits for its turn while somebody waits for the answer."""
SOCKET = "control socket"


class Origin(Struct, frozen=True):
    """Where a request comes from, and what the config says about that trigger."""

    trigger: str
    """As the journal and `status` name it."""
    greeting: str
    assistant: str = SERVICE_ASSISTANT

    def request(self, at_s: float, **more: Any) -> ConversationRequest:
        """Return the request for a conversation that was made at a time, with `more` of its fields."""
        return ConversationRequest(self.trigger, self.greeting, at_s, assistant=self.assistant, **more)


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
        self._silenced = False
        """The last press stopped the ringing."""
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
        self._carry_out(Kind.TALK, request, on.TalkBegan(at_s))

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
        self._carry_out(Kind.WORD, request, on.WakeWordHeard())

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
        if self._silenced:
            self.snooze()
        elif self._conversations.last_answer():
            self.again()
        else:
            self._press(at_s, origin)

    # From sensors and the clock

    def motion(self, origin: Origin, at_s: float) -> bool:
        """Somebody walks past; returns True if that opened a conversation."""
        self._report("motion", origin.trigger)
        return self._unasked(Kind.MOTION, origin.request(at_s, asked=False))

    def scheduled(self, origin: Origin) -> bool:
        """A schedule is due; returns True if a conversation was opened, or waits for the end of another one."""
        self._report("schedule", origin.trigger)
        now_s = self._loop.time()
        request = origin.request(now_s, expires_s=now_s + LATE_S, asked=False)
        return self._unasked(Kind.SCHEDULE, request)

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
        return self._carry_out(Kind.GREET, request)

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
        self._carry_out(kind, request)
        return self._said(request, outcome)

    async def _said(self, request: ConversationRequest, outcome: asyncio.Future[str | None]) -> str:
        done, _ = await asyncio.wait({outcome}, timeout=SAY_DEADLINE_S)
        if not done and self._conversations.withdraw(request):
            raise Refused(f"it was not said: another conversation did not end for {SAY_DEADLINE_S:g} s; it is dropped")
        if why_not := await outcome:  # what has begun ends by itself: a conversation has a longest duration
            raise Refused(f"it was not said: {why_not}")
        return "ok: said"

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

    # Common to all

    def _press(self, pressed_s: float, origin: Origin) -> str:
        return self._carry_out(Kind.PRESS, origin.request(pressed_s, continues=True), on.Pressed())

    def _report(self, gesture: report.Gesture, trigger: str) -> None:
        self._controller.events.publish(report.Triggered(gesture=gesture, trigger=trigger))

    def _decide(self, kind: Kind, trigger: str) -> Outcome:
        conversation, open_for = self._conversations.current, self._conversations.request
        if conversation is None:
            # Where the conversation before is just being closed, the next one waits for that.
            now = situation(self._controller.readiness, announcing=False)
            return decide(kind, now, ringing=self._timers.ringing)
        other = open_for is not None and open_for.trigger != trigger
        since_s = self._loop.time() - self._conversations.opened_s if other else None
        announcing = open_for is not None and not open_for.listens
        now = situation(self._controller.state, announcing=announcing)
        return decide(kind, now, ringing=self._timers.ringing, since_other_s=since_s)

    def _carry_out(self, kind: Kind, request: ConversationRequest, event: on.PersonEvent | None = None) -> str:
        outcome = self._decide(kind, request.trigger)
        self._silenced = outcome is Outcome.SILENCE
        match outcome:
            case Outcome.SILENCE:
                self.stop_ringing()
                return "ok: the ringing is stopped"
            case Outcome.OPEN | Outcome.TRY | Outcome.WAIT:
                waits = outcome is Outcome.WAIT  # by then the devices may work
                controller = self._controller
                obstacle = controller.limit_reached() if waits else controller.obstacle(listens=request.listens)
                if obstacle:
                    if event is not None:
                        controller.notices.say(obstacle.notice)
                    raise Refused(str(obstacle))
                return self._open(request)
            case Outcome.REFUSE:
                if event is not None:
                    self._controller.notices.say("muted")
                raise Refused("the microphone is muted; `mute off` or holding the button allows it again")
            case Outcome.IGNORE:
                logger.info("%s: ignored while %s", request.trigger, self._controller.state)
                return f"ok: {self._controller.state}"
        if (conversation := self._conversations.current) and event:
            conversation.person_event(event)
        return f"ok: {self._controller.state}"

    def _unasked(self, kind: Kind, request: ConversationRequest) -> bool:
        if self._decide(kind, request.trigger) not in {Outcome.OPEN, Outcome.WAIT}:
            # A sensor reports every step somebody takes; a schedule that is left out is worth a line.
            level = logging.DEBUG if kind is Kind.MOTION else logging.INFO
            logger.log(level, "%s: no conversation is opened while %s", request.trigger, self._controller.state)
            return False
        if limit := self._controller.limit_reached():
            logger.info("%s: %s", request.trigger, limit)
            return False
        try:
            self._open(request)
        except Refused as refusal:
            logger.info("%s: %s", request.trigger, refusal)
            return False
        return True

    def _open(self, request: ConversationRequest) -> str:
        try:
            before = self._conversations.begin(request)
        except OverflowError:
            raise Refused(
                "too many requests wait for the end of the conversation; `stop` drops those that wait"
            ) from None
        if before:
            return f"ok: queued, {before - 1} before it"
        return f"ok: {'opening a conversation' if request.listens else 'announcing'}"


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Refuse what the timers refuse. Raises Refused."""
    try:
        yield
    except TimerRefused as refusal:
        raise Refused(str(refusal)) from None
