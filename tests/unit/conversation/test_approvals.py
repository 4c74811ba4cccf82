"""A tool of an MCP server in a conversation: called by the service, allowed by a person's voice or the button."""

from __future__ import annotations

import pytest

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.approvals import MOST_WAITING, NAME, allowed_by
from device_daemon.errors import ConnectionLost
from device_daemon.state import State
from tests.unit.conversation.story import Story
from tests.unit.conversation.test_tool_calls import asked

REQUEST = on.ApprovalRequested("r2", "mcpr_1", "docs", "search", '{"query":"voice"}')


def answers(story: Story) -> list[do.AnswerApproval]:
    return [message for message in story.sent() if isinstance(message, do.AnswerApproval)]


def question() -> Story:
    """The person asked something that needs a tool; the question whether it may run was heard."""
    story = asked()
    story.then(REQUEST, on.ResponseDone("r2", "completed"))
    story.then(on.ResponseCreated("r3"), story.delta("r3"))
    ticket = story.ticket()
    story.then(on.Started("item-r3", story.now), on.ResponseDone("r3", "completed"), on.Silent(ticket, story.now))
    assert story.dialogue.state is State.LISTENING
    return story


def said(story: Story, arguments: str) -> None:
    """The person speaks, and the model passes on what that was."""
    story.then(on.SpeechStarted())
    story.wait(1.0)
    story.then(on.SpeechStopped(), on.ResponseCreated("r4"))
    story.then(on.ToolCalled("r4", "call_9", NAME, arguments))


def test_the_model_is_asked_to_ask_the_person_once_its_response_is_over() -> None:
    story = asked()
    story.then(REQUEST)
    assert story.sent() == []
    story.then(on.ResponseDone("r2", "completed"))
    recall, reply = story.sent()
    assert isinstance(recall, do.Recall)
    assert "The tool search of the server docs waits for permission" in recall.text
    assert isinstance(reply, do.RequestReply)


def test_a_yes_is_passed_on_when_the_service_can_begin_the_call() -> None:
    story = question()
    said(story, '{"allowed": true}')
    assert story.sent() == [do.ToolOutput("call_9", "the call is made now")]
    story.then(on.ResponseDone("r4", "completed"))
    assert story.sent() == [do.AnswerApproval("mcpr_1", approve=True)]
    assert story.dialogue.state is State.THINKING


def test_the_service_makes_the_call_and_the_model_is_asked_to_go_on() -> None:
    story = question()
    said(story, '{"allowed": true}')
    story.then(on.ResponseDone("r4", "completed"), on.ResponseCreated("r5"), on.RemoteCallBegan("r5", "mcp_1"))
    story.then(on.ResponseDone("r5", "completed"))
    assert not [command for command in story.commands if isinstance(command, do.Notice)]
    for _ in range(20):
        story.wait(1.0)
        assert story.dialogue.state is State.THINKING
    story.then(on.RemoteCallEnded("mcp_1"))
    assert [type(message) for message in story.sent()] == [do.RequestReply]


def test_a_no_is_passed_on_and_the_model_goes_on_without_it() -> None:
    story = question()
    said(story, '{"allowed": false}')
    story.then(on.ResponseDone("r4", "completed"))
    assert [type(message) for message in story.sent()] == [do.AnswerApproval, do.RequestReply]
    assert answers(story) == [do.AnswerApproval("mcpr_1", approve=False)]


@pytest.mark.parametrize("arguments", ["", "{", "[]", "{}", '{"allowed": "yes"}', '{"allowed": 1}'])
def test_an_answer_that_cannot_be_read_is_a_no(arguments: str) -> None:
    assert allowed_by(arguments) is False


def test_the_button_says_yes_while_the_person_is_asked() -> None:
    story = question()
    story.then(on.Pressed())
    assert answers(story) == [do.AnswerApproval("mcpr_1", approve=True)]
    assert story.dialogue.state is State.THINKING
    assert story.dialogue.ended is None


def test_the_button_says_yes_over_the_question_and_the_answer_waits_for_the_end_of_its_response() -> None:
    story = asked()
    story.then(REQUEST, on.ResponseDone("r2", "completed"), on.ResponseCreated("r3"), story.delta("r3"))
    story.then(on.Started("item-r3", story.now), on.Pressed())
    assert answers(story) == []
    assert do.CancelResponse("r3") in story.sent()
    story.then(on.ResponseDone("r3", "cancelled"))
    assert answers(story) == [do.AnswerApproval("mcpr_1", approve=True)]


def test_a_press_before_the_person_was_asked_refuses_and_allows_nothing() -> None:
    story = asked()
    story.then(REQUEST, on.Pressed())
    story.then(on.ResponseDone("r2", "cancelled"))
    assert answers(story) == [do.AnswerApproval("mcpr_1", approve=False)]


def test_without_an_answer_it_is_refused_so_that_a_later_press_allows_nothing() -> None:
    story = question()
    for _ in range(30):
        story.then(on.SpeechStarted())
        story.wait(1.0)
        story.then(on.SpeechStopped())
        if answers(story):
            break
        story.wait(1.0)
        if answers(story):
            break
    assert answers(story) == [do.AnswerApproval("mcpr_1", approve=False)]
    story.then(on.Pressed())
    assert answers(story) == []


def test_a_request_of_an_interrupted_response_is_refused() -> None:
    story = asked()
    story.then(on.Pressed(), REQUEST)
    story.then(on.ResponseDone("r2", "cancelled"))
    assert answers(story) == [do.AnswerApproval("mcpr_1", approve=False)]


def test_several_requests_are_asked_about_one_after_the_other() -> None:
    story = asked()
    second = on.ApprovalRequested("r2", "mcpr_2", "docs", "delete", "{}")
    story.then(REQUEST, second, on.ResponseDone("r2", "completed"), on.ResponseCreated("r3"), story.delta("r3"))
    ticket = story.ticket()
    story.then(on.Started("item-r3", story.now), on.ResponseDone("r3", "completed"), on.Silent(ticket, story.now))
    said(story, '{"allowed": false}')
    story.then(on.ResponseDone("r4", "completed"))
    refused, recall, reply = story.sent()
    assert refused == do.AnswerApproval("mcpr_1", approve=False)
    assert isinstance(recall, do.Recall)
    assert "delete" in recall.text
    assert isinstance(reply, do.RequestReply)


def test_of_a_flood_of_requests_most_are_refused() -> None:
    story = asked()
    story.then(*(on.ApprovalRequested("r2", f"mcpr_{n}", "docs", "search", "{}") for n in range(MOST_WAITING + 2)))
    story.then(on.ResponseDone("r2", "completed"))
    assert [answer.request_id for answer in answers(story)] == ["mcpr_4", "mcpr_5"]


def test_an_answer_to_nothing_is_told_to_be_so() -> None:
    story = asked()
    story.then(on.ToolCalled("r2", "call_1", NAME, '{"allowed": true}'))
    assert story.sent() == [do.ToolOutput("call_1", "error: no tool waits for permission")]


def test_a_lost_session_is_answered_nothing() -> None:
    story = question()
    story.then(on.Closed(ConnectionLost("lost")))
    story.ready()
    story.then(on.Pressed())
    assert answers(story) == []


def test_a_remote_call_that_never_ends_is_given_up() -> None:
    story = asked()
    story.then(on.RemoteCallBegan("r2", "mcp_1"), on.ResponseDone("r2", "completed"))
    story.wait(3.5)
    story.wait(60.0)
    assert [type(message) for message in story.sent()] == [do.RequestReply]
