"""The wire's JSON: what the documentation and the SDK show, and what nobody should send."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device_daemon.conversation import events as on
from device_daemon.voicelive import wire

NOW_S = 1_000_000.0

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from(
    [
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "response.created",
        "response.done",
        "response.audio.delta",
        "response.audio_transcript.delta",
        "response.audio_transcript.done",
        "conversation.item.input_audio_transcription.completed",
        "error",
    ]
)
FIELDS = st.sampled_from([
    "response_id", "item_id", "content_index", "delta", "transcript", "session", "response", "error",
])  # fmt: skip
INNER = st.dictionaries(
    st.sampled_from(
        ["id", "status", "status_details", "expires_at", "greeting", "code", "message", "param", "event_id", "type"]
    ),
    JSON,
)


def decoded(**message: Any) -> on.ServiceEvent | None:
    return wire.decode(json.dumps(message).encode(), NOW_S)


def readable_or_not(raw: bytes) -> None:
    """Decode; whatever goes wrong must be Unreadable."""
    try:
        event = wire.decode(raw, NOW_S)
    except wire.UndecodableMessage:
        return
    assert event is None or isinstance(event, on.ServiceEvent)
    if isinstance(event, on.AudioDelta):
        assert event.pcm
        assert len(event.pcm) % 2 == 0


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b'"\xff"')
@example(b'{"type": "\\ud800"}')
@example(b'{"type": "session.created", "session": {"expires_at": 1e999}}')
def test_arbitrary_bytes_are_an_event_or_nothing_or_unreadable(raw: bytes) -> None:
    readable_or_not(raw)


@given(TYPES, st.dictionaries(FIELDS, JSON | INNER))
@example("response.audio.delta", {"delta": "gr\xfc\xdfe"})
@example("response.audio.delta", {"delta": "A"})
@example("response.audio.delta", {"delta": "AAAA"})
@example("response.done", {"response": {"status_details": {"error": {"message": 7}}}})
def test_known_events_with_fields_of_any_kind_are_an_event_or_nothing_or_unreadable(
    kind: str, fields: dict[str, Any]
) -> None:
    readable_or_not(json.dumps({"type": kind} | fields).encode())


@pytest.mark.parametrize(
    "opened", [b'{"type": "session.updated", "session": {"greeting": ', b'{"type": "odd", "nested": ']
)
def test_a_message_nested_without_end_is_unreadable(opened: bytes) -> None:
    with pytest.raises(wire.UndecodableMessage):
        wire.decode(opened + b"[" * 100_000, NOW_S)


def test_sound_of_a_response_comes_with_the_ids_it_is_to_be_truncated_by() -> None:
    pcm = bytes(range(48))
    event = decoded(
        type="response.audio.delta",
        event_id="event_1",
        response_id="resp_1",
        item_id="item_1",
        output_index=0,
        content_index=2,
        delta=base64.b64encode(pcm).decode(),
    )
    assert event == on.AudioDelta("resp_1", "item_1", 2, pcm)


def test_half_a_sample_is_cut_off() -> None:
    event = decoded(type="response.audio.delta", response_id="r", item_id="i", delta=base64.b64encode(b"abc").decode())
    assert event == on.AudioDelta("r", "i", 0, b"ab")


def test_turns_of_the_person_are_seen() -> None:
    started = decoded(type="input_audio_buffer.speech_started", audio_start_ms=1456, item_id="item_1")
    stopped = decoded(type="input_audio_buffer.speech_stopped", audio_end_ms=4512, item_id="item_1")
    assert [started, stopped] == [on.SpeechStarted(), on.SpeechStopped()]


def test_a_response_is_followed_from_its_creation_to_its_end() -> None:
    response = {"object": "realtime.response", "id": "resp_1", "status": "in_progress", "status_details": None}
    assert decoded(type="response.created", response=response) == on.ResponseCreated("resp_1")
    cancelled = response | {"status": "cancelled", "status_details": {"type": "cancelled", "reason": "turn_detected"}}
    assert decoded(type="response.done", response=cancelled) == on.ResponseDone("resp_1", "cancelled", "turn_detected")
    incomplete = response | {"status": "incomplete", "status_details": {"reason": "content_filter"}}
    assert decoded(type="response.done", response=incomplete) == on.ResponseDone(
        "resp_1", "incomplete", "content_filter"
    )
    failed = response | {"status": "failed", "status_details": {"type": "failed", "error": {"code": "rate_limit"}}}
    assert decoded(type="response.done", response=failed) == on.ResponseDone("resp_1", "failed", "rate_limit")


def test_what_was_said_comes_with_who_said_it() -> None:
    words = decoded(type="response.audio_transcript.delta", response_id="resp_1", item_id="i", delta="Hel")
    assert words == on.TranscriptDelta("resp_1", "Hel")
    assistant = decoded(type="response.audio_transcript.done", response_id="resp_1", item_id="i", transcript="Hello!")
    assert assistant == on.Transcript("assistant", "Hello!", "resp_1")
    user = decoded(
        type="conversation.item.input_audio_transcription.completed", item_id="i", content_index=0, transcript="Hi."
    )
    assert user == on.Transcript("user", "Hi.")


def test_a_session_says_when_it_will_end_and_whether_it_greets_by_itself() -> None:
    session: dict[str, Any] = {"object": "realtime.session", "id": "sess_1", "expires_at": 1_003_600, "greeting": None}
    assert decoded(type="session.created", session=session) == on.SessionCreated("sess_1", 3600.0)
    assert decoded(type="session.updated", session=session) == on.SessionUpdated(greets_itself=False)
    session["greeting"] = {"type": "template", "text": "Welcome"}
    assert decoded(type="session.updated", session=session) == on.SessionUpdated(greets_itself=True)


def test_an_error_tells_its_code_its_words_the_parameter_and_our_message_it_is_about() -> None:
    error = {"type": "invalid_request_error", "code": None, "message": "No.", "param": None, "event_id": None}
    kind = "invalid_request_error"
    assert decoded(type="error", event_id="event_1", error=error) == on.ServiceError(kind, "No.", type=kind)
    error |= {"code": "invalid_voice_type", "param": "session.voice", "event_id": "greeting-1"}
    expected = on.ServiceError("invalid_voice_type", "No. [session.voice]", "greeting-1", kind, "session.voice")
    assert decoded(type="error", event_id="event_1", error=error) == expected


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"error": {"code": 500, "message": "Broken."}}, "500", "Broken."),
        ({"error": "The deployment does not exist."}, "unknown", "The deployment does not exist."),
        ({"error": {}}, "unknown", "no message"),
        ({"error": None}, "unknown", "no message"),
        ({}, "unknown", "no message"),
        ({"error": ["a", 1]}, "unknown", '["a",1]'),
        ({"error": {"code": {"inner": 1}, "message": 7}}, '{"inner":1}', "7"),
        ({"error": {"code": "c", "message": "m"}, "item_id": 7, "session": "s"}, "c", "m"),
        ({"error": {"code": "c", "message": "one\n\x1b[31mtwo"}}, "c", "one \ufffd[31mtwo"),
    ],
)
def test_an_error_of_any_shape_is_shown(fields: dict[str, Any], code: str, message: str) -> None:
    event = decoded(type="error", **fields)
    assert isinstance(event, on.ServiceError)
    assert (event.code, event.message) == (code, message)


@given(JSON | INNER)
def test_no_error_and_no_warning_is_ever_dropped(said: Any) -> None:
    assert isinstance(decoded(type="error", error=said), on.ServiceError)
    assert isinstance(decoded(type="warning", warning=said, response=7), on.ServiceWarning)


def test_a_warning_tells_its_words_its_code_and_the_parameter() -> None:
    warning = {"message": "Ignored.", "code": "unsupported_setting", "param": "session.avatar"}
    assert decoded(type="warning", warning=warning) == on.ServiceWarning(
        "Ignored.", "unsupported_setting", "session.avatar"
    )


@pytest.mark.parametrize(
    "kind", ["rate_limits.updated", "conversation.item.done", "response.audio.done", "response.text.delta"]
)
def test_events_the_speaker_has_no_use_for_pass_unseen(kind: str) -> None:
    assert decoded(type=kind, event_id="event_1", rate_limits=[1], delta="text") is None


@given(st.binary(max_size=2_000))
def test_microphone_audio_arrives_as_it_was(pcm: bytes) -> None:
    message = json.loads(wire.append(pcm))
    assert message["type"] == "input_audio_buffer.append"
    assert base64.b64decode(message["audio"], validate=True) == pcm
