"""The service's side of a conversation: when it begins an answer, to what, and what interrupts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from device_daemon.localservice import response_context
from device_daemon.localservice.conversation import ConversationItems
from device_daemon.localservice.messages import Emit, Event, Refusal, new_id
from device_daemon.localservice.models import Model
from device_daemon.localservice.playback import AssumedPlayback
from device_daemon.localservice.response_events import Options, Response
from device_daemon.localservice.scripted_replies import Replies, Reply

Json = Mapping[str, Any]


class PlannedResponse(Struct, frozen=True):
    """Make the answer of a response whose `response.created` was just sent, and send it piece by piece."""

    response: Response
    reply: Reply


class Answers:
    """The answers of one session: one at a time."""

    def __init__(self, conversation: ConversationItems, model: Model, replies: Replies) -> None:
        self.playback = AssumedPlayback()
        self.voice_used = False
        self._conversation = conversation
        self._model = model
        self._replies = replies
        self._conversation_id = new_id("conv") if model.realtime else ""
        self._response: Response | None = None
        self._turns = 0

    @property
    def active(self) -> Response | None:
        """The response that is being made: there is one at most."""
        return None if self._response is None or self._response.closed else self._response

    def speaking(self, now_s: float) -> bool:
        """Return whether an answer is being made, or is assumed to be heard."""
        return self.active is not None or self.playback.speaking(now_s)

    def check_free(self) -> None:
        """Raise Refusal while an answer is being made."""
        if self.active is not None:
            message = (
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refusal("conversation_already_has_active_response", message)

    def say(self, session: Json, wanted: Json, text: str) -> list[Emit | PlannedResponse]:
        """Begin an answer in given words: it costs no input."""
        return self._begin(response_context.options(session, wanted, self._model), Reply(text, given=True))

    def respond(
        self, session: Json, wanted: Json, message: Json, interlude: list[Event] | None = None
    ) -> list[Emit | PlannedResponse]:
        """Begin the answer to what happened last, or raise Refusal; see response_context.latest for the arguments.

        `interlude`: events of the turn that come when the answer is under way.
        """
        self.check_free()
        if self._model.agent and (wanted.get("instructions") or message.get("additional_instructions")):
            reason = "Overriding instructions in response.create is not supported with Agent service"
            raise Refusal("invalid_request_error", reason, "response.instructions")
        options = response_context.options(session, wanted, self._model)
        occasion = response_context.latest(self._conversation, session, wanted, message, turns_before=self._turns)
        self._turns = occasion.turn
        items = self._conversation.items
        return self._begin(
            options,
            self._replies.answer(occasion),
            text_tokens=len(f"{session['instructions']} {' '.join(item.text() for item in items)}".split()),
            audio_s=sum(item.audio_ms / 1000 for item in items if item.spoken_s),
            interlude=interlude,
        )

    def cancel(self, response_id: object, now_s: float) -> list[Event]:
        """Stop the answer the client means (None: whichever is made), or raise Refusal."""
        if self.active is None or response_id not in (None, self.active.id):
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        return self.interrupt("client_cancelled", now_s)

    def interrupt(self, reason: str, now_s: float, *, truncate: bool = False, appended: str = "") -> list[Event]:
        """Stop what is being said; with `truncate` cut it at what was heard, `appended` taking the place of the rest.

        An answer that was made already is still cut while it is assumed to be heard.
        """
        events = [] if self.active is None else self.active.finish("cancelled", {"reason": reason})
        if truncate and self.playback.speaking(now_s):
            events += self._truncated(now_s, appended)
        self.playback.interrupted(now_s)
        return events

    def _truncated(self, now_s: float, appended: str) -> list[Event]:
        heard_id = self.playback.last_item_id()
        for item in self._conversation.items:
            if item.id == heard_id and item.is_assistant_audio():
                heard_ms = min(self.playback.heard_ms(item.id, now_s), item.audio_ms)
                return [self._conversation.cut(item, heard_ms, appended)]
        return []

    def _begin(
        self,
        options: Options,
        reply: Reply,
        *,
        text_tokens: int = 0,
        audio_s: float = 0.0,
        interlude: list[Event] | None = None,
    ) -> list[Emit | PlannedResponse]:
        self._response = Response(
            self._conversation,
            self._model,
            options,
            self._conversation_id,
            input_text_tokens=text_tokens,
            input_audio_s=audio_s,
            interlude=interlude or [],
        )
        self.voice_used = self.voice_used or options.speaks
        return [*map(Emit, self._response.created()), PlannedResponse(self._response, reply)]
