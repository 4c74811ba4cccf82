"""Between the wire's JSON and our events and messages. Pure.

Events are decoded by one tolerant structure that names just the fields this speaker acts on: unknown types and
fields pass unseen, and a message that cannot be read is one event lost, never the conversation.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.voicelive.session import voice


class _Session(msgspec.Struct):
    id: str = ""
    expires_at: float | None = None
    greeting: Any = None


class _Response(msgspec.Struct):
    id: str = ""
    status: str = ""
    status_details: Any = None


class _Error(msgspec.Struct):
    code: str | None = None
    type: str | None = None
    message: str | None = None
    event_id: str | None = None
    param: str | None = None


class _Message(msgspec.Struct):
    type: str
    response_id: str = ""
    item_id: str = ""
    content_index: int = 0
    delta: str | None = None
    transcript: str | None = None
    session: _Session | None = None
    response: _Response | None = None
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Message)


class UndecodableMessage(ValueError):
    """A message that is not an event: no JSON, no object, or fields of the wrong kind."""


def decode(raw: bytes, wall_clock_s: float) -> on.ServiceEvent | None:  # noqa: C901, PLR0911, PLR0912 - one table of event types
    """The event in a message, or None for one that this speaker has no use for. Raises Unreadable.

    `wall_clock_s` (time.time) turns the service's expiry date into a span.
    """
    try:
        message = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
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
            return on.ResponseDone(response_id, status, _failure_text(detail))
        case _Message(type="response.audio_transcript.done", transcript=str(text)):
            return on.Transcript("assistant", text, message.response_id)
        case _Message(type="conversation.item.input_audio_transcription.completed", transcript=str(text)):
            return on.Transcript("user", text)
        case _Message(type="session.created", session=_Session(id=session_id, expires_at=expires_at)):
            return on.SessionCreated(session_id, None if expires_at is None else expires_at - wall_clock_s)
        case _Message(type="session.updated", session=session):
            return on.SessionUpdated(greets_itself=session is not None and session.greeting is not None)
        case _Message(type="error", error=_Error() as said):
            where = f" [{said.param}]" if said.param else ""
            text = f"{said.message or 'no message'}{where}"
            return on.ServiceError(said.code or said.type or "unknown", text, said.event_id or "")
        case _:
            return None


def _failure_text(detail: Any) -> str:
    error = detail.get("error") if isinstance(detail, Mapping) else None
    return str(error.get("message") or error.get("code") or "") if isinstance(error, Mapping) else ""


def encode(message: do.Message, session: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The wire's messages for one of ours, in order; `session` is what session.update asks for."""
    match message:
        case do.UpdateSession(push_to_talk):
            turns = {"turn_detection": None} if push_to_talk else {}
            return [{"type": "session.update", "session": {**session, **turns}}]
        case do.RequestGreeting(opening, event_id):
            return _greeting(opening.text, event_id, opening.voice, ask_model=opening.ask_model)
        case do.Recall(role, text):
            kind = "text" if role == "assistant" else "input_text"
            return [_item(role, kind, text)]
        case do.Truncate(item_id, content_index, audio_end_ms):
            return [
                {
                    "type": "conversation.item.truncate",
                    "item_id": item_id,
                    "content_index": content_index,
                    "audio_end_ms": audio_end_ms,
                }
            ]
        case do.CancelResponse(response_id):
            return [{"type": "response.cancel", "response_id": response_id}]
        case do.CommitAudio():
            return [{"type": "input_audio_buffer.commit"}]
        case do.RequestReply(event_id):
            return [{"type": "response.create", "event_id": event_id}]
        case do.ClearAudio():
            return [{"type": "input_audio_buffer.clear"}]


def _greeting(text: str, event_id: str, voice_name: str | None, *, ask_model: bool) -> list[dict[str, Any]]:
    response: dict[str, Any] = {"voice": voice(voice_name)} if voice_name else {}
    create = {"type": "response.create", "event_id": event_id, "response": response}
    if ask_model:
        return [_item("system", "input_text", text), create]
    response["pre_generated_assistant_message"] = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
    }
    return [create]


def _item(role: str, kind: str, text: str) -> dict[str, Any]:
    content = [{"type": kind, "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": content}}


def append(pcm: bytes) -> bytes:
    """The message that adds microphone audio (24 kHz mono S16LE) to the service's input buffer, ready to be sent.

    Put together by hand: base64 needs no escapes, and there are fifty of them in a second.
    """
    return b'{"type":"input_audio_buffer.append","audio":"%b"}' % binascii.b2a_base64(pcm, newline=False)
