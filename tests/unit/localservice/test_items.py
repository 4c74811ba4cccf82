"""The local service's conversation: its items, typed, spoken, cut, deleted and called."""

from __future__ import annotations

import pytest

from device_daemon.localservice.messages import Emit
from device_daemon.localservice.scripted_replies import Call, CallRule, Rule
from tests.unit.localservice.client_messages import CREATE, Json, given, typed
from tests.unit.localservice.driver import configured, types


def test_a_typed_item_follows_the_one_before_and_is_answered() -> None:
    driver = configured(rules=[Rule(after="text", say="You wrote {text}.")])
    first, second = driver.send(typed("one"), typed("two"))
    assert (first["type"], first["previous_item_id"]) == ("conversation.item.created", None)
    assert second["previous_item_id"] == first["item"]["id"]
    driver.send(CREATE)
    assert driver.planned[-1].reply.say == "You wrote two."


def test_a_system_item_is_a_request_for_a_greeting() -> None:
    driver = configured(rules=[Rule(after="request", say="I was asked: {text}")])
    driver.send(typed("Greet Lisa.", role="system"), CREATE)
    assert driver.planned[-1].reply.say == "I was asked: Greet Lisa."


def test_instructions_of_one_response_are_a_request_too() -> None:
    driver = configured(rules=[Rule(after="request", say="I was asked: {text}")])
    driver.send({"type": "response.create", "response": {"instructions": "Greet."}, "additional_instructions": "Now."})
    assert driver.planned[-1].reply.say == "I was asked: Greet. Now."


def test_what_was_not_heard_is_cut_off() -> None:
    driver = configured()
    driver.send(given("one two three four"))
    item_id = driver.answer()
    truncate = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 500}
    (event,) = driver.send(truncate)
    assert (event["type"], event["audio_end_ms"]) == ("conversation.item.truncated", 500)
    kept = driver.send({"type": "conversation.item.retrieve", "item_id": item_id})[0]
    assert kept["item"]["content"][0]["transcript"] == "one two"
    error = driver.error(truncate | {"audio_end_ms": 501})
    assert error["message"] == "Audio content of 500ms is already shorter than 501ms"
    assert error["code"] == "invalid_value"


@pytest.mark.parametrize("wrong", [{"item_id": "item_none"}, {"content_index": 1}, {"audio_end_ms": -1}])
def test_truncating_what_is_not_there_is_refused(wrong: Json) -> None:
    driver = configured()
    driver.send(given("Hello"))
    item_id = driver.answer()
    right = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 1}
    assert driver.error(right | wrong)["param"] == next(iter(wrong))


def test_only_spoken_answers_can_be_truncated() -> None:
    driver = configured()
    item_id = driver.send(typed("Hello"))[0]["item"]["id"]
    truncate = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 0}
    assert driver.error(truncate)["param"] == "item_id"


def test_a_deleted_item_is_gone() -> None:
    driver = configured()
    item_id = driver.send(typed("Hello"))[0]["item"]["id"]
    delete = {"type": "conversation.item.delete", "item_id": item_id}
    assert driver.send(delete)[0] | {"event_id": ""} == {
        "type": "conversation.item.deleted",
        "item_id": item_id,
        "event_id": "",
    }
    assert driver.error(delete)["code"] == "item_delete_invalid_item_id"
    assert driver.error(delete | {"type": "conversation.item.retrieve"})["code"] == "item_retrieve_invalid_item_id"


def test_items_are_put_where_the_client_wants_them() -> None:
    driver = configured()
    first = driver.send(typed("one"))[0]["item"]["id"]
    last = driver.send(typed("two"))[0]["item"]["id"]
    between = driver.send(typed("between") | {"previous_item_id": first})[0]
    root = driver.send(typed("root") | {"previous_item_id": "root"})[0]
    assert (between["previous_item_id"], root["previous_item_id"]) == (first, None)
    assert driver.session.conversation.last_id() == last
    assert driver.error(typed("x") | {"previous_item_id": "item_none"})["param"] == "previous_item_id"


def test_streamed_text_becomes_a_typed_item() -> None:
    driver = configured()
    pieces = [{"type": "input_text.delta", "id": "item_mine", "delta": part} for part in ("Hel", "lo")]
    (created,) = driver.send(*pieces, {"type": "input_text.done", "id": "item_mine"})
    assert created["item"]["id"] == "item_mine"
    assert created["item"]["content"] == [{"type": "input_text", "text": "Hello"}]


def test_a_function_is_called_and_its_result_answered() -> None:
    tool = {"type": "function", "name": "get_time", "parameters": {"type": "object", "required": ["zone"]}}
    driver = configured(
        rules=[Rule(after="result", say="It says {output}."), Rule(call=CallRule("get_time"))], tools=[tool]
    )
    driver.send(typed("What time is it?"), CREATE)
    answer = driver.planned[-1]
    chain = answer.response.call(answer.reply.calls[0]) + answer.response.finish()
    assert types(chain) == [
        "response.output_item.added",
        "conversation.item.created",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.done",
    ]
    assert chain[4]["arguments"] == '{"zone":"unknown"}' == chain[2]["delta"] + chain[3]["delta"]
    call_id = chain[4]["call_id"]
    output = {"type": "function_call_output", "call_id": call_id, "output": "noon"}
    driver.send({"type": "conversation.item.create", "item": output}, CREATE)
    assert driver.planned[-1].reply.say == "It says noon."
    driver.send({"type": "response.cancel"})
    output["call_id"] = "call_none"
    assert driver.error({"type": "conversation.item.create", "item": output})["code"] == "invalid_tool_call_id"


def test_a_call_whose_result_never_came_is_not_made_again() -> None:
    tool = {"type": "function", "name": "get_time"}
    driver = configured(rules=[Rule(after="text", call=CallRule("*")), Rule(say="Never mind.")], tools=[tool])
    driver.send(typed("What time is it?"), CREATE)
    response = driver.planned[-1].response
    driver.take([Emit(event) for event in response.call(Call("get_time", "{}")) + response.finish()])
    driver.send(CREATE)
    assert driver.planned[-1].reply.say == "Never mind."
