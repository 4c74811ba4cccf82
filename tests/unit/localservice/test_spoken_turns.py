"""Spoken turns of the local service: who is heard, answered, interrupted and cut off."""

from __future__ import annotations

from typing import Any

import pytest

from device_daemon.localservice.scripted_replies import Rule, TranscriptRule
from tests.unit.localservice.client_messages import CREATE, Json, append, given, silence, speech
from tests.unit.localservice.driver import CHAIN_END, configured, turn, types


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
    assert driver.planned[-1].reply.say == "You spoke for 1.0 seconds."
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
    assert driver.planned[-1].response.finish("cancelled") == []


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
    assert driver.session.responses.active is not None
    assert events[-1]["error"]["code"] == "conversation_already_has_active_response"


def test_turns_are_not_answered_if_the_session_says_so() -> None:
    driver = configured(turn_detection=turn(create_response=False))
    assert "response.created" not in types(driver.send(append(speech(1000) + silence(600))))
    driver.send(CREATE)
    assert driver.session.responses.active is not None


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
    assert driver.planned[-1].reply.say == "2.0"


def test_a_turn_that_the_client_delimits_is_committed_whatever_turn_detection_hears() -> None:
    driver = configured(rules=[Rule(after="speech", say="{seconds}")])

    def turn_message(kind: str, **fields: Any) -> Json:
        return {"type": f"input_audio.turn.{kind}", "turn_id": "mine", **fields}

    driver.send(append(speech(100)))
    assert driver.send(turn_message("start")) == []
    assert driver.send(turn_message("append", audio=append(speech(700) + silence(700))["audio"])) == []
    assert types(driver.send(turn_message("end"))) == [
        "input_audio_buffer.committed",
        "conversation.item.created",
        "conversation.item.done",
    ]
    driver.send(CREATE)
    assert driver.planned[-1].reply.say == "1.4"
    assert driver.error(turn_message("end"))["param"] == "turn_id"
    driver.send(turn_message("start"), turn_message("append", audio=append(speech(700))["audio"]))
    assert driver.error(turn_message("append", turn_id="other"))["param"] == "turn_id"
    assert types(driver.send(turn_message("cancel"))) == ["input_audio_buffer.cleared"]
    assert types(driver.send({"type": "input_audio.clear"})) == ["input_audio_buffer.cleared"]


def test_what_was_said_may_be_scripted_turn_by_turn() -> None:
    rules = [Rule(after="speech", text="weather", say="It rains."), Rule(after="speech", say="You said: {text}")]
    heard = TranscriptRule(["What's the weather?", "And tomorrow?"])
    driver = configured("gpt-4o", rules=rules, transcripts=[heard])
    for text, reply in (("What's the weather?", "It rains."), ("And tomorrow?", "You said: And tomorrow?")):
        events = driver.send(append(speech(1000) + silence(600)))
        completed = next(event for event in events if event["type"].endswith("transcription.completed"))
        assert completed["transcript"] == text
        assert driver.planned[-1].reply.say == reply
        driver.answer()
        driver.now_s += 60


def test_the_transcript_of_a_turn_may_depend_on_its_length_and_recognition_may_fail() -> None:
    transcripts = [TranscriptRule("Yes.", most_s=0.5), TranscriptRule(fails=True, turn=2)]
    driver = configured("gpt-4o", transcripts=transcripts)
    kinds = {"completed": "Yes.", "failed": None}
    for length_ms, (kind, text) in zip((400, 1000), kinds.items(), strict=True):
        events = driver.send(append(speech(length_ms) + silence(600)))
        (found,) = [event for event in events if "transcription" in event["type"]]
        assert found["type"].endswith(kind)
        assert found.get("transcript") == text
        driver.answer()
        driver.now_s += 60


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


@pytest.mark.parametrize("audio", [None, 7, "not base64!", "AAA="[:3], "AA=="])
def test_sound_that_is_none_is_refused(audio: object) -> None:
    error = configured().error({"type": "input_audio_buffer.append", "audio": audio})
    assert error["param"] == "audio"
