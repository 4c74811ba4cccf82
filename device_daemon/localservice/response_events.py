"""One response: the chain of events from `response.created` to `response.done`, in the service's order.

Each method returns the events that come next. Whatever happens to a response, `finish` closes what is open, inside
out, and ends with `response.done`; after it nothing more belongs to the response.
"""

from __future__ import annotations

import base64
from typing import Any

from msgspec import Struct, field

from device_daemon.localservice.conversation import ConversationItems, Item, shown
from device_daemon.localservice.messages import Event, event, new_id
from device_daemon.localservice.models import Model

_OUTPUT_TOKENS_PER_S = 20
_INPUT_TOKENS_PER_S = 10


class Options(Struct, frozen=True):
    """What a response is to be like: the session's settings, where `response.create` did not say otherwise."""

    modalities: list[str]
    voice: dict[str, Any]
    output_audio_format: str
    max_output_tokens: int | str | None = "inf"
    temperature: float | None = None
    metadata: dict[str, str] | None = None
    timestamps: bool = False
    remembered: bool = True
    """Whether the answer becomes part of the conversation (`conversation: "none"`: it does not)."""

    @property
    def speaks(self) -> bool:
        """Whether the answer is spoken, not only written."""
        return "audio" in self.modalities


class Response(Struct):
    """One answer of the service. It is active until it is `closed`."""

    conversation: ConversationItems
    model: Model
    options: Options
    conversation_id: str
    input_text_tokens: int = 0
    input_audio_s: float = 0.0
    id: str = field(default_factory=lambda: new_id("resp"))
    interlude: list[Event] = field(default_factory=list)
    """Events of the user's turn that the service slips in once its answer is under way."""
    item: Item | None = None
    closed: bool = False
    _outputs: list[Item] = field(default_factory=list)
    _text: str = ""
    _output_text: str = ""
    _status: str = "in_progress"
    _details: dict[str, Any] | None = None
    _usage: dict[str, Any] | None = None

    def created(self) -> list[Event]:
        """Return `response.created`."""
        return [event("response.created", response=self._shown())]

    def begin_message(self) -> list[Event]:
        """Open the spoken (or written) message of the answer."""
        self.item = Item(
            {
                "id": new_id("item"),
                "object": "realtime.item",
                "type": "message",
                # A cascade writes its answer piece by piece and calls it incomplete until it is whole.
                "status": "in_progress" if self.model.realtime else "incomplete",
                "role": "assistant",
                "content": [],
            }
        )
        self._text = ""
        events = self._add_output(self.item)
        part = {"type": "audio", "transcript": ""} if self.options.speaks else {"type": "text", "text": ""}
        events.append(self._of_part("response.content_part.added", part=part))
        self.item.body["content"] = [dict(part)]
        return events

    def text(self, delta: str) -> list[Event]:
        """Return the next words of the answer."""
        self._text += delta
        kind = "response.audio_transcript.delta" if self.options.speaks else "response.text.delta"
        return [self._of_part(kind, delta=delta)]

    def audio(self, sound: bytes, duration_ms: int) -> list[Event]:
        """Return the next piece of sound, already in the format that goes over the wire."""
        if self.item is not None:
            self.item.audio_ms += duration_ms
        delta = base64.b64encode(sound).decode()
        return [self._of_part("response.audio.delta", delta=delta), *self._take_interlude()]

    def late_audio(self, sound: bytes) -> list[Event]:
        """Return sound that still comes after the response was closed, as the real service's sometimes does."""
        return [self._of_part("response.audio.delta", delta=base64.b64encode(sound).decode())]

    def word_time(self, word: str, offset_ms: int, duration_ms: int) -> list[Event]:
        """Return when a word is heard, for clients that asked for `output_audio_timestamp_types`."""
        times = {"audio_offset_ms": offset_ms, "audio_duration_ms": duration_ms, "text": word}
        return [self._of_part("response.audio_timestamp.delta", **times, timestamp_type="word")]

    def call(self, name: str, arguments: str) -> list[Event]:
        """Return the whole chain of a function call."""
        call_id = new_id("call")
        body = {"type": "function_call", "status": "in_progress", "name": name, "call_id": call_id, "arguments": ""}
        item = Item({"id": new_id("item"), "object": "realtime.item", **body})
        events = self._add_output(item)
        of_call = {**self._place(item), "call_id": call_id}
        half = len(arguments) // 2
        events += [
            event("response.function_call_arguments.delta", **of_call, delta=part)
            for part in (arguments[:half], arguments[half:])
            if part
        ]
        events.append(event("response.function_call_arguments.done", **of_call, name=name, arguments=arguments))
        item.body |= {"status": "completed", "arguments": arguments}
        self._output_text += arguments
        return [*events, self._of_output("response.output_item.done", item)]

    def end_message(self, status: str = "completed") -> list[Event]:
        """Close the message that is open."""
        if self.item is None:
            return []
        if self.options.speaks:
            events = [
                *self._take_interlude(),
                self._of_part("response.audio.done"),
                self._of_part("response.audio_transcript.done", transcript=self._text),
            ]
            if self.options.timestamps:
                events.append(self._of_part("response.audio_timestamp.done"))
            part = {"type": "audio", "transcript": self._text}
            events.append(self._of_part("response.content_part.done", part=part))
        else:
            part = {"type": "text", "text": self._text}
            # Recorded: the text of the closing part is empty, the item's is whole.
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
        """Close what is open and the response with it; `details` says why it was not completed."""
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
        return [added, self.conversation.add(item)] if self.options.remembered else [added]

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
        """Return a plausible bill: a token a word, and so many a second of sound."""
        audio_in = round(self.input_audio_s * _INPUT_TOKENS_PER_S)
        text_out = len(self._output_text.split())
        audio_out = sum(item.audio_ms for item in self._outputs) * _OUTPUT_TOKENS_PER_S // 1000
        nothing = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": self.input_text_tokens + audio_in + text_out + audio_out,
            "input_tokens": self.input_text_tokens + audio_in,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                "cached_tokens": 0,
                "cache_write_tokens": 0,
                "text_tokens": self.input_text_tokens,
                "audio_tokens": audio_in,
                "image_tokens": 0,
                "cached_tokens_details": nothing,
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out, "reasoning_tokens": 0},
        }
