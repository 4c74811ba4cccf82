"""Requests that the service refuses, and what a person does that means nothing in the state there is."""

from __future__ import annotations

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.policy import ConversationPolicy, Deadlines
from device_daemon.state import State
from tests.unit.conversation.story import HELLO, Story
from tests.unit.conversation.test_dialogue_faults import PUSH_TO_TALK, talked

ALREADY = "conversation_already_has_active_response"


def refusal(about: str, code: str = "invalid_value") -> on.ServiceError:
    return on.ServiceError(code, "The service does not like it.", about)


def test_a_greeting_that_is_refused_for_another_reason_is_asked_for_again_and_then_given_up_audibly() -> None:
    story = Story().ready()
    for number in range(1, 9):
        story.then(refusal(f"greeting-{number}"))
        if do.RequestGreeting(HELLO, f"greeting-{number + 1}") not in story.sent():
            break
    assert 1 < number < 8
    assert story.has_sound("try-again")
    assert story.dialogue.state is State.LISTENING


def test_a_turn_that_is_refused_is_reported_and_the_person_may_speak_again() -> None:
    story = talked(Story(None, PUSH_TO_TALK).ready())
    story.then(refusal("turn-1"))
    assert story.has_sound("try-again")
    assert story.dialogue.state is State.WAITING


def test_a_turn_that_meets_another_response_is_handed_in_when_that_is_done() -> None:
    story = talked(Story(None, PUSH_TO_TALK).ready())
    assert story.then(refusal("turn-1", ALREADY)) == []
    story.then(on.ResponseCreated("odd"), on.ResponseDone("odd", "completed"))
    assert do.RequestReply("turn-2") in story.sent()


def test_a_turn_that_never_ends_is_ended() -> None:
    story = Story(None).ready()
    story.then(on.SpeechStarted())
    story.wait(Deadlines().turn_s - 1.0)
    assert story.dialogue.state is State.LISTENING
    story.wait(1.0)
    story.wait(ConversationPolicy().idle_timeout_s)
    assert isinstance(story.commands[-1], do.End), "who does not speak any more is not waited for either"


def test_silence_that_was_reported_before_the_last_sound_was_queued_means_nothing() -> None:
    story = Story().ready()
    story.then(on.ResponseCreated("r1"), story.delta())
    assert story.then(on.Silent(-1, story.now)) == []


def test_the_services_turn_detection_means_nothing_where_a_button_is_held_to_talk() -> None:
    story = Story(None, PUSH_TO_TALK).ready()
    assert story.then(on.SpeechStarted(), on.SpeechStopped()) == []
    assert story.dialogue.state is State.WAITING
