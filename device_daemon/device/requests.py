"""Where every wish arrives: buttons, wake words, motion, the clock and other programs. `admission` says what becomes of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from device_daemon.config.settings import Config
from device_daemon.conversation import events as on
from device_daemon.conversation.policy import EndReason
from device_daemon.device.control_socket import Refused
from device_daemon.device.controller import Controller
from device_daemon.device.request_policy import LATE_S, Kind, Outcome, admit, situation
from device_daemon.device.status import as_text
from device_daemon.greetings.resolver import ConversationRequest
from device_daemon.system.logs import PRESSED, fields
from device_daemon.system.saved_state import SavedState

logger = logging.getLogger(__name__)

ANNOUNCEMENT_CHARACTERS = 1_000
SOCKET = "control socket"


class Requests:
    """All methods are called from the event loop's thread. Those that refuse raise control.Refused."""

    def __init__(self, config: Config, host: Controller, memory: SavedState) -> None:
        self._config = config
        self._host = host
        self._talks = host.talks
        self._memory = memory
        self._loop = asyncio.get_running_loop()

    # Persons

    @property
    def muted(self) -> bool:
        """The microphone stays closed."""
        return self._host.muted

    def press(self, pressed_s: float, greeting: str | None = None, trigger: str = SOCKET) -> str:
        """A press opens a conversation, interrupts the speaker, or ends the conversation."""
        logger.info("pressed (%s)", trigger, extra=fields(PRESSED, TRIGGER=trigger))
        wish = ConversationRequest(trigger, greeting or self._config.default_greeting, pressed_s)
        return self._carry_out(Kind.PRESS, wish, on.Pressed())

    def talk_begins(self, at_s: float, greeting: str, trigger: str) -> None:
        """A push-to-talk button went down."""
        logger.info("held (%s)", trigger, extra=fields(PRESSED, TRIGGER=trigger))
        self._carry_out(Kind.TALK, ConversationRequest(trigger, greeting, at_s, held_from_s=at_s), on.TalkBegan(at_s))

    def talk_ends(self, at_s: float) -> None:
        """It was let go."""
        if talk := self._talks.current:
            talk.person(on.TalkEnded(at_s))
        else:
            self._talks.let_go()

    def word(self, trigger: str, greeting: str, ends_at_s: float) -> None:
        """A wake word was heard; what was said after `ends_at_s` is for the service."""
        self._carry_out(
            Kind.WORD, ConversationRequest(trigger, greeting, ends_at_s, heard_from_s=ends_at_s), on.Called()
        )

    def again(self) -> str:
        """Say the last answer again: in the conversation there is, or by itself."""
        pcm = self._talks.last_answer()
        if not pcm:
            raise Refused("there is no answer to be said again")
        talk = self._talks.current
        if talk and talk.dialogue.may_repeat:
            talk.person(on.Again(pcm))
        else:
            if talk:
                talk.stop(EndReason.PRESSED)
            self._host.notices.hush()
            self._host.notices.again(pcm)
        return "ok: the last answer again"

    def pressed_twice(self, at_s: float, greeting: str, trigger: str) -> None:
        """A double press; its first press was acted on already. Where there is nothing to say again it is a press."""
        if self._talks.last_answer():
            logger.info("pressed twice (%s)", trigger, extra=fields(PRESSED, TRIGGER=trigger))
            self.again()
        else:
            self.press(at_s, greeting, trigger)

    # The house

    def motion(self, trigger: str, greeting: str, at_s: float) -> bool:
        """Somebody walks past; True if that opened a conversation."""
        return self._unasked(Kind.MOTION, ConversationRequest(trigger, greeting, at_s, asked=False))

    def scheduled(self, trigger: str, greeting: str) -> bool:
        """It is time; True unless there is a reason not to."""
        now_s = self._loop.time()
        return self._unasked(
            Kind.SCHEDULE, ConversationRequest(trigger, greeting, now_s, expires_s=now_s + LATE_S, asked=False)
        )

    @property
    def quiet_since_s(self) -> float | None:
        """When the last conversation was over (time.monotonic): now if one is open, None if there was none."""
        return self._loop.time() if self._talks.open else self._talks.over_s

    # Programs

    def greet(self, name: str) -> str:
        """Open a conversation with the greeting of that name."""
        if name != "none" and name not in self._config.greetings:
            known = ", ".join([*self._config.greetings, "none"])
            raise Refused(f"there is no greeting {name!r} in the config; there are: {known}")
        return self._carry_out(Kind.GREET, ConversationRequest(SOCKET, name, self._loop.time()))

    def say(self, text: str, *, listen: bool) -> str:
        """Speak a text through the service; with `listen`, hear what a person answers."""
        if len(text) > ANNOUNCEMENT_CHARACTERS:
            raise Refused(f"an announcement may have {ANNOUNCEMENT_CHARACTERS} characters; this one has {len(text)}")
        kind = Kind.GREET if listen else Kind.SAY
        return self._carry_out(kind, ConversationRequest(SOCKET, "none", self._loop.time(), text=text, listens=listen))

    def stop(self) -> str:
        """End the conversation and forget what waits for its end, or cut a notice short."""
        if self._talks.stop(EndReason.STOPPED):
            return "ok: stopped"
        self._host.notices.hush()
        return "ok: there was no conversation"

    def hold(self) -> str:
        """Held for a second: mute, or unmute."""
        return self.mute(on=not self._memory.remembered.muted)

    def mute(self, *, on: bool) -> str:
        """Close the microphone until it is allowed again, also over restarts."""
        if self._host.switched_off and not on:
            raise Refused("the hardware switch keeps the microphone off; turn the switch")
        self._host.mute(on=on)
        return f"ok: {'muted' if on else 'not muted'}"

    @property
    def volume(self) -> int:
        """Per cent."""
        return self._host.speaker.volume

    def set_volume(self, percent: int) -> str:
        """Set the volume, and keep it for the next start."""
        self._host.speaker.volume = percent
        self._memory.remembered.volume = percent
        self._memory.save()
        return f"ok: volume {percent}"

    def status(self) -> dict[str, Any]:
        """Everything that is known, for machines."""
        return self._host.status()

    def status_text(self) -> str:
        """The same in short, for people."""
        return as_text(self.status())

    # One way for all

    def _decide(self, kind: Kind, trigger: str) -> Outcome:
        talk, open_for = self._talks.current, self._talks.wish
        if talk is None:
            # Where the conversation before is just being closed, the next one waits for that.
            return admit(kind, situation(self._host.fit, announcing=False))
        other = open_for is not None and open_for.trigger != trigger
        since_s = self._loop.time() - self._talks.opened_s if other else None
        announcing = open_for is not None and not open_for.listens
        return admit(kind, situation(self._host.state, announcing=announcing), since_other_s=since_s)

    def _carry_out(self, kind: Kind, wish: ConversationRequest, event: on.PersonEvent | None = None) -> str:
        match self._decide(kind, wish.trigger):
            case Outcome.OPEN | Outcome.TRY | Outcome.WAIT:
                return self._open(wish)
            case Outcome.REFUSE:
                if event is not None:
                    self._host.notices.say("muted")
                raise Refused("the microphone is muted; `mute off` or holding the button allows it again")
            case Outcome.IGNORE:
                logger.info("%s: nothing to do while %s", wish.trigger, self._host.state)
                return f"ok: {self._host.state}"
        if (talk := self._talks.current) and event:
            talk.person(event)
        return f"ok: {self._host.state}"

    def _unasked(self, kind: Kind, wish: ConversationRequest) -> bool:
        if self._decide(kind, wish.trigger) not in {Outcome.OPEN, Outcome.WAIT}:
            # A sensor tells of every step somebody takes; a schedule that is left out is worth a line.
            level = logging.DEBUG if kind is Kind.MOTION else logging.INFO
            logger.log(level, "%s: no conversation is opened while %s", wish.trigger, self._host.state)
            return False
        try:
            self._open(wish)
        except Refused as refusal:
            logger.info("%s: %s", wish.trigger, refusal)
            return False
        return True

    def _open(self, wish: ConversationRequest) -> str:
        try:
            before = self._talks.begin(wish)
        except OverflowError:
            raise Refused("too many requests wait for the end of the conversation; `stop` forgets them") from None
        if before:
            return f"ok: queued, {before - 1} before it"
        return f"ok: {'opening a conversation' if wish.listens else 'announcing'}"
