"""A tool's call in a conversation: begun, answered once to the session that made it, and followed by an answer."""

from __future__ import annotations

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.tool_calls import INTERRUPTED, MOST_AT_ONCE
from device_daemon.errors import ConnectionLost
from device_daemon.state import State
from tests.unit.conversation.story import Story


def call(number: int = 1, response: str = "r2") -> on.ToolCalled:
    return on.ToolCalled(response, f"call_{number}", "get_time", "{}")


def asked() -> Story:
    """Greeted; then a person asked something, and the service began a response."""
    story = Story().greeted()
    story.then(on.SpeechStarted())
    story.wait(1.0)
    story.then(on.SpeechStopped(), on.ResponseCreated("r2"))
    return story


def begun(story: Story) -> list[int]:
    return [command.key for command in story.commands if isinstance(command, do.CallTool)]


def test_its_result_goes_to_the_session_and_the_model_is_asked_to_go_on_once_the_response_is_done() -> None:
    story = asked()
    story.then(call())
    assert begun(story) == [1]
    story.then(on.ToolResult(1, "12:30"))
    assert story.sent() == [do.ToolOutput("call_1", "12:30")]
    story.then(on.ResponseDone("r2", "completed"))
    assert story.sent() == [do.RequestReply("turn-1")]
    assert story.dialogue.state is State.THINKING


def test_a_response_that_only_calls_is_no_answer_without_sound_but_a_follow_up_without_sound_is() -> None:
    story = asked()
    story.then(call(), on.ToolResult(1, "12:30"), on.ResponseDone("r2", "completed"))
    assert not [command for command in story.commands if isinstance(command, do.Notice)]
    story.then(on.ResponseCreated("r3"), on.ResponseDone("r3", "completed"))
    assert [command for command in story.commands if isinstance(command, do.Notice)]


def test_the_follow_up_waits_for_all_results_and_the_light_thinks_however_long_a_tool_takes() -> None:
    story = asked()
    story.then(call(1), call(2), on.ResponseDone("r2", "completed"), on.ToolResult(2, "b"))
    assert do.RequestReply("turn-1") not in story.sent()
    for _ in range(20):
        story.wait(1.0)
        assert story.dialogue.state is State.THINKING
    story.then(on.ToolResult(1, "a"))
    assert story.sent() == [do.ToolOutput("call_1", "a"), do.RequestReply("turn-1")]


def test_a_tool_that_never_answers_is_given_up_and_the_model_learns_it() -> None:
    story = asked()
    story.then(call(), on.ResponseDone("r2", "completed"))
    story.wait(3.5)
    story.wait(60.0)
    assert [type(message) for message in story.sent()] == [do.ToolOutput, do.RequestReply]
    story.then(on.ToolResult(1, "late"))
    assert story.commands == []


def test_calls_begin_in_order_and_only_some_at_once() -> None:
    story = asked()
    story.then(*(call(number) for number in range(1, MOST_AT_ONCE + 3)))
    assert begun(story) == list(range(1, MOST_AT_ONCE + 1))
    story.then(on.ToolResult(2, "b"))
    assert begun(story) == [MOST_AT_ONCE + 1]


def test_an_interruption_cancels_what_has_not_begun_and_tells_the_model() -> None:
    story = asked()
    story.then(*(call(number) for number in range(1, MOST_AT_ONCE + 2)))
    story.then(on.Pressed())
    assert do.ToolOutput(f"call_{MOST_AT_ONCE + 1}", INTERRUPTED) in story.sent()
    story.then(call(99))
    assert story.sent() == [do.ToolOutput("call_99", INTERRUPTED)]
    story.then(on.ToolResult(1, "a"))
    assert story.sent() == [do.ToolOutput("call_1", "a")]


def test_after_a_cough_the_result_is_still_said_and_after_a_question_its_answer_takes_that_place() -> None:
    story = asked()
    story.then(call(), on.ResponseDone("r2", "completed"), on.SpeechStarted())
    story.wait(0.3)
    story.then(on.SpeechStopped(), on.ToolResult(1, "12:30"))
    assert do.RequestReply("turn-1") not in story.sent()
    story.now = story.dialogue.deadline_s
    for _ in range(5):
        if story.wait(0.0) and do.RequestReply("turn-1") in story.sent():
            break
        story.now = story.dialogue.deadline_s
    assert do.RequestReply("turn-1") in story.sent()

    story = asked()
    story.then(call(), on.ResponseDone("r2", "completed"), on.SpeechStarted())
    story.wait(1.0)
    story.then(on.SpeechStopped(), on.ToolResult(1, "12:30"), on.ResponseCreated("r3"))
    assert do.RequestReply("turn-1") not in story.sent()
    assert not story.dialogue.calls.owed


def test_a_new_session_gets_no_result_of_a_lost_one_but_learns_what_was_done_and_is_asked_to_say_it() -> None:
    story = asked()
    story.then(call(), on.ResponseDone("r2", "completed"), on.Closed(ConnectionLost("lost")))
    assert not [command for command in story.commands if isinstance(command, do.ReplayAudio)]
    story.then(on.ToolResult(1, "12:30"))
    assert story.sent() == []
    story.ready()
    told, reply = story.sent()[-2:]
    assert isinstance(told, do.Recall)
    assert "get_time({}), which returned: 12:30" in told.text
    assert isinstance(reply, do.RequestReply)


def test_goodbye_ends_the_conversation_after_the_farewell_was_heard() -> None:
    story = asked()
    story.then(call(), on.Farewell(), on.ToolResult(1, "ok"), on.ResponseDone("r2", "completed"))
    assert story.sent()[-1] == do.RequestReply("turn-1")
    story.then(on.ResponseCreated("r3"), story.delta("r3"))
    ticket = story.ticket()
    story.then(on.Started("item-r3", story.now), on.ResponseDone("r3", "completed"))
    assert story.dialogue.ended is None
    story.then(on.Silent(ticket, story.now))
    assert story.dialogue.ended == do.End(EndReason.GOODBYE)


def test_whoever_speaks_over_the_farewell_goes_on() -> None:
    story = asked()
    story.then(call(), on.Farewell(), on.ToolResult(1, "ok"), on.ResponseDone("r2", "completed"))
    story.then(on.ResponseCreated("r3"), story.delta("r3"), on.Started("item-r3", story.now), on.SpeechStarted())
    assert story.dialogue.ended is None
    assert story.dialogue.state is State.LISTENING
