from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from device_daemon.localservice.answers import Answer
from device_daemon.localservice.messages import Close, Emit
from device_daemon.localservice.models import Model
from device_daemon.localservice.replies import CallRule, Replies, Rule
from device_daemon.localservice.session import Session
from tests.unit.localservice_wire import CREATE, UPDATE, Json, append, given, silence, speech, typed

CHAIN_END = [
    "response.audio.done",
    "response.audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
]


class Driver:
    """A client of a session, and the maker of its answers: 100 ms of sound a word."""

    def __init__(
        self, model: str = "gpt-realtime", rules: list[Rule] | None = None, *, agent: bool = False, **options: Any
    ) -> None:
        replies = Replies(rules or [Rule(say="Hello there.")])
        self.session = Session(Model(model, agent), replies, expires_at=1_800_000_000, **options)
        self.now_s = 100.0
        self.events: list[Json] = []
        self.closed: Close | None = None
        self.answers: list[Answer] = []
        self.take(self.session.open())

    def take(self, actions: list[Any]) -> list[Json]:
        new = [action.event for action in actions if isinstance(action, Emit)]
        self.events += new
        for action in actions:
            if isinstance(action, Close):
                self.closed = action
            elif isinstance(action, Answer):
                self.answers.append(action)
        return new

    def send(self, *messages: Any) -> list[Json]:
        """Send messages and return the events that came."""
        return [event for message in messages for event in self.take(self.session.receive(message, self.now_s))]

    def begin(self) -> str:
        """Send the first second of the newest answer, and return its item."""
        answer = self.answers[-1]
        self.take([Emit(event) for event in answer.response.begin_message()])
        assert answer.response.item is not None
        item_id = answer.response.item.id
        self.take([Emit(event) for event in answer.response.text(answer.reply.say)])
        pcm = speech(1000)
        self.session.answers.playback.sent(item_id, pcm, self.now_s)
        self.take([Emit(event) for event in answer.response.audio(pcm, 1000)])
        return item_id

    def answer(self) -> str:
        """Make the whole of the newest answer, and return its item."""
        item_id = self.begin()
        self.take([Emit(event) for event in self.answers[-1].response.finish()])
        return item_id

    def error(self, *messages: Any) -> Json:
        """Send messages of which the last is refused, and return what it said."""
        event = self.send(*messages)[-1]
        assert event["type"] == "error", event
        details: Json = event["error"]
        return details


def types(events: list[Json]) -> list[str]:
    return [event["type"] for event in events]


def configured(model: str = "gpt-realtime", rules: list[Rule] | None = None, **session: Any) -> Driver:
    driver = Driver(model, rules)
    driver.send({"type": "session.update", "session": session or {"instructions": "Be brief."}})
    assert driver.events[-1]["type"] == "session.updated", driver.events[-1]
    return driver


def turn(vad: str = "server_vad", **fields: Any) -> Json:
    return {"type": vad, **fields}


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
    assert driver.session.answers.active is None


def test_there_is_one_active_response_at_most() -> None:
    driver = configured()
    driver.send(given("Hello"))
    response_id = driver.answers[-1].response.id
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
    (done,) = driver.send({"type": "response.cancel", "response_id": driver.answers[-1].response.id})
    assert done["response"]["output"] == []


def test_nothing_can_be_cancelled_when_nothing_is_made() -> None:
    driver = configured()
    assert driver.error({"type": "response.cancel"})["code"] == "response_cancel_not_active"
    driver.send(CREATE)
    error = driver.error({"type": "response.cancel", "response_id": "resp_other"})
    assert error["message"] == "Cancellation failed: no active response found"


def test_a_typed_item_follows_the_one_before_and_is_answered() -> None:
    driver = configured(rules=[Rule(after="text", say="You wrote {text}.")])
    first, second = driver.send(typed("one"), typed("two"))
    assert (first["type"], first["previous_item_id"]) == ("conversation.item.created", None)
    assert second["previous_item_id"] == first["item"]["id"]
    driver.send(CREATE)
    assert driver.answers[-1].reply.say == "You wrote two."


def test_a_system_item_is_a_request_for_a_greeting() -> None:
    driver = configured(rules=[Rule(after="request", say="I was asked: {text}")])
    driver.send(typed("Greet Lisa.", role="system"), CREATE)
    assert driver.answers[-1].reply.say == "I was asked: Greet Lisa."


def test_instructions_of_one_response_are_a_request_too() -> None:
    driver = configured(rules=[Rule(after="request", say="I was asked: {text}")])
    driver.send({"type": "response.create", "response": {"instructions": "Greet."}, "additional_instructions": "Now."})
    assert driver.answers[-1].reply.say == "I was asked: Greet. Now."


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


def test_a_spoken_turn_of_a_realtime_model_is_transcribed_during_the_answer() -> None:
    driver = configured(
        rules=[Rule(after="speech", say="You spoke for {seconds} seconds.")],
        input_audio_transcription={"model": "whisper-1"},
    )
    heard = driver.send(append(silence(500)), append(speech(1000) + silence(600)))
    assert types(heard) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "conversation.item.done",
        "response.created",
    ]
    assert heard[0]["audio_start_ms"] == 200
    assert heard[1]["audio_end_ms"] == 1700
    assert heard[3]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    ids = {event.get("item_id") or event.get("item", {}).get("id") for event in heard[:5]}
    assert len(ids) == 1
    assert driver.answers[-1].reply.say == "You spoke for 1.0 seconds."
    driver.answer()
    answer = types(driver.events)
    first_delta = answer.index("response.audio.delta")
    assert answer[first_delta + 1 : first_delta + 3] == [
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    transcript = next(
        event["transcript"] for event in driver.events if event["type"].endswith("transcription.completed")
    )
    assert transcript == "(speech, 1.0 s)"


def test_a_spoken_turn_of_a_cascade_is_transcribed_before_the_answer() -> None:
    driver = configured("gpt-4o")
    heard = driver.send(append(speech(1000) + silence(600)))
    assert types(heard) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.created",
        "response.created",
    ]
    assert heard[4]["item"]["content"][0]["transcript"] == "(speech, 1.0 s)"
    driver.begin()
    added = next(event for event in driver.events if event["type"] == "response.output_item.added")
    assert added["item"]["status"] == "incomplete"


def test_speech_interrupts_the_answer_and_cuts_it_at_what_was_heard() -> None:
    driver = configured(turn_detection=turn("azure_semantic_vad", auto_truncate=True))
    driver.send(given("one two three four five six seven eight nine ten"))
    item_id = driver.begin()
    driver.now_s += 0.4
    events = driver.send(append(speech(300)))
    assert types(events) == ["input_audio_buffer.speech_started", *CHAIN_END, "conversation.item.truncated"]
    assert events[5]["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert (events[6]["item_id"], events[6]["audio_end_ms"]) == (item_id, 400)


def test_what_was_interrupted_is_not_cut_again_by_the_next_turn() -> None:
    driver = configured(turn_detection=turn("azure_semantic_vad", auto_truncate=True, create_response=False))
    driver.send(given("one two three four five six seven eight nine ten"))
    driver.answer()
    driver.now_s += 0.1
    driver.send(append(speech(300) + silence(600)))
    driver.now_s += 0.1
    assert types(driver.send(append(speech(300)))) == ["input_audio_buffer.speech_started"]


def test_a_response_ends_once() -> None:
    driver = configured()
    driver.send(CREATE)
    driver.answer()
    assert driver.answers[-1].response.finish("cancelled") == []


def test_speech_over_an_answer_that_was_made_already_cancels_nothing_but_cuts_it() -> None:
    driver = configured(turn_detection=turn("azure_semantic_vad", auto_truncate=True))
    driver.send(given("one two three four five six seven eight nine ten"))
    driver.answer()
    driver.now_s += 0.5
    assert types(driver.send(append(speech(300)))) == [
        "input_audio_buffer.speech_started",
        "conversation.item.truncated",
    ]


def test_without_auto_truncate_the_client_says_what_was_heard() -> None:
    driver = configured(turn_detection=turn())
    driver.send(given("Hello"))
    driver.answer()
    assert types(driver.send(append(speech(300)))) == ["input_audio_buffer.speech_started"]


def test_an_answer_that_may_not_be_interrupted_goes_on_and_nothing_is_answered_meanwhile() -> None:
    driver = configured(turn_detection=turn(interrupt_response=False))
    driver.send(given("Hello"))
    driver.begin()
    events = driver.send(append(speech(1000) + silence(600)))
    assert driver.session.answers.active is not None
    assert events[-1]["error"]["code"] == "conversation_already_has_active_response"


def test_turns_are_not_answered_if_the_session_says_so() -> None:
    driver = configured(turn_detection=turn(create_response=False))
    assert "response.created" not in types(driver.send(append(speech(1000) + silence(600))))
    driver.send(CREATE)
    assert driver.session.answers.active is not None


def test_the_assistants_echo_is_no_turn_where_echo_is_cancelled() -> None:
    for cancelled, heard in (({"type": "server_echo_cancellation"}, []), (None, ["input_audio_buffer.speech_started"])):
        driver = configured(input_audio_echo_cancellation=cancelled)
        driver.send(given("Hello"))
        driver.answer()
        driver.now_s += 0.5
        assert types(driver.send(append(speech(400, level=1_000)))) == heard


def test_push_to_talk_hears_nothing_until_it_is_told() -> None:
    driver = configured(turn_detection=None, rules=[Rule(after="speech", say="{seconds}")])
    assert driver.send(append(speech(1000) + silence(1000))) == []
    events = driver.send({"type": "input_audio_buffer.commit"})
    assert types(events) == ["input_audio_buffer.committed", "conversation.item.created", "conversation.item.done"]
    driver.send(CREATE)
    assert driver.answers[-1].reply.say == "2.0"


def test_an_empty_buffer_can_not_be_committed() -> None:
    driver = configured(turn_detection=None)
    commit = {"type": "input_audio_buffer.commit"}
    assert driver.error(commit)["code"] == "input_audio_buffer_commit_empty"
    driver.send(append(silence(99)))
    assert driver.error(commit)["code"] == "input_audio_buffer_commit_empty"
    driver.send(append(silence(1)), commit)
    assert driver.error(commit)["code"] == "input_audio_buffer_commit_empty"


def test_clearing_the_buffer_forgets_the_turn_in_it() -> None:
    driver = configured()
    driver.send(append(speech(600)))
    assert types(driver.send({"type": "input_audio_buffer.clear"}, append(silence(800)))) == [
        "input_audio_buffer.cleared"
    ]


def test_turn_detection_may_change_in_the_middle_of_a_turn() -> None:
    driver = configured(turn_detection=turn(silence_duration_ms=2000))
    driver.send(append(speech(600)))
    driver.send({"type": "session.update", "session": {"turn_detection": turn(silence_duration_ms=300)}})
    assert "input_audio_buffer.speech_stopped" in types(driver.send(append(silence(400))))


def test_a_stereo_client_sends_its_echo_beside_the_microphone() -> None:
    echo = {"type": "server_echo_cancellation", "reference_source": "client", "channels": 2}
    driver = configured(input_audio_echo_cancellation=echo)

    def stereo(microphone: bytes, reference: bytes) -> Json:
        pairs = zip(memoryview(microphone).cast("h"), memoryview(reference).cast("h"), strict=True)
        return append(b"".join(sample.to_bytes(2, "little", signed=True) for pair in pairs for sample in pair))

    assert driver.send(stereo(speech(400, level=1_000), speech(400))) == []
    assert types(driver.send(stereo(speech(400), silence(400)))) == ["input_audio_buffer.speech_started"]
    assert driver.error(append(b"12"))["param"] == "audio"


@pytest.mark.parametrize("audio", [None, 7, "not base64!", "AAA="[:3], "AA=="])
def test_sound_that_is_none_is_refused(audio: object) -> None:
    error = configured().error({"type": "input_audio_buffer.append", "audio": audio})
    assert error["param"] == "audio"


def test_a_function_is_called_and_its_result_answered() -> None:
    tool = {"type": "function", "name": "get_time", "parameters": {"type": "object", "required": ["zone"]}}
    driver = configured(
        rules=[Rule(after="result", say="It says {output}."), Rule(call=CallRule("get_time"))], tools=[tool]
    )
    driver.send(typed("What time is it?"), CREATE)
    answer = driver.answers[-1]
    assert answer.reply.call is not None
    chain = answer.response.call(answer.reply.call.name, answer.reply.call.arguments) + answer.response.finish()
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
    assert driver.answers[-1].reply.say == "It says noon."
    driver.send({"type": "response.cancel"})
    output["call_id"] = "call_none"
    assert driver.error({"type": "conversation.item.create", "item": output})["code"] == "invalid_tool_call_id"


def test_a_call_whose_result_never_came_is_not_made_again() -> None:
    tool = {"type": "function", "name": "get_time"}
    driver = configured(rules=[Rule(after="text", call=CallRule("*")), Rule(say="Never mind.")], tools=[tool])
    driver.send(typed("What time is it?"), CREATE)
    response = driver.answers[-1].response
    driver.take([Emit(event) for event in response.call("get_time", "{}") + response.finish()])
    driver.send(CREATE)
    assert driver.answers[-1].reply.say == "Never mind."


def test_a_service_with_a_greeting_of_its_own_speaks_first_and_once() -> None:
    driver = Driver(greeting="Good evening.")
    assert driver.events[0]["session"]["greeting"] == {"type": "template", "text": "Good evening."}
    assert types(driver.send(UPDATE, UPDATE)) == ["session.updated", "response.created", "session.updated"]
    assert driver.answers[-1].reply.say == "Good evening."


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
    response = driver.answers[-1].response
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


@pytest.mark.parametrize(
    "message", [{"type": "output_audio_buffer.clear"}, {"type": "session.avatar.connect"}, {"type": 7}, [], None]
)
def test_what_the_service_does_not_know_is_refused(message: object) -> None:
    configured().error(message)


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
        st.sampled_from(sorted(Driver().session.configuration)),
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
            response = driver.session.answers.active
            if response is not None and response.item is None and response.options.speaks:
                driver.answer() if message == "answer" else driver.begin()
        else:
            driver.send(message)
        driver.now_s += 0.1
    if driver.session.answers.active is not None:
        driver.take([Emit(event) for event in driver.session.answers.active.finish()])
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
