"""The conversation history: items that were said, typed, called and returned, in order."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from device_daemon.localservice.messages import Event, Refusal, event, new_id
from device_daemon.localservice.validation import fail, flag, mapping, tag, text

_CONTENT_TYPES = {
    "user": ("input_text", "input_audio", "input_image"),
    "system": ("input_text",),
    "assistant": ("text", "output_text"),
}
_MAX_STREAMED_TEXTS = 100
_ITEM_TYPES = ("message", "function_call", "function_call_output", "mcp_approval_response")


class Item(Struct):
    """One item: `body` is what the protocol shows of it, the rest is what only the service knows."""

    body: dict[str, Any]
    audio_ms: int = 0
    """Duration of its audio: of a user's turn, or of what was generated for the assistant's."""
    spoken_s: float = 0.0
    """How long a person spoke in it."""
    transcript: str = ""
    """What speech recognition made of it."""

    @property
    def id(self) -> str:
        """Its id in the protocol."""
        return str(self.body["id"])

    def text(self) -> str:
        """Return all its texts and transcripts, on one line."""
        parts = self.body.get("content", [])
        return " ".join(str(part.get("text") or part.get("transcript") or "") for part in parts).strip()

    def is_assistant_audio(self) -> bool:
        """Return whether it is a message of the assistant with audio."""
        content = self.body.get("content") or []
        return self.body.get("role") == "assistant" and any(part["type"] == "audio" for part in content)


class ConversationItems(Struct):
    """The items in order. Its methods return the events about them, and raise Refusal for what is not allowed."""

    items: list[Item] = field(default_factory=list)

    def add(self, item: Item, previous_item_id: str | None = None) -> Event:
        """Insert an item after `previous_item_id` ("root": first; None: last) and return `conversation.item.created`."""
        if any(known.id == item.id for known in self.items):
            raise Refusal(
                "invalid_value", f"Error adding item: the item with id '{item.id}' already exists.", "item.id"
            )
        if previous_item_id is None:
            index = len(self.items)
        elif previous_item_id == "root":
            index = 0
        else:
            index = self._index(previous_item_id, "invalid_value", "previous_item_id") + 1
        self.items.insert(index, item)
        return self.created(item)

    def created(self, item: Item) -> Event:
        """Return `conversation.item.created` for an item that is in the conversation."""
        return event("conversation.item.created", previous_item_id=self.previous_id(item), item=shown(item))

    def previous_id(self, item: Item) -> str | None:
        """Return the id of the item before this one."""
        index = self.items.index(item)
        return self.items[index - 1].id if index else None

    def last_id(self) -> str | None:
        """Return the id of the last item."""
        return self.items[-1].id if self.items else None

    def retrieve(self, item_id: object) -> Event:
        """Return `conversation.item.retrieved`."""
        item = self.items[self._index(item_id, "item_retrieve_invalid_item_id", "item_id")]
        return event("conversation.item.retrieved", item=shown(item))

    def delete(self, item_id: object) -> Event:
        """Remove an item and return `conversation.item.deleted`."""
        item = self.items.pop(self._index(item_id, "item_delete_invalid_item_id", "item_id"))
        return event("conversation.item.deleted", item_id=item.id)

    def truncate(self, item_id: object, content_index: object, audio_end_ms: object) -> Event:
        """Cut a message of the assistant at what was heard and return `conversation.item.truncated`."""
        item = self.items[self._index(item_id, "item_truncate_invalid_item_id", "item_id")]
        if not item.is_assistant_audio():
            raise Refusal("invalid_value", "Only model output audio messages can be truncated.", "item_id")
        if content_index != 0:
            raise Refusal(
                "invalid_value", f"Invalid content_index {content_index}: the item has one part.", "content_index"
            )
        if not isinstance(audio_end_ms, int) or isinstance(audio_end_ms, bool) or audio_end_ms < 0:
            raise Refusal("invalid_value", "audio_end_ms should be a non-negative integer.", "audio_end_ms")
        if audio_end_ms > item.audio_ms:
            message = f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms"
            raise Refusal("invalid_value", message, "audio_end_ms")
        return self.cut(item, audio_end_ms)

    def cut(self, item: Item, audio_end_ms: int, appended: str = "") -> Event:
        """Cut a message at `audio_end_ms`: its transcript keeps the same share of words, followed by `appended`."""
        part = item.body["content"][0]
        words = (part.get("transcript") or "").split(" ")
        kept = words[: len(words) * audio_end_ms // item.audio_ms] if item.audio_ms else []
        part["transcript"] = " ".join(kept) + appended
        item.audio_ms = audio_end_ms
        return event("conversation.item.truncated", item_id=item.id, content_index=0, audio_end_ms=audio_end_ms)

    def item_from_client(self, value: object) -> Item:
        """Return the item a client asks to add, or raise Refusal."""
        part = mapping(value, "item")
        kind = tag(part, _ITEM_TYPES, "item")
        body: dict[str, Any] = {"id": part.get("id") or new_id("item"), "object": "realtime.item", "type": kind}
        text(body["id"], "item.id")
        if kind == "message":
            body |= {"status": "completed", "role": tag(part, _CONTENT_TYPES, "item", key="role")}
            body["content"] = _content(part.get("content"), body["role"])
        elif kind == "function_call":
            body |= {"status": "completed"} | {key: text(part.get(key), f"item.{key}") for key in _CALL_FIELDS}
        elif kind == "function_call_output":
            body |= {key: text(part.get(key), f"item.{key}") for key in ("call_id", "output")}
            self._check_call(body["call_id"])
        else:
            body |= {"approval_request_id": part.get("approval_request_id")}
            body |= {"approve": flag(part.get("approve"), "item.approve")}
            self.approval_request(body["approval_request_id"])
        return Item(body)

    def approval_request(self, request_id: object) -> Item:
        """Return the `mcp_approval_request` of this id, or raise Refusal."""
        item = self.items[self._index(request_id, "invalid_value", "item.approval_request_id")]
        if item.body["type"] != "mcp_approval_request":
            raise Refusal("invalid_value", f"'{request_id}' is no approval request.", "item.approval_request_id")
        return item

    def name_of_call(self, output: Item) -> str:
        """Return the name of the function or tool that an output is from."""
        if output.body["type"] == "mcp_call":
            return str(output.body["name"])
        names = (item.body["name"] for item in self.items if item.body.get("call_id") == output.body["call_id"])
        return str(next(names, ""))

    def _check_call(self, call_id: str) -> None:
        calls = {item.body["call_id"] for item in self.items if item.body["type"] == "function_call"}
        if call_id not in calls:
            raise Refusal(
                "invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation.", "item.call_id"
            )

    def _index(self, item_id: object, code: str, param: str) -> int:
        for index, item in enumerate(self.items):
            if item.id == item_id:
                return index
        raise Refusal(code, f"Error: the item with id '{item_id}' does not exist.", param)


class StreamedTexts:
    """Texts that a client types piece by piece (`input_text.delta`), until they become items."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def add(self, message: Mapping[str, Any]) -> None:
        """Append a delta to the text of its item, or raise Refusal."""
        item_id, delta = text(message.get("id"), "id"), text(message.get("delta"), "delta")
        if item_id not in self._texts and len(self._texts) >= _MAX_STREAMED_TEXTS:
            raise Refusal("invalid_value", "Too many texts were begun and not finished.", "id")
        self._texts[item_id] = self._texts.get(item_id, "") + delta

    def end(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the item of a complete text, or raise Refusal."""
        item_id = text(message.get("id"), "id")
        content = [{"type": "input_text", "text": self._texts.pop(item_id, "")}]
        return {"id": item_id, "type": "message", "role": "user", "content": content}


_CALL_FIELDS = ("name", "call_id", "arguments")


def shown(item: Item) -> dict[str, Any]:
    """Return a copy of what the protocol shows of an item: it keeps its value when the item goes on changing."""
    return copy.deepcopy(item.body)


def spoken_item(item_id: str, audio_ms: int, spoken_ms: int) -> Item:
    """Return a person's turn of `audio_ms`, in which there was speech for `spoken_ms`."""
    content = [{"type": "input_audio", "transcript": None}]
    body = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
    return Item({**body, "content": content}, audio_ms=audio_ms, spoken_s=spoken_ms / 1000)


def _content(value: object, role: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        fail("item.content", "Input should be a valid list")
    content: list[dict[str, Any]] = []
    for index, entry in enumerate(value):
        param = f"item.content[{index}]"
        part = mapping(entry, param)
        kind = tag(part, _CONTENT_TYPES[role], param)
        if kind in {"input_text", "text", "output_text"}:
            # The service shows the output_text of a client as text.
            kind = "text" if kind == "output_text" else kind
            content.append({"type": kind, "text": text(part.get("text"), f"{param}.text")})
        elif kind == "input_audio":
            content.append({"type": kind, "transcript": part.get("transcript")})
        else:
            content.append({"type": kind, "image_url": part.get("image_url")})
    return content
