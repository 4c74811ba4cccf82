"""Decoder of the service's JSON events, and encoder of microphone audio: the two that are many. Pure.

Events are decoded by one tolerant structure that names just the fields this speaker acts on: unknown types and fields
are skipped, and a message that cannot be read is one event lost, never the conversation. `error` and `warning` events
are decoded whatever their shape. tests/unit/voicelive/test_wire_against_sdk.py compares the names with the SDK's models.
Everything else that is sent goes through the SDK: see `sdk_messages`.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from device_daemon.conversation import events as on
from device_daemon.system.foreign_text import safe


class _Session(msgspec.Struct):
    id: str = ""
    expires_at: float | None = None
    greeting: Any = None


class _Response(msgspec.Struct):
    id: str = ""
    status: str = ""
    status_details: Any = None


class _OutputItem(msgspec.Struct):
    id: str = ""
    type: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    status: str = ""
    server_label: str = ""


class _Message(msgspec.Struct):
    type: str
    response_id: str = ""
    item_id: str = ""
    content_index: int = 0
    delta: str | None = None
    transcript: str | None = None
    session: _Session | None = None
    response: _Response | None = None
    item: Any = None
    error: Any = None
    warning: Any = None


_decoder = msgspec.json.Decoder(_Message)


class UndecodableMessage(ValueError):
    """A message that is not an event: no JSON, no object, or fields of the wrong kind."""


def decode(raw: bytes | str, wall_clock_s: float) -> on.ServiceEvent | None:  # noqa: C901, PLR0911, PLR0912 - one table of event types
    """Return the event in a message, or None for one that this speaker has no use for.

    Args:
        raw: One WebSocket message.
        wall_clock_s: time.time, which turns the service's expiry date into a span.

    Raises:
        UndecodableMessage: It is no event.
    """
    try:
        message = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if (complaint := _complaint(raw)) is not None:
            return complaint
        raise UndecodableMessage(str(error)) from error
    match message:
        case _Message(type="response.audio.delta", delta=str(delta)):
            try:
                pcm = binascii.a2b_base64(delta)
            except ValueError as error:  # binascii.Error, or the plain one where it is not even ASCII
                raise UndecodableMessage(f"audio that is not base64: {error}") from error
            # Half a sample would shift every byte after it into noise.
            pcm = pcm[: len(pcm) & ~1]
            return on.AudioDelta(message.response_id, message.item_id, message.content_index, pcm) if pcm else None
        case _Message(type="input_audio_buffer.speech_started"):
            return on.SpeechStarted()
        case _Message(type="input_audio_buffer.speech_stopped"):
            return on.SpeechStopped()
        case _Message(type="response.created", response=_Response(id=response_id)):
            return on.ResponseCreated(response_id)
        case _Message(type="response.done", response=_Response(id=response_id, status=status, status_details=detail)):
            return on.ResponseDone(response_id, status, _why(detail))
        case _Message(type="response.output_item.added"):
            item = _output_item(message)
            return on.RemoteCallBegan(message.response_id, item.id) if item.type == "mcp_call" else None
        case _Message(type="response.output_item.done"):
            return _finished_item(message)
        case _Message(type="response.mcp_call.completed" | "response.mcp_call.failed", item_id=item_id):
            return on.RemoteCallEnded(item_id)
        case _Message(type="mcp_list_tools.failed"):
            return on.ServiceWarning(
                "the tools of an MCP server could not be listed; check url and headers under tools.mcp",
                "mcp_list_tools.failed",
            )
        case _Message(type="response.audio_transcript.delta", delta=str(delta)):
            return on.TranscriptDelta(message.response_id, delta)
        case _Message(type="response.audio_transcript.done", transcript=str(text)):
            return on.Transcript("assistant", text, message.response_id)
        case _Message(type="conversation.item.input_audio_transcription.completed", transcript=str(text)):
            return on.Transcript("user", text)
        case _Message(type="session.created", session=_Session(id=session_id, expires_at=expires_at)):
            return on.SessionCreated(session_id, None if expires_at is None else expires_at - wall_clock_s)
        case _Message(type="session.updated", session=session):
            return on.SessionUpdated(greets_itself=session is not None and session.greeting is not None)
        case _Message(type="error", error=said):
            return _error(said)
        case _Message(type="warning", warning=said):
            return _warning(said)
        case _:
            return None


def _output_item(message: _Message) -> _OutputItem:
    """Return the item of an event; only such events are decoded so far: others have fields of other kinds."""
    try:
        return msgspec.convert(message.item, _OutputItem)
    except msgspec.ValidationError as error:
        raise UndecodableMessage(str(error)) from error


def _finished_item(message: _Message) -> on.ToolCalled | on.ApprovalRequested | None:
    """Return the call in an item that is done: the same that response.function_call_arguments.done says, with its name."""
    item = _output_item(message)
    if item.type == "mcp_approval_request" and item.id:
        return on.ApprovalRequested(message.response_id, item.id, item.server_label, item.name, item.arguments)
    if item.type != "function_call" or item.status == "incomplete" or not item.call_id:
        return None
    return on.ToolCalled(message.response_id, item.call_id, item.name, item.arguments)


def _complaint(raw: bytes | str) -> on.ServiceError | on.ServiceWarning | None:
    """Return the `error` or `warning` event in a message that has some other field of the wrong kind."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    match message:
        case {"type": "error"}:
            return _error(message.get("error"))
        case {"type": "warning"}:
            return _warning(message.get("warning"))
    return None


def _error(said: Any) -> on.ServiceError:
    """From the value of `error`: an object as documented, one with fields missing or of any kind, a text, or nothing."""
    details = said if isinstance(said, Mapping) else {"message": said}
    kind, param = _text(details.get("type")), _text(details.get("param"))
    message = _text(details.get("message")) or "no message"
    return on.ServiceError(
        code=_text(details.get("code")) or kind or "unknown",
        message=f"{message} [{param}]" if param else message,
        about=_text(details.get("event_id")),
        type=kind,
        param=param,
    )


def _warning(said: Any) -> on.ServiceWarning:
    details = said if isinstance(said, Mapping) else {"message": said}
    message = _text(details.get("message")) or "no message"
    return on.ServiceWarning(message, _text(details.get("code")) or "warning", _text(details.get("param")))


def _why(details: Any) -> str:
    """Return why a response ended as it did: the error's message or code, else the reason (content_filter, ...)."""
    if not isinstance(details, Mapping):
        return ""
    error = details.get("error")
    said = (error.get("message") or error.get("code")) if isinstance(error, Mapping) else error
    return _text(said) or _text(details.get("reason"))


def _text(value: Any) -> str:
    """Return the service's value as one short safe line; empty for null."""
    match value:
        case None:
            return ""
        case str():
            return safe(value)
        case bool() | int() | float():
            return str(value)
    return safe(msgspec.json.encode(value).decode())


def append(pcm: bytes) -> bytes:
    """Return the message that adds microphone audio (24 kHz mono S16LE) to the service's input buffer.

    Put together by hand: base64 needs no escapes, and the SDK's own encoder takes 5 to 10 times as long for the one
    message that is sent many times in a second.
    """
    return b'{"type":"input_audio_buffer.append","audio":"%b"}' % binascii.b2a_base64(pcm, newline=False)
