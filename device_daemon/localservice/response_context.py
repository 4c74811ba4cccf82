"""What an answer is to, and what it is to be like: read from the conversation, the session and `response.create`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_daemon.localservice import configuration
from device_daemon.localservice.checks import fail, listed, mapping, one_of, text
from device_daemon.localservice.conversation import ConversationItems, Item
from device_daemon.localservice.formats import OUTPUT_RATES_HZ
from device_daemon.localservice.models import Model
from device_daemon.localservice.response_events import Options
from device_daemon.localservice.scripted_replies import Occasion

Json = Mapping[str, Any]


def latest(
    conversation: ConversationItems, session: Json, wanted: Json, message: Json, *, turns_before: int
) -> Occasion:
    """Return what there is to answer: what happened since the assistant spoke last.

    `wanted` is the `response` of a `response.create` message, empty for an answer the service begins by itself.
    """
    pending = _since_answer([*conversation.items, *_input_items(conversation, wanted)])
    tools, forced_tool = _tools(session, wanted)
    if pending and pending[-1].body["type"] == "function_call_output":
        return Occasion("result", turns_before, output=pending[-1].body["output"], tools=tools)
    user_items = [item for item in pending if item.body.get("role") == "user"]
    turn = turns_before + bool(user_items)
    if user_items and user_items[-1].spoken_s:
        return Occasion("speech", turn, user_items[-1].spoken_s, tools=tools, forced_tool=forced_tool)
    if user_items:
        return Occasion("text", turn, text=user_items[-1].text(), tools=tools, forced_tool=forced_tool)
    requests = [wanted.get("instructions"), message.get("additional_instructions")]
    requests += [item.text() for item in pending if item.body.get("role") == "system"]
    request = " ".join(part for part in requests if isinstance(part, str) and part)
    return Occasion("request" if request else "nothing", turn, text=request, tools=tools, forced_tool=forced_tool)


def options(session: Json, wanted: Json, model: Model) -> Options:
    """Return what a response is to be like, or raise Refusal."""
    chosen = {**session, **{key: value for key, value in wanted.items() if value is not None}}
    modalities, voice, audio = chosen["modalities"], chosen["voice"], chosen["output_audio_format"]
    if wanted.get("modalities"):
        modalities = configuration.modalities(modalities, "response.modalities")
    if wanted.get("voice"):
        voice = configuration.voice(voice, model, "response.voice")
    if wanted.get("tools"):
        configuration.tools(wanted["tools"], "response.tools")
    return Options(
        modalities=modalities,
        voice=voice,
        output_audio_format=one_of(audio, OUTPUT_RATES_HZ, "response.output_audio_format"),
        max_output_tokens=wanted.get("max_output_tokens") or ("inf" if model.realtime else None),
        temperature=wanted.get("temperature") or (None if model.realtime else session.get("temperature")),
        metadata=wanted.get("metadata"),
        timestamps=bool(session["output_audio_timestamp_types"]),
        remembered=wanted.get("conversation") != "none",
    )


def given_text(message: object) -> str:
    """Return the text of a `pre_generated_assistant_message`, which has exactly one part, or raise Refusal."""
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


def _since_answer(items: list[Item]) -> list[Item]:
    for index in range(len(items) - 1, -1, -1):
        body = items[index].body
        if body.get("role") == "assistant" or body["type"] == "function_call":
            return items[index + 1 :]
    return items


def _input_items(conversation: ConversationItems, wanted: Json) -> list[Item]:
    return [conversation.item_from_client(part) for part in listed(wanted.get("input_items"), "response.input_items")]


def _tools(session: Json, wanted: Json) -> tuple[tuple[Json, ...], str]:
    """Return the functions that may be called, and the one that has to be."""
    tools = tuple(tool for tool in wanted.get("tools") or session["tools"] if tool["type"] == "function")
    choice = wanted.get("tool_choice") or session["tool_choice"]
    if choice == "none" or not tools:
        return (), ""
    if choice == "required":
        return tools, str(tools[0]["name"])
    name = choice.get("name") if isinstance(choice, Mapping) else choice
    return tools, str(name) if any(tool["name"] == name for tool in tools) else ""
