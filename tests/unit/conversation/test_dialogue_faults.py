"""What a conversation does when something goes wrong, as short stories: it is reported, never silent, never twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, EndReason, MicrophoneGate
from device_daemon.errors import (
    AnswerNotHeard,
    ConnectionLost,
    DeviceGone,
    ServiceBusy,
    ServiceUnreachable,
    SessionRejected,
)
from device_daemon.greetings.ledger import Step
from device_daemon.greetings.opening import Opening
from device_daemon.state import State
from tests.unit.conversation.story import HELLO, SECOND, Story

WAITS = Deadlines()
ANNOUNCEMENT = Opening("say", "Dinner!", interruptible=False, announcement=True)
CACHED = Opening("cached", "0123456789", pcm=SECOND)
LOST = ConnectionLost("lost")
CLOSED = ConnectionLost("the service closed the session (1000); a new connection is tried.", 1000)
PUSH_TO_TALK = ConversationPolicy(push_to_talk=True)


def asked(story: Story) -> Story:
    """A person asks something that takes two seconds."""
    story.then(on.SpeechStarted())
    story.now += 2.0
    story.then(on.SpeechStopped())
    return story


def talked(story: Story, seconds: float = 2.0) -> Story:
    """The button is held for so long, and all that was captured meanwhile has arrived."""
    story.then(on.TalkBegan(story.now))
    story.now += seconds
    story.then(on.TalkEnded(story.now))
    story.wait(story.dialogue.deadline_s - story.now)
    return story


# Responses that are not heard


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        (on.ResponseDone("r2", "completed"), "completed: it came without sound"),
        (on.ResponseDone("r2", "incomplete", "content_filter"), "incomplete: content_filter"),
        (on.ResponseDone("r2", "incomplete", "max_output_tokens"), "incomplete: max_output_tokens"),
        (on.ResponseDone("r2", "failed", "The model is broken."), "failed: The model is broken."),
        (on.ResponseDone("r2", "failed"), "failed: the service gave no reason"),
        (on.ResponseDone("r2", "cancelled", "turn_detected"), "cancelled: turn_detected"),
    ],
    ids=lambda value: value.status if isinstance(value, on.ResponseDone) else None,
)
def test_an_answer_without_sound_is_reported_with_the_reason_of_the_service(done: on.ResponseDone, reason: str) -> None:
    story = asked(Story().greeted())
    story.then(on.ResponseCreated("r2"), done)
    assert story.has_sound("try-again")
    assert story.states()[-1] is State.LISTENING
    assert isinstance(story.dialogue.last_failure, AnswerNotHeard)
    assert reason in str(story.dialogue.last_failure)


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed", "cancelled"])
def test_an_announcement_that_is_not_heard_is_no_success(status: str) -> None:
    story = Story(ANNOUNCEMENT).ready()
    for number in range(3):
        story.then(on.ResponseCreated(f"r{number}"), on.ResponseDone(f"r{number}", status, "why"))
        if story.dialogue.ended:
            break
    end = story.dialogue.ended
    assert end is not None
    assert end.reason is EndReason.FAILED
    assert "why" in str(end.failure)


def test_a_greeting_without_sound_is_reported_and_the_person_may_speak() -> None:
    story = Story().ready()
    story.then(on.ResponseCreated("r1"), on.ResponseDone("r1", "completed"))
    assert story.has_sound("try-again")
    assert story.states() == [State.LISTENING]
    assert story.dialogue.greeting.step is Step.SKIPPED


def test_the_end_of_an_answer_that_is_missing_is_logged_and_no_sound_talks_into_the_turn_of_the_person() -> None:
    story = Story().answering()
    story.then(on.ResponseDone("r2", "incomplete", "max_output_tokens"), on.Silent(2, story.now))
    assert story.states() == [State.LISTENING]
    assert not story.has_sound("try-again")
    assert "only in part (incomplete: max_output_tokens)" in str(story.dialogue.last_failure)


def test_what_the_owner_turned_off_is_not_played() -> None:
    silent = ConversationPolicy(notices=False, error_sound=False)
    earcon = ConversationPolicy(notices=False)
    for policy, sounds in ((silent, []), (earcon, ["error"])):
        story = asked(Story(policy=policy).greeted())
        story.then(on.ResponseCreated("r2"), on.ResponseDone("r2", "completed"))
        assert [command.name for command in story.commands if isinstance(command, do.Sound | do.Notice)] == sounds


# A greeting that meets another response


def test_a_greeting_that_is_refused_for_an_active_response_is_asked_for_once_that_is_done() -> None:
    story = Story().ready()
    refused = on.ServiceError("conversation_already_has_active_response", "Wait.", "greeting-1")
    assert story.then(refused) == [], "response.created of the other one has not come yet"
    story.now += 2.0
    assert story.then(on.ResponseCreated("odd")) == []
    story.then(on.ResponseDone("odd", "completed"))
    assert do.RequestGreeting(HELLO, "greeting-2") in story.sent()
    assert not story.has_sound("try-again"), "nobody asked for the other one"


def test_however_often_it_is_refused_so_it_is_asked_for_and_heard_once() -> None:
    story = Story().ready()
    for number in range(1, 8):
        story.then(on.ServiceError("conversation_already_has_active_response", "Wait.", f"greeting-{number}"))
        story.then(on.ResponseCreated(f"odd{number}"), story.delta(f"odd{number}"))
        story.then(on.Started(f"item-odd{number}", story.now), on.ResponseDone(f"odd{number}", "completed"))
        story.then(on.Silent(number, story.now))
        assert story.sent() == [do.RequestGreeting(HELLO, f"greeting-{number + 1}")]
    story.then(on.ResponseCreated("r1"), story.delta(), on.Started("item-r1", story.now))
    assert story.dialogue.greeting.step is Step.AUDIBLE


def test_a_greeting_that_is_refused_for_good_is_asked_for_three_times_and_then_reported_with_the_reason() -> None:
    story = Story().ready()
    for number in range(1, 4):
        story.then(on.ServiceError("server_error", "Out of order.", f"greeting-{number}"))
    assert story.has_sound("try-again")
    assert story.states() == [State.LISTENING]
    assert "Out of order" in str(story.dialogue.last_failure)


def test_a_turn_that_is_refused_is_reported_with_the_reason() -> None:
    story = talked(Story(None, PUSH_TO_TALK).ready())
    story.then(on.ServiceError("server_error", "Out of order.", "turn-1"))
    assert story.has_sound("try-again")
    assert story.states() == [State.WAITING]
    assert "Out of order" in str(story.dialogue.last_failure)


def test_a_turn_that_is_refused_for_an_active_response_is_answered_once_that_is_done() -> None:
    story = talked(Story(None, PUSH_TO_TALK).ready())
    active = on.ServiceError("conversation_already_has_active_response", "Wait.", "turn-1")
    assert story.then(active, on.ResponseCreated("odd")) == []
    story.then(on.ResponseDone("odd", "cancelled"))
    assert do.RequestReply("turn-2") in story.sent()
    assert not story.has_sound("try-again"), "nobody asked for the other one"


# A break of the connection


@pytest.mark.parametrize("failure", [LOST, CLOSED], ids=["lost", "closed with 1000"])
def test_an_answer_goes_on_though_its_connection_is_gone_and_the_next_session_learns_what_was_heard(
    failure: ConnectionLost,
) -> None:
    story = Story().answering()
    story.then(on.Transcript("assistant", "0123456789", "r2"), on.ResponseDone("r2", "completed"))
    assert story.then(on.Closed(failure)) == [do.Connect(0.25)], "the light says that it speaks, which is true"
    story.then(on.Opened(), on.SessionUpdated())
    assert story.recalled() == "", "how much of it will be heard is not known yet"
    assert story.dialogue.state is State.SPEAKING
    story.then(on.Silent(2, story.now))
    assert story.states() == [State.LISTENING]
    assert story.recalled().endswith(
        "You: 0123456789\n(What the user said is not on record, only what you said and the user heard.)"
    )
    assert not story.has_sound("try-again")


def test_of_an_answer_that_broke_off_the_next_session_learns_as_much_as_was_heard() -> None:
    story = Story().answering()
    text = "x" * 100  # takes 6.5 s to say, of which one second came
    story.then(on.TranscriptDelta("r2", text[:40]), on.TranscriptDelta("r2", text[40:]))
    story.reconnected()
    story.then(on.Silent(2, story.now))
    assert f"You: {'x' * 15} ... (the user heard no more of this)" in story.recalled()
    assert story.has_sound("try-again"), "and the person learns that it broke off"


def test_what_a_person_cuts_off_after_a_break_is_told_as_far_as_it_was_heard() -> None:
    story = Story().answering()
    story.then(on.Transcript("assistant", "0123456789", "r2"), on.ResponseDone("r2", "completed"))
    story.reconnected()
    story.then(on.Pressed())
    story.then(on.Flushed(story.ticket(), "item-r2", 500, story.now))
    assert "You: 01234 ..." in story.recalled()
    assert not [message for message in story.sent() if isinstance(message, do.Truncate)], "nobody knows that item"


def test_a_greeting_whose_sound_is_queued_when_the_connection_breaks_is_not_asked_for_again() -> None:
    story = Story().ready()
    story.then(on.ResponseCreated("r1"), story.delta(), on.ResponseDone("r1", "completed"))
    story.reconnected()
    assert story.sent() == [do.UpdateSession()]
    story.then(on.Started("item-r1", story.now), on.Silent(1, story.now))
    assert story.dialogue.greeting.step is Step.DONE
    assert "You: Hello!" in story.recalled()


def test_what_was_said_is_told_in_one_system_message_whatever_the_roles_were() -> None:
    story = Story().greeted()
    story.then(on.Transcript("user", "What time is it?"), on.Transcript("assistant", "Ten.", "r2"))
    story.reconnected()
    (recall,) = [message for message in story.sent() if isinstance(message, do.Recall)]
    assert recall.role == "system", "text items of the assistant lead models to answer with text"
    assert recall.text.endswith("You: Hello!\nUser: What time is it?\nYou: Ten.")


def test_an_utterance_that_a_break_cuts_in_two_is_sent_again_from_its_beginning() -> None:
    story = Story().greeted()
    quiet_since_s = story.now
    story.now += 3.0
    story.then(on.SpeechStarted())
    story.now += 1.0
    assert do.ReplayAudio(quiet_since_s) in story.then(on.Closed(LOST))


def test_a_question_that_was_not_answered_yet_is_sent_again() -> None:
    story = Story().greeted()
    quiet_since_s = story.now
    asked(story)
    story.then(on.ResponseCreated("r2"))
    assert do.ReplayAudio(quiet_since_s) in story.then(on.Closed(LOST))


def test_a_question_that_was_answered_is_not_sent_again() -> None:
    story = Story().answering()
    story.then(on.ResponseDone("r2", "completed"))
    assert not [command for command in story.then(on.Closed(LOST)) if isinstance(command, do.ReplayAudio)]
    story = Story().answering()
    story.now += 1.0
    story.then(on.ResponseDone("r2", "completed"), on.Silent(2, story.now))
    assert do.ReplayAudio(story.now) in story.then(on.Closed(LOST)), "only what was said since"


def test_a_turn_of_the_button_that_was_not_answered_is_sent_and_handed_in_again() -> None:
    story = Story(None, PUSH_TO_TALK)
    story.then(on.TalkBegan(story.now))
    began_s = story.now
    story.then(on.Opened(), on.SessionUpdated())
    story.now += 2.0
    story.then(on.TalkEnded(story.now))
    story.wait(1.0)
    assert story.sent() == [do.CommitAudio(), do.RequestReply("turn-1")]
    assert do.ReplayAudio(began_s) in story.then(on.Closed(LOST))
    story.then(on.Opened(), on.SessionUpdated())
    assert story.sent()[-2:] == [do.CommitAudio(), do.RequestReply("turn-2")]


def test_a_turn_of_the_button_that_the_service_leaves_unanswered_is_handed_in_again_on_another_connection() -> None:
    story = talked(Story(None, PUSH_TO_TALK).ready())
    story.wait(WAITS.moment_s)
    assert story.has_sound("moment")
    story.wait(WAITS.reply_s - WAITS.moment_s)
    assert do.Connect(0.25) in story.commands


def test_an_announcement_that_the_connection_cuts_off_is_no_success_and_one_that_is_complete_is() -> None:
    for done, reason in ((False, EndReason.FAILED), (True, EndReason.SAID)):
        story = Story(ANNOUNCEMENT).ready()
        story.then(on.ResponseCreated("r1"), story.delta(), on.Started("item-r1", story.now))
        if done:
            story.then(on.ResponseDone("r1", "completed"))
        assert story.then(on.Closed(LOST)) == [], "it needs no other session"
        story.then(on.Silent(1, story.now))
        assert story.dialogue.ended is not None
        assert story.dialogue.ended.reason is reason


@pytest.mark.parametrize("opening", [ANNOUNCEMENT, HELLO], ids=["announcement", "greeting"])
def test_what_broke_off_in_a_pause_of_the_network_was_not_said(opening: Opening) -> None:
    story = Story(opening).ready()
    story.then(on.ResponseCreated("r1"), story.delta(), on.Started("item-r1", story.now), on.Silent(1, story.now))
    story.then(on.Closed(LOST))
    assert not story.dialogue.greeting.heard
    assert story.dialogue.ended == (do.End(EndReason.FAILED, LOST) if opening.announcement else None)


@pytest.mark.parametrize("moment", ["connecting", "ready", "listening", "thinking", "answering"])
def test_a_close_with_1000_that_nobody_asked_for_is_a_lost_connection(moment: str) -> None:
    story = Story()
    match moment:
        case "ready":
            story.ready()
        case "listening":
            story.greeted()
        case "thinking":
            asked(story.greeted())
        case "answering":
            story.answering()
    assert do.Connect(0.25) in story.then(on.Closed(CLOSED))


def test_a_service_that_always_closes_with_1000_ends_the_conversation_with_a_notice() -> None:
    story = Story()
    for _ in range(10):
        story.then(on.Opened(), on.Closed(CLOSED))
    assert story.dialogue.ended is not None
    assert story.dialogue.ended.failure is not None
    assert story.dialogue.ended.failure.notice == "offline"


def test_a_service_that_speaks_and_breaks_again_and_again_is_given_up() -> None:
    story = Story().greeted()
    for number in range(5):
        story.then(on.ResponseCreated(f"x{number}"), story.delta(f"x{number}"))
        story.then(on.Started(f"item-x{number}", story.now), on.Closed(LOST), on.Opened(), on.SessionUpdated())
    assert story.dialogue.ended is not None
    assert story.dialogue.ended.reason is EndReason.FAILED


# The cached greeting


def test_a_cached_greeting_goes_on_though_the_service_closes_the_session() -> None:
    story = Story(CACHED)
    story.then(on.Started("local", story.now))
    assert story.then(on.Opened(), on.Closed(CLOSED))[-1:] == [do.Connect(0.25)]
    assert story.dialogue.ended is None


def test_during_a_cached_greeting_nothing_is_sent_and_from_its_last_sound_on_everything_is() -> None:
    story = Story(CACHED)
    story.then(on.Started("local", story.now), on.Opened(), on.SessionUpdated())
    assert story.dialogue.microphone_gate(story.now + 0.5) is MicrophoneGate.DISCARD
    story.then(on.Silent(1, story.now + 1.0))
    assert story.dialogue.microphone_gate(story.now + 0.999) is MicrophoneGate.DISCARD
    assert story.dialogue.microphone_gate(story.now + 1.0) is MicrophoneGate.STREAM
    assert "You: 0123456789" in story.recalled()


# Errors before the session is ready


def test_an_error_that_does_not_refuse_the_settings_ends_nothing() -> None:
    story = Story()
    story.then(on.Opened())
    assert story.then(on.ServiceError("odd", "Something else.", "another-event")) == []
    story.then(on.SessionUpdated())
    assert story.sent() == [do.RequestGreeting(HELLO, "greeting-1")]


def test_if_the_session_never_gets_ready_the_error_says_why() -> None:
    story = Story()
    story.then(on.Opened(), on.ServiceError("invalid_model", "No such model."))
    story.wait(WAITS.moment_s)
    story.wait(WAITS.session_s - WAITS.moment_s)
    end = story.dialogue.ended
    assert end is not None
    assert isinstance(end.failure, SessionRejected)
    assert "No such model" in str(end.failure)


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded", "internal_error", "503"])
def test_an_error_of_the_service_itself_is_tried_again(code: str) -> None:
    story = Story()
    story.then(on.Opened(), on.ServiceError(code, "Sorry.", do.SESSION_UPDATE_ID))
    assert story.commands[-1:] == [do.Connect(0.25)]
    assert isinstance(story.dialogue.last_failure, ServiceBusy)


# Waits


def connecting(_: Story) -> None:
    """Nothing answers."""


def no_session(story: Story) -> None:
    """The connection opens, and session.update is not answered."""
    story.then(on.Opened())


def no_greeting(story: Story) -> None:
    """The service takes the request for the greeting, and never answers."""
    story.ready()


def greeting_without_sound(story: Story) -> None:
    """The service begins the greeting, and no sound comes."""
    story.ready()
    story.then(on.ResponseCreated("r1"))


def no_answer(story: Story) -> None:
    """A question is not answered."""
    asked(story.greeted())


def answer_without_sound(story: Story) -> None:
    """The service begins an answer, and no sound comes."""
    asked(story.greeted())
    story.then(on.ResponseCreated("r2"))


def no_way_back(story: Story) -> None:
    """The connection breaks, and no other one opens."""
    story.greeted()
    story.then(on.Closed(LOST))


@pytest.mark.parametrize(
    "situation",
    [connecting, no_session, no_greeting, greeting_without_sound, no_answer, answer_without_sound, no_way_back],
)
@pytest.mark.parametrize("later", ["nothing comes", "each new connection opens"])
def test_a_person_hears_within_3_s_that_it_takes_longer_and_within_10_s_that_it_does_not_work(
    situation: Callable[[Story], None], later: str
) -> None:
    story = Story()
    situation(story)
    since_s = story.now
    heard: list[tuple[float, str]] = []
    while (not heard or heard[-1][1] == "moment") and story.now < since_s + 20.0:
        story.wait(max(0.0, story.dialogue.deadline_s - story.now))
        for command in list(story.commands):
            match command:
                case do.Sound(name, ticket) | do.Notice(name, ticket):
                    heard.append((story.now - since_s, name))
                    story.then(on.Silent(ticket, story.now))
                case do.End(_, failure):
                    assert failure is not None
                    heard.append((story.now - since_s, failure.notice))
                case do.Connect() if later == "each new connection opens":
                    story.then(on.Opened())
    assert heard[0][0] <= 3.0
    assert heard[0][1] in {"moment", "try-again"}
    assert heard[-1][0] <= 10.0
    assert heard[-1][1] in {"offline", "try-again"}


def test_a_cough_that_is_not_answered_is_no_fault() -> None:
    story = Story().greeted()
    story.then(on.SpeechStarted())
    story.now += 0.6
    story.then(on.SpeechStopped())
    story.wait(WAITS.reply_s)
    assert story.commands == [do.Enter(State.LISTENING)]


def test_whoever_holds_the_button_while_it_connects_is_not_talked_over() -> None:
    story = Story(None, PUSH_TO_TALK)
    story.then(on.TalkBegan(story.now))
    assert story.wait(WAITS.moment_s) == []


def test_one_moment_is_said_once_a_wait_and_no_microphone_sound_is_sent_meanwhile() -> None:
    story = asked(Story().greeted())
    story.then(on.ResponseCreated("r2"))
    story.wait(WAITS.moment_s)
    ticket = story.ticket()
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.DISCARD, "the service would hear it as a person"
    story.then(on.Silent(ticket, story.now + 1.0))
    assert story.dialogue.microphone_gate(story.now + 1.0) is MicrophoneGate.STREAM
    assert story.dialogue.state is State.THINKING
    story.then(story.delta("r2"), on.Started("item-r2", story.now))
    assert story.states() == [State.SPEAKING]


# The microphone


def test_a_microphone_that_stalls_for_a_moment_does_not_end_the_conversation() -> None:
    story = Story().greeted()
    gone = DeviceGone("gone", "default")
    assert story.then(on.MicrophoneFailed(gone)) == [do.Enter(State.CONNECTING)], "the light must not say: your turn"
    story.wait(2.0)
    assert story.then(on.MicrophoneFlows()) == [do.Enter(State.LISTENING)]


def test_a_microphone_that_does_not_come_back_ends_it_within_3_s() -> None:
    for story in (Story(), Story().ready(), Story().greeted(), Story().answering()):
        gone = DeviceGone("gone", "default")
        story.then(on.MicrophoneFailed(gone))
        story.wait(WAITS.microphone_s)
        assert story.commands[-1] == do.End(EndReason.FAILED, gone)


def test_sound_of_before_the_failure_that_still_arrives_does_not_say_that_the_microphone_works() -> None:
    story = Story().greeted()
    assert not story.dialogue.awaits_first_sound
    story.then(on.MicrophoneFailed(DeviceGone("gone", "default")))
    assert not story.dialogue.awaits_first_sound


def test_an_answer_is_heard_while_the_microphone_fails() -> None:
    story = Story().greeted()
    story.then(on.MicrophoneFailed(DeviceGone("gone", "default")))
    story.then(on.ResponseCreated("r2"), story.delta("r2"), on.Started("item-r2", story.now))
    assert story.states()[-1] is State.SPEAKING
    story.then(on.ResponseDone("r2", "completed"), on.Silent(2, story.now))
    assert story.states() == [State.CONNECTING]
    assert story.then(on.MicrophoneFlows()) == [do.Enter(State.LISTENING)]


@pytest.mark.parametrize("opening", [HELLO, None], ids=["greeting", "no greeting"])
def test_nothing_says_your_turn_before_the_microphone_gives_sound(opening: Opening | None) -> None:
    story = Story(opening, deaf=True)
    story = story.greeted() if opening else story.ready()
    assert story.dialogue.state is State.CONNECTING
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.HOLD
    assert not story.has_sound("ready")
    story.then(on.MicrophoneFlows())
    assert story.states() == [State.LISTENING]
    assert story.has_sound("ready") is (opening is None)
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.STREAM


def test_a_button_that_is_held_opens_a_microphone_that_has_to_give_sound_anew() -> None:
    story = Story(None, PUSH_TO_TALK)
    story.then(on.TalkBegan(story.now))
    story.ready()
    assert story.states()[-1] is State.LISTENING
    story.now += 2.0
    story.then(on.TalkEnded(story.now))
    story.wait(story.dialogue.deadline_s - story.now)
    story.deaf = True
    story.then(on.TalkBegan(story.now))
    assert story.states() == [State.CONNECTING]


def test_a_microphone_that_says_nothing_at_all_ends_the_conversation_with_a_reason() -> None:
    story = Story(None, deaf=True).ready()
    story.wait(WAITS.first_sound_s)
    assert story.dialogue.ended is not None
    assert "neither sound nor an error" in str(story.dialogue.ended.failure)


def test_an_announcement_needs_no_microphone() -> None:
    story = Story(ANNOUNCEMENT).ready()
    assert story.then(on.MicrophoneFailed(DeviceGone("gone", "default"))) == []
    assert story.dialogue.deadline_s > story.now + WAITS.microphone_s or story.dialogue.ended is None


# The speaker

GONE = DeviceGone("gone", "default")


def requested() -> Story:
    return Story().ready()


def created() -> Story:
    story = Story().ready()
    story.then(on.ResponseCreated("r1"))
    return story


def queued() -> Story:
    story = created()
    story.then(story.delta())
    return story


def thinking() -> Story:
    return asked(Story().greeted())


UNHEARD = [Story, requested, created, queued, lambda: Story(CACHED), lambda: Story(CACHED).ready(), thinking]


@pytest.mark.parametrize("begin", [*UNHEARD, lambda: Story().greeted(), lambda: Story(ANNOUNCEMENT).ready()])
def test_a_speaker_that_does_not_come_back_ends_it_within_3_s(begin: Callable[[], Story]) -> None:
    story = begin()
    story.then(on.SpeakerFailed(GONE))
    assert story.dialogue.ended is None
    assert story.dialogue.state not in {State.GREETING, State.SPEAKING}, "nothing can be heard"
    story.wait(WAITS.speaker_s)
    assert story.dialogue.ended == do.End(EndReason.FAILED, GONE)


def test_it_ends_3_s_after_the_person_began_to_wait_if_the_failure_shows_late() -> None:
    story = Story(CACHED)
    story.now += 2.0  # a card that stands still is found out then
    story.then(on.SpeakerFailed(GONE))
    story.wait(1.0)
    assert story.dialogue.ended == do.End(EndReason.FAILED, GONE)


@pytest.mark.parametrize("audible", [lambda: Story().answering(), lambda: heard(queued())])
def test_a_speaker_that_breaks_off_what_is_being_heard_ends_it_at_once(audible: Callable[[], Story]) -> None:
    assert audible().then(on.SpeakerFailed(GONE)) == [do.End(EndReason.FAILED, GONE)]


def heard(story: Story) -> Story:
    story.then(on.Started("item-r1", story.now))
    return story


def test_a_cached_greeting_of_which_nothing_was_heard_is_played_from_its_beginning_when_the_speaker_is_back() -> None:
    story = Story(CACHED)
    story.then(on.SpeakerFailed(GONE))
    flush = next(command for command in story.commands if isinstance(command, do.Flush))
    story.ready()
    assert story.dialogue.state is State.CONNECTING
    story.then(on.SpeakerRecovered())
    assert not any(isinstance(command, do.Play) for command in story.commands), "the old sound is still in the speaker"
    story.then(on.Flushed(flush.ticket, "", 0, story.now))
    assert [type(command) for command in story.commands] == [do.Play, do.Enter]
    assert story.states() == [State.GREETING]
    story.then(on.Started("local", story.now), on.Silent(flush.ticket + 1, story.now))
    assert story.dialogue.greeting.step is Step.DONE
    assert CACHED.text in story.recalled()


def test_a_greeting_of_the_service_of_which_nothing_was_heard_is_asked_for_again_when_the_speaker_is_back() -> None:
    story = queued()
    story.then(on.SpeakerFailed(GONE))
    assert do.CancelResponse("r1") in story.sent()
    flush = next(command for command in story.commands if isinstance(command, do.Flush))
    story.then(on.Flushed(flush.ticket, "", 0, story.now), on.ResponseDone("r1", "cancelled"))
    assert [type(message) for message in story.sent()] == [do.Truncate], "the model learns that nothing was heard"
    story.then(on.SpeakerRecovered())
    assert [type(message) for message in story.sent()] == [do.RequestGreeting]
    assert story.states() == [State.GREETING]


def test_a_speaker_that_is_back_soon_changes_nothing_for_whoever_talks() -> None:
    story = Story().greeted()
    assert story.then(on.SpeakerFailed(GONE)) == []
    assert story.then(on.SpeakerRecovered()) == []
    assert story.dialogue.state is State.LISTENING
    story.wait(WAITS.speaker_s)
    assert story.dialogue.ended is None


def test_a_network_that_is_gone_is_reported_by_its_own_name() -> None:
    story = Story()
    gone = ServiceUnreachable("no route to the host; check the network.")
    story.then(on.Closed(gone))
    story.then(on.Closed(gone))
    assert story.commands == [do.End(EndReason.FAILED, gone)]


def test_the_first_session_learns_of_a_cached_greeting_and_of_nothing_else() -> None:
    story = Story(CACHED)
    story.then(on.Started("local", story.now), on.Opened(), on.SessionUpdated(), on.Silent(1, story.now))
    assert story.recalled().endswith("You: 0123456789")
