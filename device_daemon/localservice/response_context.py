"""What a response is to: the input side of response generation, read from the conversation and `response.create`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from device_daemon.localservice.conversation_items import ConversationItems, Item
from device_daemon.localservice.validation import fail, listed, mapping, one_of, text

Json = Mapping[str, Any]
Kind = Literal["speech", "text", "request", "result", "declined", "nothing"]

_OUTPUT_TYPES = ("function_call", "mcp_call", "mcp_approval_request")


class ResponseContext(Struct, frozen=True):
    """The last thing that happened in the conversation, which the rules of the replies file are matched against."""

    kind: Kind = "nothing"
    turn: int = 0
    """How many turns a person has had in this session, this one included."""
    seconds: float = 0.0
    """How long the person spoke."""
    text: str = ""
    """What was typed, the scripted transcript of what was said, or the instructions."""
    output: str = ""
    """The output of the functions that were called."""
    tools: tuple[Json, ...] = ()
    """The functions the session may call."""
    forced_tool: str = ""
    """The function that `tool_choice` demands."""
    result_of: tuple[str, ...] = ()
    """The names of the functions that `output` is from."""
    mcp_servers: tuple[Json, ...] = ()
    """The MCP servers of the session."""


def context_of(
    conversation: ConversationItems, session: Json, wanted: Json, message: Json, *, turns_before: int
) -> ResponseContext:
    """Return what there is to respond to: what happened since the assistant's last output.

    Args:
        conversation: the items so far.
        session: the session's settings.
        wanted: the `response` of a `response.create`; empty for a response that the service begins by itself.
        message: the `response.create` itself.
        turns_before: how many turns a person had before this one.

    Raises:
        Refusal: `input_items` are not valid.
    """
    pending = _since_output([*conversation.items, *_input_items(conversation, wanted)])
    chosen = wanted.get("tools") or session["tools"]
    mcp_servers = tuple(tool for tool in chosen if tool["type"] == "mcp")
    tools, forced_tool = _functions(chosen, wanted.get("tool_choice") or session["tool_choice"])
    outputs = _tail_outputs(pending)
    if outputs:
        return ResponseContext(
            "result",
            turns_before,
            output="; ".join(_output(item) for item in outputs),
            result_of=tuple(conversation.name_of_call(item) for item in outputs),
            tools=tools,
            mcp_servers=mcp_servers,
        )
    if pending and pending[-1].body["type"] == "mcp_approval_response" and not pending[-1].body["approve"]:
        return ResponseContext("declined", turns_before, tools=tools, mcp_servers=mcp_servers)
    user_items = [item for item in pending if item.body.get("role") == "user"]
    turn = turns_before + bool(user_items)
    said: dict[str, Any] = {"tools": tools, "forced_tool": forced_tool, "mcp_servers": mcp_servers}
    if user_items and user_items[-1].spoken_s:
        return ResponseContext("speech", turn, user_items[-1].spoken_s, user_items[-1].transcript, **said)
    if user_items:
        return ResponseContext("text", turn, text=user_items[-1].text(), **said)
    requests = [wanted.get("instructions"), message.get("additional_instructions")]
    requests += [item.text() for item in pending if item.body.get("role") == "system"]
    request = " ".join(part for part in requests if isinstance(part, str) and part)
    return ResponseContext("request" if request else "nothing", turn, text=request, **said)


def pre_generated_text(message: object) -> str:
    """Return the text of a `pre_generated_assistant_message`, which has exactly one text part, or raise Refusal."""
    param = "response.pre_generated_assistant_message"
    part = mapping(message, param)
    if part.get("role") != "assistant":
        fail(f"{param}.role", "Input should be 'assistant'")
    content = part.get("content")
    if not isinstance(content, list) or len(content) != 1:
        fail(f"{param}.content", "Value error, exactly one text content part is required")
    entry = mapping(content[0], f"{param}.content[0]")
    one_of(entry.get("type"), ("text", "output_text"), f"{param}.content[0].type")
    return text(entry.get("text"), f"{param}.content[0].text", empty=False)


def _since_output(items: list[Item]) -> list[Item]:
    """Return the items after the assistant's last output; the result of an MCP call is part of its own item."""
    for index in range(len(items) - 1, -1, -1):
        body = items[index].body
        if body.get("role") == "assistant" or body["type"] in _OUTPUT_TYPES:
            return items[index if _is_mcp_result(items[index]) else index + 1 :]
    return items


def _is_mcp_result(item: Item) -> bool:
    return item.body["type"] == "mcp_call" and (item.body["output"] is not None or item.body["error"] is not None)


def _tail_outputs(pending: list[Item]) -> list[Item]:
    """Return the outputs of functions with which the pending items end."""
    outputs: list[Item] = []
    for item in reversed(pending):
        if item.body["type"] != "function_call_output" and not _is_mcp_result(item):
            break
        outputs.insert(0, item)
    return outputs


def _output(item: Item) -> str:
    return str(item.body["output"] if item.body["output"] is not None else item.body["error"])


def _input_items(conversation: ConversationItems, wanted: Json) -> list[Item]:
    return [conversation.item_from_client(part) for part in listed(wanted.get("input_items"), "response.input_items")]


def _functions(chosen: list[Json], choice: Json | str) -> tuple[tuple[Json, ...], str]:
    """Return the functions that may be called, and the one that has to be."""
    tools = tuple(tool for tool in chosen if tool["type"] == "function")
    if choice == "none" or not tools:
        return (), ""
    if choice == "required":
        return tools, str(tools[0]["name"])
    name = choice.get("name") if isinstance(choice, Mapping) else choice
    return tools, str(name) if any(tool["name"] == name for tool in tools) else ""
