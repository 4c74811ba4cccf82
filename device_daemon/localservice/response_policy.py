"""When a response begins, and what cancels it: one response at a time, barge-in, truncation at what was heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from device_daemon.localservice.assumed_playback import AssumedPlayback
from device_daemon.localservice.conversation_items import ConversationItems
from device_daemon.localservice.mcp_servers import needs_approval
from device_daemon.localservice.messages import Emit, Event, Refusal, new_id
from device_daemon.localservice.model import Model
from device_daemon.localservice.response_context import context_of
from device_daemon.localservice.response_events import Response
from device_daemon.localservice.response_options import ResponseOptions, options_of
from device_daemon.localservice.scripted_replies import McpCall, Replies, Reply

Json = Mapping[str, Any]


class PlannedResponse(Struct, frozen=True):
    """A response whose `response.created` was just sent: make its output and send it piece by piece."""

    response: Response
    reply: Reply
    needs_approval: bool = False
    """The reply's MCP call is not made yet: the client is asked to allow it."""
    approval_request_id: str | None = None
    """The reply's MCP call was allowed by the answer to this request."""


class ResponsePolicy:
    """The responses of one session: at most one is active."""

    def __init__(self, conversation: ConversationItems, model: Model, replies: Replies) -> None:
        self.playback = AssumedPlayback()
        self.voice_used = False
        self._conversation = conversation
        self._model = model
        self._replies = replies
        self._conversation_id = new_id("conv") if model.realtime else ""
        self._response: Response | None = None
        self._responses = 0
        self._turns = 0
        self._awaiting_approval: dict[str, McpCall] = {}

    @property
    def active(self) -> Response | None:
        """The response in progress, if there is one."""
        return None if self._response is None or self._response.closed else self._response

    @property
    def next_turn(self) -> int:
        """The number of the person's next turn, counted from 1."""
        return self._turns + 1

    def speaking(self, now_s: float) -> bool:
        """Return whether a response is in progress or is assumed to be playing."""
        return self.active is not None or self.playback.speaking(now_s)

    def check_free(self) -> None:
        """Raise Refusal while a response is in progress."""
        if self.active is not None:
            message = (
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refusal("conversation_already_has_active_response", message)

    def say(self, session: Json, wanted: Json, text: str) -> list[Emit | PlannedResponse]:
        """Begin a response in the words of the client; it uses no input tokens."""
        reply = Reply(text, pre_generated=True)
        return self._begin(options_of(session, wanted, self._model), session, reply)

    def respond(
        self, session: Json, wanted: Json, message: Json, interlude: list[Event] | None = None
    ) -> list[Emit | PlannedResponse]:
        """Begin the response to what happened last.

        Args:
            session: the session's settings.
            wanted: the `response` of `response.create`; empty for a response that the service begins by itself.
            message: the `response.create` itself.
            interlude: events of the user's turn that are sent once the response is under way.

        Raises:
            Refusal: a response is in progress, or something in `wanted` is not valid.
        """
        self.check_free()
        if self._model.agent and (wanted.get("instructions") or message.get("additional_instructions")):
            reason = "Overriding instructions in response.create is not supported with Agent service"
            raise Refusal("invalid_request_error", reason, "response.instructions")
        options = options_of(session, wanted, self._model)
        context = context_of(self._conversation, session, wanted, message, turns_before=self._turns)
        self._turns = context.turn
        items = self._conversation.items
        return self._begin(
            options,
            session,
            self._replies.reply(context),
            text_tokens=len(f"{session['instructions']} {' '.join(item.text() for item in items)}".split()),
            audio_s=sum(item.audio_ms / 1000 for item in items if item.spoken_s),
            interlude=interlude,
        )

    def approved(self, session: Json, request_id: str) -> list[Emit | PlannedResponse]:
        """Make the MCP call that the client allowed, in a response of its own.

        Raises:
            Refusal: a response is in progress.
        """
        self.check_free()
        call = self._awaiting_approval.pop(request_id, None)
        if call is None:
            return []
        return self._begin(options_of(session, {}, self._model), session, Reply(mcp=call), approved=request_id)

    def awaits_approval(self, request_id: str, call: McpCall) -> None:
        """Remember a call that the client was asked to allow."""
        self._awaiting_approval[request_id] = call

    def cancel(self, response_id: object, now_s: float) -> list[Event]:
        """Cancel the response that the client means (None: whichever is in progress), or raise Refusal."""
        if self.active is None or response_id not in (None, self.active.id):
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        return self.interrupt("client_cancelled", now_s)

    def interrupt(self, reason: str, now_s: float, *, truncate: bool = False, appended: str = "") -> list[Event]:
        """Cancel the response in progress (barge-in).

        Args:
            reason: `turn_detected` or `client_cancelled`.
            now_s: time of the playback clock.
            truncate: cut the message at what was heard, also if the response is complete but still playing.
            appended: text that takes the place of what was cut (`appended_text_after_truncation`).
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
        options: ResponseOptions,
        session: Json,
        reply: Reply,
        *,
        text_tokens: int = 0,
        audio_s: float = 0.0,
        interlude: list[Event] | None = None,
        approved: str | None = None,
    ) -> list[Emit | PlannedResponse]:
        self._responses += 1
        self._response = Response(
            self._conversation,
            self._model,
            options,
            self._conversation_id,
            number=self._responses,
            input_text_tokens=text_tokens,
            input_audio_s=audio_s,
            interlude=interlude or [],
        )
        self.voice_used = self.voice_used or options.speaks
        asks = reply.mcp is not None and approved is None and needs_approval(session["tools"], reply.mcp)
        return [Emit(self._response.created()), PlannedResponse(self._response, reply, asks, approved)]
