"""A cough over an answer, as short stories: the answer goes on where it stopped, unless somebody said something."""

import random

import pytest

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.playback_ledger import Cut
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, MicrophoneGate, turn_pause_s
from device_daemon.conversation.resumable_answer import ResumableAnswer
from device_daemon.errors import ConnectionLost
from device_daemon.state import State
from tests.unit.conversation.story import Story

MS = 48
ANSWER = random.Random(1).randbytes(1000 * MS)
COUGH_S = 0.7
"""200 ms, and the pause by which turn detection knows that it ended."""


def coughed(story: Story | None = None, heard_ms: int = 400) -> Story:
    """A cough over an answer of a second, of which 400 ms were heard."""
    story = (story or Story()).greeted()
    story.then(on.SpeechStarted(), on.SpeechStopped(), on.ResponseCreated("r2"))
    story.then(story.delta("r2", ANSWER), on.Transcript("assistant", "It is a kettle.", "r2"))
    story.then(on.Started("item-r2", story.now), on.ResponseDone("r2", "completed"))
    story.then(on.SpeechStarted())
    story.then(on.Flushed(story.ticket(), "item-r2", heard_ms, story.now))
    story.now += COUGH_S
    story.then(on.SpeechStopped())
    return story


def plays(story: Story) -> list[do.Play]:
    return [command for command in story.commands if isinstance(command, do.Play)]


def played(story: Story) -> bytes:
    return b"".join(play.pcm for play in plays(story))


def heard_out(story: Story) -> None:
    ticket = plays(story)[-1].ticket
    story.then(on.Started("item-r2", story.now), on.Silent(ticket, story.now))


def test_after_a_cough_the_answer_goes_on_where_it_stopped() -> None:
    story = coughed()
    assert story.wait(0.99) == []
    story.wait(0.02)
    assert played(story) == ANSWER[400 * MS :]
    assert story.states() == [State.SPEAKING]
    heard_out(story)
    assert story.states() == [State.LISTENING]


def test_the_model_learns_that_it_was_heard_to_its_end_after_all() -> None:
    story = coughed()
    story.wait(1.1)
    assert story.sent() == []
    heard_out(story)
    assert "You: It is a kettle." in story.recalled()
    assert "heard no more" not in story.recalled()


def test_the_truncation_is_sent_at_once_for_a_turn_of_one_word_is_answered_when_it_ends() -> None:
    story = Story().answering()
    story.then(on.SpeechStarted())
    story.then(on.Flushed(story.ticket(), "item-r2", 400, story.now))
    assert story.sent() == [do.Truncate("item-r2", 0, 400)]


@pytest.mark.parametrize(
    "event",
    [
        on.ResponseCreated("r3"),
        on.Transcript("user", "Stop."),
        on.SpeechStarted(),
        on.Pressed(),
        on.WakeWordHeard(),
        on.Closed(ConnectionLost("lost")),
    ],
)
def test_whatever_follows_the_cough_the_answer_does_not_go_on(event: on.Event) -> None:
    story = coughed()
    story.then(event)
    story.wait(1.1)
    assert plays(story) == []


def test_a_transcript_without_words_is_no_turn() -> None:
    story = coughed()
    story.then(on.Transcript("user", " "))
    story.wait(1.1)
    assert played(story) == ANSWER[400 * MS :]


def test_speech_of_half_a_second_is_no_cough() -> None:
    story = Story().answering()
    story.then(on.SpeechStarted())
    story.then(on.Flushed(story.ticket(), "item-r2", 400, story.now))
    story.now += 1.0
    story.then(on.SpeechStopped())
    story.wait(1.1)
    assert plays(story) == []


def test_a_long_pause_of_turn_detection_is_not_taken_for_speech() -> None:
    assert turn_pause_s({"type": "server_vad", "silence_duration_ms": 900}) == 0.9
    assert turn_pause_s({"type": "semantic_vad"}) == ConversationPolicy().pause_s
    story = Story(policy=ConversationPolicy(pause_s=0.1))
    coughed(story).wait(1.1)
    assert plays(story) == [], "0.6 s of it was speech"


def test_it_does_not_go_on_where_the_config_says_so() -> None:
    story = coughed(Story(policy=ConversationPolicy(resume=False)))
    story.wait(1.1)
    assert plays(story) == []


def test_an_answer_that_was_cancelled_is_heard_as_far_as_it_came_also_what_came_late() -> None:
    story = Story().greeted()
    story.then(on.SpeechStarted(), on.SpeechStopped(), on.ResponseCreated("r2"))
    story.then(story.delta("r2", ANSWER), on.Started("item-r2", story.now), on.SpeechStarted())
    flush = story.ticket()
    story.then(story.delta("r2", ANSWER[: 100 * MS]), on.Flushed(flush, "item-r2", 400, story.now))
    story.then(on.ResponseDone("r2", "cancelled", "turn_detected"), on.SpeechStopped())
    story.wait(1.1)
    assert played(story) == (ANSWER + ANSWER[: 100 * MS])[400 * MS :]
    heard_out(story)
    assert story.states() == [State.LISTENING], "the model is not asked to go on"
    assert not story.has_sound("try-again")


def test_an_answer_that_the_service_goes_on_making_goes_on() -> None:
    story = Story().greeted()
    story.then(on.SpeechStarted(), on.SpeechStopped(), on.ResponseCreated("r2"))
    story.then(story.delta("r2", ANSWER), on.Started("item-r2", story.now), on.SpeechStarted())
    story.then(on.Flushed(story.ticket(), "item-r2", 400, story.now), on.SpeechStopped())
    story.wait(1.1)
    assert played(story) == ANSWER[400 * MS :]
    story.then(story.delta("r2", ANSWER[: 100 * MS]))
    assert played(story) == ANSWER[: 100 * MS]


def test_what_waited_behind_the_audible_item_follows_it() -> None:
    story = Story().answering()
    story.then(on.AudioDelta("r2", "item-second", 0, ANSWER), on.SpeechStarted())
    story.then(on.Flushed(story.ticket(), "item-r2", 400, story.now), on.SpeechStopped())
    story.wait(1.1)
    assert [play.item_id for play in plays(story)] == ["item-r2", "item-second"]
    assert plays(story)[1].pcm == ANSWER


def test_a_second_cough_cuts_it_off_and_it_goes_on_again_from_there() -> None:
    story = coughed()
    story.wait(1.1)
    story.then(on.Started("item-r2", story.now), on.SpeechStarted())
    # The service cancels the echo only of what it sends now, so this is allowed only where the device cancels it.
    assert story.commands == []
    story = coughed(Story(policy=ConversationPolicy(echo_by_service=False)))
    story.wait(1.1)
    story.then(on.Started("item-r2", story.now), on.SpeechStarted())
    story.then(on.Flushed(story.ticket(), "item-r2", 100, story.now))
    assert not any(isinstance(message, do.Truncate) for message in story.sent()), "it is shorter than that already"
    assert "heard no more" in story.recalled()
    story.now += COUGH_S
    story.then(on.SpeechStopped())
    story.wait(1.1)
    assert played(story) == ANSWER[500 * MS :]


def test_while_it_goes_on_the_service_that_cancels_the_echo_does_not_hear_what_it_cannot_know() -> None:
    story = coughed()
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.STREAM
    story.wait(1.1)
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.DISCARD


def test_an_answer_that_was_heard_to_its_end_does_not_go_on() -> None:
    story = coughed(heard_ms=1000)
    story.wait(1.1)
    assert plays(story) == []


def test_an_answer_of_which_too_much_waited_to_be_kept_does_not_go_on_with_a_hole() -> None:
    for heard_ms, rest in ((400, b""), (600, ANSWER[600 * MS :])):
        answer = ResumableAnswer(Deadlines(), enabled=True, pause_s=0.5, limit_bytes=500 * MS)
        for begin in range(0, len(ANSWER), 100 * MS):
            answer.add(on.AudioDelta("r", "i", 0, ANSWER[begin : begin + 100 * MS]))
        answer.interrupt("r", None)
        answer.flushed([Cut(None, "r", heard_ms / 1000, "i", heard_ms)])
        assert b"".join(piece.pcm for piece in answer.resume()) == rest


def test_a_cough_that_the_service_answers_with_silence_is_reported_like_any_answer() -> None:
    story = coughed()
    story.then(on.ResponseCreated("r3"))
    assert story.wait(9.1), "nobody waits for ever"
    assert story.has_sound("try-again")


def test_a_late_answer_silences_what_goes_on_and_is_heard_itself() -> None:
    story = coughed()
    story.wait(1.1)
    story.then(on.Started("item-r2", story.now), on.ResponseCreated("r3"))
    assert any(isinstance(command, do.Flush) for command in story.commands)
    assert story.states() == [State.THINKING]
    story.then(on.Flushed(story.ticket(), "item-r2", 100, story.now))
    assert "heard no more" in story.recalled()
    story.then(story.delta("r3"), on.Started("item-r3", story.now))
    assert story.states() == [State.SPEAKING]
