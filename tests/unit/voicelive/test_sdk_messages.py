"""What is sent is what the SDK's own types make of it, down to the wire's JSON."""

from __future__ import annotations

import json
from socket import gethostname
from typing import Any, cast

import aiohttp
import pytest
from azure.ai.voicelive import models
from azure.ai.voicelive.aio import VoiceLiveConnection

from device_daemon import __version__
from device_daemon.conversation import commands as do
from device_daemon.greetings.opening import Opening
from device_daemon.voicelive import sdk_messages

SDK: Any = models
"""The same, where its insides are looked at, which have no types."""


class Wire:
    """Stands for the WebSocket: keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def send_str(self, text: str) -> None:
        self.sent.append(json.loads(text))


async def sent(message: do.Message) -> list[dict[str, Any]]:
    """The wire's messages; each is one that the SDK knows, and says the same."""
    wire = Wire()
    sdk = VoiceLiveConnection(cast("aiohttp.ClientSession", None), cast("aiohttp.ClientWebSocketResponse", wire))
    session = models.RequestSession(modalities=["text", "audio"], turn_detection=models.ServerVad())
    await sdk_messages.send(sdk, message, session)
    for mapping in wire.sent:
        event = SDK.ClientEvent._deserialize(mapping, [])
        assert type(event) is not models.ClientEvent, "a type that the SDK does not know"
        assert event.as_dict() == mapping
    return wire.sent


async def test_session_update_carries_what_the_config_asks_for_and_an_id_to_complain_about() -> None:
    metadata = {"device": gethostname(), "version": __version__}
    session = {"modalities": ["text", "audio"], "turn_detection": {"type": "server_vad"}, "metadata": metadata}
    assert await sent(do.UpdateSession()) == [
        {"type": "session.update", "event_id": do.SESSION_UPDATE_ID, "session": session}
    ]


async def test_the_metadata_say_which_device_and_version_and_what_opened_the_conversation() -> None:
    (update,) = await sent(do.UpdateSession(trigger="wake word alexa"))
    (later,) = await sent(do.UpdateMetadata("x" * 1000))
    metadata = {"device": gethostname(), "version": __version__}
    assert update["session"]["metadata"] == {**metadata, "trigger": "wake word alexa"}
    assert later["session"] == {"metadata": {**metadata, "trigger": "x" * 512}}


async def test_push_to_talk_goes_without_turn_detection_and_for_that_session_only() -> None:
    (update,) = await sent(do.UpdateSession(push_to_talk=True))
    assert update["session"].items() >= {"modalities": ["text", "audio"], "turn_detection": None}.items()


async def test_a_fixed_greeting_is_an_assistant_message_made_beforehand() -> None:
    assert await sent(do.RequestGreeting(Opening("welcome", "Welcome"), "greeting-1")) == [
        {
            "type": "response.create",
            "event_id": "greeting-1",
            "response": {
                "pre_generated_assistant_message": {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "text", "text": "Welcome"}],
                }
            },
        }
    ]


async def test_a_greeting_the_model_makes_is_a_system_item_and_then_a_response() -> None:
    item, create = await sent(do.RequestGreeting(Opening("tailored", "Say hi", ask_model=True), "greeting-2"))
    content = [{"type": "input_text", "text": "Say hi"}]
    assert item == {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "system", "content": content},
    }
    assert create == {"type": "response.create", "event_id": "greeting-2", "response": {}}


@pytest.mark.parametrize(("name", "kind"), [("alloy", "openai"), ("en-GB-RyanNeural", "azure-standard")])
async def test_a_greeting_may_have_a_voice_of_its_own(name: str, kind: str) -> None:
    (create,) = await sent(do.RequestGreeting(Opening("welcome", "Welcome", voice=name), "greeting-1"))
    assert create["response"]["voice"] == {"type": kind, "name": name}


async def test_what_was_said_before_is_recalled_as_the_role_that_said_it() -> None:
    (assistant,) = await sent(do.Recall("assistant", "Hello!"))
    (user,) = await sent(do.Recall("user", "Hi."))
    (system,) = await sent(do.Recall("system", "The connection broke."))
    assert assistant["item"]["content"] == [{"type": "text", "text": "Hello!"}]
    assert user["item"] == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    assert system["item"]["role"] == "system"


@pytest.mark.parametrize(
    ("message", "mapping"),
    [
        (
            do.Truncate("i", 0, 1200),
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1200},
        ),
        (do.CancelResponse("r"), {"type": "response.cancel", "response_id": "r"}),
        (do.CommitAudio(), {"type": "input_audio_buffer.commit"}),
        (do.ClearAudio(), {"type": "input_audio_buffer.clear"}),
        (do.RequestReply("turn-1"), {"type": "response.create", "event_id": "turn-1"}),
    ],
)
async def test_each_short_message_names_what_it_means(message: do.Message, mapping: dict[str, Any]) -> None:
    assert await sent(message) == [mapping]
