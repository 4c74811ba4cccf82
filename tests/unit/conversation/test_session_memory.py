"""What a session is told: everything that it does not know, once."""

from __future__ import annotations

from device_daemon.conversation.commands import Command, Recall, Send
from device_daemon.conversation.session_memory import SessionMemory
from device_daemon.conversation.transcript import ConversationTranscript


def texts(commands: list[Command]) -> list[str]:
    return [
        command.message.text
        for command in commands
        if isinstance(command, Send) and isinstance(command.message, Recall)
    ]


def test_where_no_session_was_ready_before_nothing_was_said_that_one_could_have_forgotten() -> None:
    memory = SessionMemory(None, "")
    memory.transcript.said("user", "Hello?")
    memory.session_lost(was_ready=False)
    assert memory.tell() == []


def test_a_session_after_a_break_learns_what_was_said_before_it_once() -> None:
    memory = SessionMemory(None, "")
    memory.transcript.said("user", "What time is it?")
    memory.session_lost(was_ready=True)
    (text,) = texts(memory.tell())
    assert "What time is it?" in text
    assert memory.tell() == []


def test_a_conversation_that_goes_on_begins_with_what_was_said_in_the_one_before() -> None:
    before = ConversationTranscript()
    before.said("user", "My name is Lisa.")
    (text,) = texts(SessionMemory(before, "").tell())
    assert "Lisa" in text


def test_what_this_device_played_is_told_without_the_rest() -> None:
    memory = SessionMemory(None, "")
    memory.transcript.said("user", "What time is it?")
    memory.transcript.said("assistant", "Good morning!", "local")
    memory.add_untold("local")
    assert memory.is_untold("local")
    (text,) = texts(memory.tell())
    assert "Good morning!" in text
    assert "What time" not in text
    assert not memory.is_untold("local")


def test_news_is_told_once() -> None:
    memory = SessionMemory(None, "A timer rang while nobody was there.")
    assert texts(memory.tell()) == ["A timer rang while nobody was there."]
    assert memory.news == ""
