"""Whatever a client sends, the local service's rules hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from device_daemon.localservice.messages import Emit
from tests.unit.localservice.client_messages import CREATE, UPDATE, append, given, silence, speech, typed
from tests.unit.localservice.driver import Driver

INNER_KEYS = [
    "type",
    "role",
    "id",
    "content",
    "text",
    "name",
    "call_id",
    "output",
    "modalities",
    "voice",
    "tools",
    "tool_choice",
    "instructions",
    "metadata",
    "commit",
    "append_input_items",
    "input_items",
    "pre_generated_assistant_message",
    "output_audio_format",
    "cancel_previous",
    "eagerness",
    "threshold",
    "end_of_utterance_detection",
    "model",
    "channels",
    "reference_source",
    "server_label",
    "require_approval",
    "allowed_tools",
    "approval_request_id",
    "approve",
    "parameters",
]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 40_000)
    | st.sampled_from(
        ["", "item_1", "text", "audio", "AAAA", "message", "user", "function", "server_vad", "openai", "pcm16"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INNER_KEYS), inner, max_size=4),
    max_leaves=8,
)
KEYS = [
    "session",
    "audio",
    "item",
    "item_id",
    "response",
    "response_id",
    "content_index",
    "audio_end_ms",
    "id",
    "delta",
    "turn_id",
]
some_messages = st.one_of(
    st.sampled_from(
        [
            append(speech(700)),
            append(silence(700)),
            UPDATE,
            CREATE,
            given("Hello"),
            typed("Hello"),
            {"type": "response.cancel"},
            {"type": "input_audio_buffer.commit"},
            {"type": "input_audio_buffer.clear"},
        ]
    ),
    st.builds(
        lambda kind, fields: {**fields, "type": kind},
        st.sampled_from(sorted(Driver().session._handlers)),
        st.dictionaries(st.sampled_from(KEYS), json_values),
    ),
    st.builds(
        lambda key, value: {"type": "session.update", "session": {key: value}},
        st.sampled_from(sorted(Driver().session.settings)),
        json_values,
    ),
    json_values,
)


@for_all(
    st.lists(some_messages | st.sampled_from(["answer", "begin"]), max_size=25),
    st.sampled_from(["gpt-4o", "gpt-realtime"]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_a_client_sends_the_rules_hold(messages: list[Any], model: str) -> None:
    driver = Driver(model)
    driver.send(UPDATE)
    for message in messages:
        if message in ("answer", "begin"):
            response = driver.session.responses.active
            if response is not None and response.item is None and response.options.speaks:
                driver.answer() if message == "answer" else driver.begin()
        else:
            driver.send(message)
        driver.now_s += 0.1
    if driver.session.responses.active is not None:
        driver.take([Emit(event) for event in driver.session.responses.active.finish()])
    ids = [event["event_id"] for event in driver.events]
    assert len(set(ids)) == len(ids)
    open_response = None
    for event in driver.events:
        if event["type"] == "response.created":
            assert open_response is None
            open_response = event["response"]["id"]
        elif event["type"] == "response.done":
            assert event["response"]["id"] == open_response
            open_response = None
        elif event["type"].startswith("response."):
            assert event["response_id"] == open_response
    assert open_response is None
