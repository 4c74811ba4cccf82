"""The names that the decoder reads are names of the SDK's models: an upgrade that renames one fails here."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from azure.ai.voicelive import models

from device_daemon.conversation import events as on
from device_daemon.voicelive import wire

SDK: Any = models
SESSION = models.ResponseSession(id="sess_1")
RESPONSE = models.Response(
    id="resp_1", status="failed", status_details=models.ResponseFailedDetails(error={"code": "c"})
)

EVENTS: list[tuple[models.ServerEvent, type[on.ServiceEvent]]] = [
    (models.ServerEventSessionCreated(session=SESSION), on.SessionCreated),
    (models.ServerEventSessionUpdated(session=SESSION), on.SessionUpdated),
    (models.ServerEventInputAudioBufferSpeechStarted(audio_start_ms=1, item_id="i"), on.SpeechStarted),
    (models.ServerEventInputAudioBufferSpeechStopped(audio_end_ms=1, item_id="i"), on.SpeechStopped),
    (models.ServerEventResponseCreated(response=RESPONSE), on.ResponseCreated),
    (models.ServerEventResponseDone(response=RESPONSE), on.ResponseDone),
    (
        models.ServerEventResponseAudioDelta(
            response_id="resp_1", item_id="i", output_index=0, content_index=1, delta=b"\1\2\3\4"
        ),
        on.AudioDelta,
    ),
    (
        models.ServerEventResponseAudioTranscriptDone(
            response_id="resp_1", item_id="i", output_index=0, content_index=1, transcript="Hello!"
        ),
        on.Transcript,
    ),
    (
        models.ServerEventConversationItemInputAudioTranscriptionCompleted(
            item_id="i", content_index=0, transcript="Hi."
        ),
        on.Transcript,
    ),
    (
        models.ServerEventResponseOutputItemDone(
            response_id="resp_1",
            output_index=0,
            item=models.ResponseFunctionCallItem(name="n", call_id="c", arguments="{}", status="completed"),
        ),
        on.ToolCalled,
    ),
    (
        models.ServerEventResponseOutputItemDone(
            response_id="resp_1",
            output_index=0,
            item=models.ResponseMCPApprovalRequestItem(id="mcpr_1", name="n", server_label="l", arguments="{}"),
        ),
        on.ApprovalRequested,
    ),
    (
        models.ServerEventResponseOutputItemAdded(
            response_id="resp_1",
            output_index=0,
            item=models.ResponseMCPCallItem(id="mcp_1", name="n", server_label="l", arguments=""),
        ),
        on.RemoteCallBegan,
    ),
    (models.ServerEventResponseMcpCallCompleted(item_id="mcp_1", output_index=0), on.RemoteCallEnded),
    (models.ServerEventResponseMcpCallFailed(item_id="mcp_1", output_index=0), on.RemoteCallEnded),
    (models.ServerEventMcpListToolsFailed(item_id="mcpl_1"), on.ServiceWarning),
    (models.ServerEventError(error=models.ServerEventErrorDetails(type="t", message="m")), on.ServiceError),
    (models.ServerEventWarning(warning=models.ServerEventWarningDetails(message="m")), on.ServiceWarning),
]


@pytest.mark.parametrize(("event", "kind"), EVENTS, ids=[str(event.type) for event, _ in EVENTS])
def test_each_event_that_is_acted_on_is_decoded_as_the_sdk_writes_it(
    event: models.ServerEvent, kind: type[on.ServiceEvent]
) -> None:
    decoded = wire.decode(msgspec.json.encode(event.as_dict()), 0.0)
    assert type(decoded) is kind
    match decoded:
        case on.AudioDelta():
            assert decoded == on.AudioDelta("resp_1", "i", 1, base64.b64decode("AQIDBA=="))
        case on.SessionCreated(session_id):
            assert session_id == "sess_1"
        case on.ResponseDone():
            assert decoded == on.ResponseDone("resp_1", "failed", "c")
        case on.ApprovalRequested():
            assert decoded == on.ApprovalRequested("resp_1", "mcpr_1", "l", "n", "{}")
        case on.RemoteCallBegan():
            assert decoded == on.RemoteCallBegan("resp_1", "mcp_1")
        case on.RemoteCallEnded(item_id):
            assert item_id == "mcp_1"
        case on.ResponseCreated(response_id) | on.Transcript("assistant", _, response_id):
            assert response_id == "resp_1"


def fields_of(*kinds: type[Any]) -> set[str]:
    return {name for kind in kinds for name in kind._attr_to_rest_field}


@pytest.mark.parametrize(
    ("struct", "sdk_models", "beyond"),
    [
        (wire._Message, [type(event) for event, _ in EVENTS], set()),
        (wire._OutputItem, [models.ResponseFunctionCallItem, models.ResponseMCPApprovalRequestItem], set()),
        (wire._Response, [models.Response], set()),
        (wire._Session, [models.ResponseSession], {"greeting"}),  # on the wire since August 2026, in no model yet
    ],
)
def test_every_field_that_is_read_is_one_of_the_sdks(
    struct: type[msgspec.Struct], sdk_models: list[type[Any]], beyond: set[str]
) -> None:
    assert set(struct.__struct_fields__) - fields_of(*sdk_models) == beyond


def test_every_event_type_is_one_that_the_sdk_knows() -> None:
    names = {kind.value for kind in models.ServerEventType}
    assert {str(event.type) for event, _ in EVENTS} <= names


@pytest.mark.parametrize("field", ["code", "type", "message", "param", "event_id"])
def test_the_fields_of_an_error_are_those_of_the_sdk(field: str) -> None:
    assert field in SDK.ServerEventErrorDetails._attr_to_rest_field
