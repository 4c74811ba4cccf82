"""The events of one response: its chain from `response.created` to `response.done`, in the service's order.

Each method returns the events that come next. Whatever happens to a response, `finish` closes what is open, inside
out, and ends with `response.done`; after it only the result of an MCP call belongs to the response.

Sources of the order: recorded traffic of the real service (messages, function calls), the SDK's sample
async_mcp_sample.py (MCP calls: their result comes after `response.done`), the API reference 2026-07-15 (fields).
"""

from __future__ import annotations

import base64
from typing import Any

from msgspec import Struct, field

from device_daemon.localservice.conversation_items import ConversationItems, Item, shown
from device_daemon.localservice.messages import Event, event, new_id
from device_daemon.localservice.model import Model
from device_daemon.localservice.response_options import ResponseOptions
from device_daemon.localservice.scripted_replies import Call, McpCall

_OUTPUT_TOKENS_PER_S = 20
_INPUT_TOKENS_PER_S = 10


class Response(Struct):
    """One response of the service. It is active until it is `closed`."""

    conversation: ConversationItems
    model: Model
    options: ResponseOptions
    conversation_id: str
    number: int = 1
    """Which response of the session it is, counted from 1."""
    input_text_tokens: int = 0
    input_audio_s: float = 0.0
    id: str = field(default_factory=lambda: new_id("resp"))
    interlude: list[Event] = field(default_factory=list)
    """Events of the user's turn that a realtime model sends once its response is under way (recorded)."""
    item: Item | None = None
    """The message that is open."""
    closed: bool = False
    _spoken: bool = True
    _outputs: list[Item] = field(default_factory=list)
    _text: str = ""
    _output_text: str = ""
    _status: str = "in_progress"
    _details: dict[str, Any] | None = None
    _usage: dict[str, Any] | None = None

    def created(self) -> Event:
        """Return `response.created`."""
        return event("response.created", response=self._shown())

    def begin_message(self, *, spoken: bool | None = None) -> list[Event]:
        """Open a message; `spoken`: with audio or as text only, by default as the options say."""
        self._spoken = self.options.speaks if spoken is None else spoken
        # Recorded: a cascade calls its message incomplete while it is being made.
        status = "in_progress" if self.model.realtime else "incomplete"
        self.item = _item("item", "message", status=status, role="assistant", content=[])
        self._text = ""
        events = self._add_output(self.item)
        part = {"type": "audio", "transcript": ""} if self._spoken else {"type": "text", "text": ""}
        events.append(self._of_part("response.content_part.added", part=part))
        self.item.body["content"] = [dict(part)]
        return events

    def text(self, delta: str) -> list[Event]:
        """Return the next words of the message."""
        self._text += delta
        kind = "response.audio_transcript.delta" if self._spoken else "response.text.delta"
        return [self._of_part(kind, delta=delta)]

    def audio(self, sound: bytes, duration_ms: int) -> list[Event]:
        """Return the next piece of audio; `sound` is already in the format on the wire."""
        if self.item is not None:
            self.item.audio_ms += duration_ms
        delta = base64.b64encode(sound).decode()
        return [self._of_part("response.audio.delta", delta=delta), *self._take_interlude()]

    def late_audio(self, sound: bytes) -> list[Event]:
        """Return audio that still comes after the response was closed, as the real service's sometimes does."""
        return [self._of_part("response.audio.delta", delta=base64.b64encode(sound).decode())]

    def word_time(self, word: str, offset_ms: int, duration_ms: int) -> list[Event]:
        """Return when a word is heard, for clients that asked for `output_audio_timestamp_types`."""
        times = {"audio_offset_ms": offset_ms, "audio_duration_ms": duration_ms, "text": word}
        return [self._of_part("response.audio_timestamp.delta", **times, timestamp_type="word")]

    def viseme(self, offset_ms: int, viseme_id: int) -> list[Event]:
        """Return when the mouth takes a shape, for clients that asked for `animation` with `viseme_id`."""
        return [self._of_part("response.animation_viseme.delta", audio_offset_ms=offset_ms, viseme_id=viseme_id)]

    def call(self, call: Call) -> list[Event]:
        """Return the complete chain of a function call."""
        call_id = new_id("call")
        item = _item("item", "function_call", status="in_progress", name=call.name, call_id=call_id, arguments="")
        events = self._add_output(item)
        of_call = {**self._place(item), "call_id": call_id}
        events += _arguments("response.function_call_arguments", of_call, call.arguments, {"name": call.name})
        item.body |= {"status": "completed", "arguments": call.arguments}
        self._output_text += call.arguments
        return [*events, self._of_output("response.output_item.done", item)]

    def approval_request(self, call: McpCall) -> list[Event]:
        """Return the chain of an `mcp_approval_request`, which the client answers with an item of its own."""
        fields = {"server_label": call.server, "name": call.tool, "arguments": call.arguments}
        item = _item("mcpr", "mcp_approval_request", **fields)
        return [*self._add_output(item), self._of_output("response.output_item.done", item)]

    def mcp_call(self, call: McpCall, approval_request_id: str | None = None) -> list[Event]:
        """Return the chain of a call of an MCP tool up to its arguments; `mcp_result` follows `finish`."""
        fields = {"server_label": call.server, "name": call.tool, "approval_request_id": approval_request_id}
        item = _item("mcp", "mcp_call", **fields, arguments="", output=None, error=None)
        events = self._add_output(item)
        events += _arguments("response.mcp_call_arguments", self._place(item), call.arguments, {})
        item.body["arguments"] = call.arguments
        self._output_text += call.arguments
        return events

    def mcp_in_progress(self) -> list[Event]:
        """Return that the MCP tool is running."""
        item = self._outputs[-1]
        index = self._outputs.index(item)
        return [event("response.mcp_call.in_progress", item_id=item.id, output_index=index)]

    def mcp_result(self, call: McpCall) -> list[Event]:
        """Return the result of the MCP call; for the model to speak about it the client sends `response.create`."""
        item = self._outputs[-1]
        item.body |= {"error": call.error} if call.error else {"output": call.output}
        kind = f"response.mcp_call.{'failed' if call.error else 'completed'}"
        ended = event(kind, item_id=item.id, output_index=self._outputs.index(item))
        return [ended, self._of_output("response.output_item.done", item)]

    def end_message(self, status: str = "completed") -> list[Event]:
        """Close the message that is open."""
        if self.item is None:
            return []
        if self._spoken:
            events = [
                *self._take_interlude(),
                self._of_part("response.audio.done"),
                self._of_part("response.audio_transcript.done", transcript=self._text),
            ]
            if self.options.timestamps:
                events.append(self._of_part("response.audio_timestamp.done"))
            if self.options.visemes:
                events.append(self._of_part("response.animation_viseme.done"))
            part = {"type": "audio", "transcript": self._text}
            events.append(self._of_part("response.content_part.done", part=part))
        else:
            part = {"type": "text", "text": self._text}
            # Recorded: the text of the closing part is empty, that of the item is complete.
            events = [
                self._of_part("response.text.done", text=self._text),
                self._of_part("response.content_part.done", part={"type": "text", "text": ""}),
            ]
        self.item.body |= {"status": status, "content": [part]}
        self._output_text += self._text
        events.append(self._of_output("response.output_item.done", self.item))
        self.item = None
        return events

    def finish(self, status: str = "completed", details: dict[str, Any] | None = None) -> list[Event]:
        """Close what is open and the response itself; `details` is why it was not completed."""
        if self.closed:
            return []
        events = self.end_message("completed" if status == "completed" else "incomplete")
        events = [*self._take_interlude(), *events]
        self.closed = True
        self._status = status
        self._details = None if details is None else {"type": status, **details}
        self._usage = self._count()
        return [*events, event("response.done", response=self._shown())]

    def _add_output(self, item: Item) -> list[Event]:
        self._outputs.append(item)
        added = self._of_output("response.output_item.added", item)
        return [added, self.conversation.add(item)] if self.options.in_conversation else [added]

    def _take_interlude(self) -> list[Event]:
        events, self.interlude = self.interlude, []
        return events

    def _place(self, item: Item) -> dict[str, Any]:
        return {"response_id": self.id, "item_id": item.id, "output_index": self._outputs.index(item)}

    def _of_part(self, kind: str, **fields: Any) -> Event:
        return event(kind, **self._place(self._outputs[-1]), content_index=0, **fields)

    def _of_output(self, kind: str, item: Item) -> Event:
        index = self._outputs.index(item)
        return event(kind, response_id=self.id, output_index=index, item=shown(item))

    def _shown(self) -> dict[str, Any]:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self._status,
            "status_details": self._details,
            "output": [shown(item) for item in self._outputs],
            "usage": self._usage,
            "conversation_id": self.conversation_id,
            "modalities": self.options.modalities,
            "voice": self.options.voice,
            "output_audio_format": self.options.output_audio_format,
            "temperature": self.options.temperature,
            "max_output_tokens": self.options.max_output_tokens,
            "metadata": self.options.metadata,
        }

    def _count(self) -> dict[str, Any]:
        """Return plausible usage: a token a word and so many a second of audio; 0 if there was no output yet."""
        text_in, audio_in = self.input_text_tokens, round(self.input_audio_s * _INPUT_TOKENS_PER_S)
        if self._status == "cancelled" and not self._outputs:
            text_in = audio_in = 0
        text_out = len(self._output_text.split())
        audio_out = sum(item.audio_ms for item in self._outputs) * _OUTPUT_TOKENS_PER_S // 1000
        nothing = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": text_in + audio_in + text_out + audio_out,
            "input_tokens": text_in + audio_in,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                "cached_tokens": 0,
                "text_tokens": text_in,
                "audio_tokens": audio_in,
                "image_tokens": 0,
                "cached_tokens_details": nothing,
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out, "reasoning_tokens": 0},
        }


def _item(prefix: str, kind: str, **fields: Any) -> Item:
    return Item({"id": new_id(prefix), "object": "realtime.item", "type": kind, **fields})


def _arguments(kind: str, place: dict[str, Any], arguments: str, done: dict[str, Any]) -> list[Event]:
    """Return arguments in two deltas, and that they are complete."""
    half = len(arguments) // 2
    deltas = [event(f"{kind}.delta", **place, delta=part) for part in (arguments[:half], arguments[half:]) if part]
    return [*deltas, event(f"{kind}.done", **place, **done, arguments=arguments)]
