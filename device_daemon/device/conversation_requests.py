"""Requests for a conversation: `request_policy` decides whether one is opened, waits, reaches the open one, or is refused."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from msgspec import Struct

from device_daemon.config.settings import SERVICE_ASSISTANT
from device_daemon.conversation import events as on
from device_daemon.device.control_protocol import Refused
from device_daemon.device.controller import Controller
from device_daemon.device.request_policy import Kind, Outcome, decide, situation
from device_daemon.greetings.resolver import ConversationRequest

logger = logging.getLogger(__name__)

SAY_DEADLINE_S = 300.0
"""How long an announcement waits for its turn while somebody waits for the answer."""


class Origin(Struct, frozen=True):
    """Where a request comes from, and what the config says about that trigger."""

    trigger: str
    """As the journal and `status` name it."""
    greeting: str
    assistant: str = SERVICE_ASSISTANT

    def request(self, at_s: float, **more: Any) -> ConversationRequest:
        """Return the request for a conversation that was made at a time, with `more` of its fields."""
        return ConversationRequest(self.trigger, self.greeting, at_s, assistant=self.assistant, **more)


class ConversationRequests:
    """Each of them is decided once, by what the device does at that moment."""

    def __init__(self, controller: Controller) -> None:
        self.silenced = False
        """The last request of a person stopped the ringing."""
        self._controller = controller
        self._conversations = controller.conversations
        self._timers = controller.timers
        self._loop = asyncio.get_running_loop()

    def carry_out(self, kind: Kind, request: ConversationRequest, event: on.PersonEvent | None = None) -> str:
        """Do what somebody asked for; `event` is what the person did, if it was one. Raises Refused."""
        outcome = self._decide(kind, request.trigger)
        self.silenced = outcome is Outcome.SILENCE
        match outcome:
            case Outcome.SILENCE:
                self._timers.stop()
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

    def carry_out_unasked(self, kind: Kind, request: ConversationRequest) -> bool:
        """Do what a sensor or the clock asks for; return True if a conversation was opened, or waits."""
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

    async def said(self, request: ConversationRequest, outcome: asyncio.Future[str | None]) -> str:
        """Wait until the text of a request was said; `outcome` is why it was not, or None. Raises Refused."""
        done, _ = await asyncio.wait({outcome}, timeout=SAY_DEADLINE_S)
        if not done and self._conversations.withdraw(request):
            raise Refused(f"it was not said: another conversation did not end for {SAY_DEADLINE_S:g} s; it is dropped")
        if why_not := await outcome:  # what has begun ends by itself: a conversation has a longest duration
            raise Refused(f"it was not said: {why_not}")
        return "ok: said"

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
