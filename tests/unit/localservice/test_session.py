"""Sessions, responses and greetings of the local service, message by message."""

from __future__ import annotations

import re
from typing import Any

import pytest
from azure.ai.voicelive import models as sdk

from device_daemon.localservice.messages import Close
from tests.unit.localservice.client_messages import CREATE, UPDATE, Json, append, given, silence, typed
from tests.unit.localservice.driver import CHAIN_END, Driver, configured, types


def test_a_session_is_created_at_once_with_nulls_and_defaults() -> None:
    session = Driver().events[0]["session"]
    assert session["object"] == "realtime.session"
    assert session["id"].startswith("sess_")
    assert session["model"] == "gpt-realtime-global-standard"
    assert session["expires_at"] == 1_800_000_000
    assert session["modalities"] == ["audio"]
    assert (session["turn_detection"]["prefix_padding_ms"], session["turn_detection"]["silence_duration_ms"]) == (
        300,
        200,
    )
    assert all(
        session[key] is None
        for key in ("input_audio_transcription", "input_audio_noise_reduction", "avatar", "greeting", "handoff")
    )


def test_a_cascade_begins_with_its_own_defaults() -> None:
    session = Driver("gpt-4o").events[0]["session"]
    assert session["model"] == "gpt-4o"
    assert session["voice"]["type"] == "azure-standard"
    assert session["input_audio_transcription"]["model"] == "azure-speech"


@pytest.mark.parametrize("message", [append(silence(20)), CREATE, typed("hi"), {"type": "no.such"}, {}])
def test_the_first_message_has_to_be_session_update(message: Json) -> None:
    error = Driver().error(message)
    assert (error["code"], error["param"]) == ("invalid_session_update_message", "type")


def test_five_failed_first_messages_end_the_session() -> None:
    driver = Driver()
    driver.send(*[append(silence(20))] * 4)
    assert driver.closed is None
    last = driver.error({"type": "session.update", "session": {"turn_detection": {}}})
    assert last["code"] == "max_config_attempts_exceeded"
    assert driver.closed == Close(1008, "Session configuration failed after 5 attempts.")


def test_a_session_that_was_configured_survives_any_number_of_errors() -> None:
    driver = configured()
    driver.send(*[{"type": "no.such"}] * 20)
    assert driver.closed is None


def test_the_first_message_rule_can_be_switched_off() -> None:
    driver = Driver(first_message_rule=False)
    assert types(driver.send(CREATE)) == ["response.created"]


def test_session_update_and_response_create_may_be_pipelined() -> None:
    driver = Driver()
    assert types(driver.send(UPDATE, given("Welcome"))) == ["session.updated", "response.created"]


def test_errors_name_the_message_they_are_about() -> None:
    assert configured().error({"type": "response.cancel", "event_id": "mine"})["event_id"] == "mine"


def test_a_given_greeting_is_an_answer_without_input_and_stays_in_the_conversation() -> None:
    driver = configured()
    created = driver.send(given("Hi Lisa, welcome back!"))[0]
    item_id = driver.answer()
    done = driver.events[-1]["response"]
    assert created["response"]["id"] == done["id"]
    assert types(driver.events[2:]) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio_transcript.delta",
        "response.audio.delta",
        *CHAIN_END,
    ]
    assert done["status"] == "completed"
    assert done["usage"]["input_tokens"] == 0
    assert done["output"][0]["content"] == [{"type": "audio", "transcript": "Hi Lisa, welcome back!"}]
    kept = driver.send({"type": "conversation.item.retrieve", "item_id": item_id})[0]
    assert kept["item"] == done["output"][0]


@pytest.mark.parametrize(
    "content",
    [
        [],
        [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        [{"type": "text", "text": ""}],
        [{"type": "input_text", "text": "a"}],
        "a",
    ],
)
def test_a_given_greeting_has_exactly_one_text(content: object) -> None:
    message = given("")
    message["response"]["pre_generated_assistant_message"]["content"] = content
    driver = configured()
    driver.error(message)
    assert driver.session.responses.active is None


def test_there_is_one_active_response_at_most() -> None:
    driver = configured()
    driver.send(given("Hello"))
    response_id = driver.planned[-1].response.id
    error = driver.error(CREATE)
    assert error["code"] == "conversation_already_has_active_response"
    assert response_id in error["message"]
    driver.answer()
    assert types(driver.send(CREATE)) == ["response.created"]


def test_a_response_that_shall_take_the_place_of_another_cancels_it() -> None:
    driver = configured()
    driver.send(CREATE)
    driver.begin()
    events = driver.send({"type": "response.create", "response": {"cancel_previous": True}})
    assert types(events) == [*CHAIN_END, "response.created"]


def test_what_happened_before_a_refusal_is_told() -> None:
    driver = configured()
    driver.send(CREATE)
    driver.begin()
    wanted = {"cancel_previous": True, "append_input_items": [typed("one")["item"], {}]}
    events = driver.send({"type": "response.create", "response": wanted})
    assert types(events) == [*CHAIN_END, "conversation.item.created", "error"]


def test_cancelling_closes_the_whole_chain() -> None:
    driver = configured()
    driver.send(CREATE)
    driver.begin()
    events = driver.send({"type": "response.cancel"})
    assert types(events) == CHAIN_END
    assert events[3]["item"]["status"] == "incomplete"
    assert events[4]["response"]["status"] == "cancelled"
    assert events[4]["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


def test_cancelling_before_the_first_word_leaves_no_item() -> None:
    driver = configured()
    driver.send(CREATE)
    (done,) = driver.send({"type": "response.cancel", "response_id": driver.planned[-1].response.id})
    assert done["response"]["output"] == []


def test_nothing_can_be_cancelled_when_nothing_is_made() -> None:
    driver = configured()
    assert driver.error({"type": "response.cancel"})["code"] == "response_cancel_not_active"
    driver.send(CREATE)
    error = driver.error({"type": "response.cancel", "response_id": "resp_other"})
    assert error["message"] == "Cancellation failed: no active response found"


def test_a_service_with_a_greeting_of_its_own_speaks_first_and_once() -> None:
    driver = Driver(greeting="Good evening.")
    assert driver.events[0]["session"]["greeting"] == {"type": "template", "text": "Good evening."}
    assert types(driver.send(UPDATE, UPDATE)) == ["session.updated", "response.created", "session.updated"]
    assert driver.planned[-1].reply.say == "Good evening."


def test_an_agent_brings_its_own_instructions() -> None:
    driver = Driver("concierge", agent=True)
    update = {"type": "session.update", "session": {"instructions": "Be brief."}}
    assert driver.error(update)["code"] == "instructions_configuration_not_supported"
    driver.send(UPDATE)
    driver.error({"type": "response.create", "response": {"instructions": "Greet."}})


def test_a_voice_that_was_heard_can_not_be_changed() -> None:
    driver = configured()
    driver.send(given("Hello"))
    driver.answer()
    update = {"type": "session.update", "session": {"voice": "coral"}}
    assert driver.error(update)["code"] == "cannot_update_voice"


def test_a_written_answer_has_no_sound() -> None:
    driver = configured(modalities=["text"])
    driver.send(CREATE)
    response = driver.planned[-1].response
    chain = response.begin_message() + response.text("Hello") + response.finish()
    assert types(chain) == [
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.text.delta",
        "response.text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]


def test_a_setting_without_effect_is_accepted_with_a_warning_once() -> None:
    animation = {"outputs": ["viseme_id", "blendshapes"]}
    change = {"animation": animation, "avatar": {"character": "lisa", "customized": False}}
    driver = Driver("gpt-4o")
    session = {**change, "interim_response": {"type": "static_interim_response", "texts": ["One moment."]}}
    updated, *warnings = driver.send({"type": "session.update", "session": session})
    assert updated["session"].items() >= session.items()
    assert types(warnings) == ["warning"] * 3
    assert [event["warning"]["param"] for event in warnings] == [
        "session.animation.blendshapes",
        "session.avatar",
        "session.interim_response",
    ]
    assert types(driver.send({"type": "session.update", "session": session})) == ["session.updated"]


def test_metadata_comes_back() -> None:
    driver = configured(metadata={"device": "kitchen", "trigger": "doorbell"})
    assert driver.session.settings["metadata"] == {"device": "kitchen", "trigger": "doorbell"}
    refused: list[Any] = [{"device": 7}, [], {str(number): "x" for number in range(17)}]
    for wrong in refused:
        error = driver.error({"type": "session.update", "session": {"metadata": wrong}})
        assert error["param"].startswith("session.metadata")


def test_ids_are_made_of_letters_and_digits_behind_the_prefix_of_their_kind() -> None:
    driver = configured()
    driver.send(given("Hello"))
    driver.answer()
    done = driver.events[-1]
    ids = [driver.session.id, done["event_id"], done["response"]["id"], done["response"]["output"][0]["id"]]
    assert [entry.partition("_")[0] for entry in ids] == ["sess", "event", "resp", "item"]
    assert all(re.fullmatch(r"[a-z]+_[A-Za-z0-9]{22}", entry) for entry in ids)


def test_a_response_that_was_cancelled_before_any_output_used_nothing() -> None:
    driver = configured()
    driver.send(typed("A question of some words."), CREATE)
    (done,) = driver.send({"type": "response.cancel"})
    usage = done["response"]["usage"]
    assert (usage["total_tokens"], usage["input_tokens"], usage["output_tokens"]) == (0, 0, 0)
    driver.send(CREATE)
    driver.answer()
    assert driver.events[-1]["response"]["usage"]["input_tokens"] > 0


def test_usage_and_transcription_show_only_fields_that_the_sdk_knows() -> None:
    driver = configured("gpt-4o", input_audio_transcription={"model": "azure-speech"})
    driver.send(CREATE)
    driver.answer()
    usage = driver.events[-1]["response"]["usage"]
    transcription = driver.session.settings["input_audio_transcription"]
    for shown, model, beyond in (
        (usage, sdk.TokenUsage, set()),
        (usage["input_token_details"], sdk.InputTokenDetails, set()),
        (usage["output_token_details"], sdk.OutputTokenDetails, set()),
        (transcription, sdk.AudioInputTranscriptionOptions, {"prompt"}),  # recorded, though the SDK lacks it
    ):
        assert set(shown) - beyond <= set(model.__annotations__)


def test_a_transcription_session_update_changes_the_session_like_any_other() -> None:
    driver = configured()
    change = {"input_audio_transcription": {"model": "whisper-1"}}
    (updated,) = driver.send({"type": "transcription_session.update", "session": change})
    assert updated["type"] == "session.updated"
    assert updated["session"]["input_audio_transcription"]["model"] == "whisper-1"


@pytest.mark.parametrize(
    "message", [{"type": "output_audio_buffer.clear"}, {"type": "session.avatar.connect"}, {"type": 7}, [], None]
)
def test_what_the_service_does_not_know_is_refused(message: object) -> None:
    configured().error(message)
