"""What a conversation does, as short stories."""

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.policy import ConversationPolicy, Deadlines, EndReason, MicrophoneGate
from device_daemon.errors import AuthRefused, ConnectionLost, ServiceBusy, SessionRejected
from device_daemon.greetings.ledger import Step
from device_daemon.greetings.opening import Opening
from device_daemon.state import State
from tests.unit.conversation.story import HELLO, SECOND, Story


def test_the_first_message_is_session_update_and_the_greeting_follows_when_the_session_is_ready() -> None:
    story = Story()
    assert story.commands == [do.Enter(State.CONNECTING), do.Connect(0.0), do.OpenMicrophone()]
    story.then(on.Opened())
    assert story.sent() == [do.UpdateSession()]
    assert story.then(on.SessionCreated("s")) == []
    story.then(on.SessionUpdated())
    assert story.sent() == [do.RequestGreeting(HELLO, "greeting-1")]
    assert story.states() == [State.GREETING]


def test_a_second_session_updated_does_not_greet_again() -> None:
    story = Story().ready()
    assert story.then(on.SessionUpdated()) == []
    story.greeted()
    assert story.then(on.SessionUpdated()) == []


def test_after_the_greeting_was_heard_the_speaker_listens() -> None:
    story = Story().greeted()
    assert story.states() == [State.LISTENING]
    assert story.dialogue.greeting.step is Step.DONE


def test_without_a_greeting_a_short_sound_says_that_it_listens() -> None:
    story = Story(opening=None).ready()
    assert story.commands[-2:] == [do.Sound("ready", 1), do.Enter(State.LISTENING)]


def test_a_session_that_greets_by_itself_is_not_greeted_over() -> None:
    story = Story()
    story.then(on.Opened(), on.SessionUpdated(greets_itself=True))
    assert story.sent() == [do.UpdateSession()]
    assert story.dialogue.greeting.step is Step.SKIPPED
    story.then(on.ResponseCreated("r1"), story.delta())
    assert story.states() == [State.THINKING]
    story.then(on.Started("item-r1", story.now))
    assert story.states() == [State.SPEAKING], "the light says so when it is heard, not before"


def test_nothing_is_heard_by_the_service_before_the_greeting_is_heard_by_the_person() -> None:
    story = Story()
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.HOLD
    story.ready()
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.HOLD
    story.then(on.ResponseCreated("r1"), story.delta())
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.HOLD
    story.then(on.Started("item-r1", story.now))
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.STREAM


def test_a_greeting_that_may_not_be_interrupted_is_not_listened_over() -> None:
    story = Story(Opening("firm", "Listen.", interruptible=False)).ready()
    story.then(on.ResponseCreated("r1"), story.delta(), on.Started("item-r1", story.now))
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.DISCARD
    assert story.then(on.SpeechStarted()) == []
    story.then(on.ResponseDone("r1", "completed"), on.Silent(1, story.now))
    assert story.dialogue.microphone_gate(story.now - 0.001) is MicrophoneGate.DISCARD, (
        "captured before, delivered late"
    )
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.STREAM


def test_half_duplex_listens_only_when_the_room_is_quiet_again() -> None:
    story = Story(policy=ConversationPolicy(half_duplex=True)).greeted()
    assert story.dialogue.microphone_gate(story.now + 0.1) is MicrophoneGate.DISCARD
    assert story.dialogue.microphone_gate(story.now + 0.3) is MicrophoneGate.STREAM


def test_speech_flushes_at_once_truncates_to_what_was_heard_and_ignores_late_deltas() -> None:
    story = Story().answering()
    flushed = story.then(on.SpeechStarted())
    assert isinstance(flushed[0], do.Flush)
    assert story.states() == [State.LISTENING]
    assert story.sent() == [], "the service interrupts its own response: no response.cancel"
    story.then(on.Flushed(flushed[0].ticket, "item-r2", 400, story.now))
    assert story.sent() == [do.Truncate("item-r2", 0, 400)]
    assert story.then(story.delta("r2"), on.ResponseDone("r2", "cancelled")) == []
    assert story.dialogue.stale_deltas == 1


def test_what_was_heard_to_its_end_is_not_truncated() -> None:
    story = Story().answering()
    story.then(on.SpeechStarted())
    assert story.then(on.Flushed(story.ticket(), "item-r2", 1000, story.now)) == []


def test_an_item_that_was_queued_behind_the_audible_one_counts_as_unheard() -> None:
    story = Story().answering()
    story.then(on.AudioDelta("r2", "item-second", 0, SECOND), on.SpeechStarted())
    story.then(on.Flushed(story.ticket(), "item-r2", 400, story.now))
    assert story.sent() == [do.Truncate("item-r2", 0, 400), do.Truncate("item-second", 0, 0)]


def test_a_late_answer_to_a_flush_does_not_touch_the_next_response() -> None:
    story = Story().answering()
    story.then(on.SpeechStarted())
    flush = story.ticket()
    story.then(on.SpeechStopped(), on.ResponseCreated("r3"), story.delta("r3"))
    story.then(on.Flushed(flush, "item-r2", 400, story.now))
    assert story.sent() == [do.Truncate("item-r2", 0, 400)]
    assert story.dialogue.state is State.THINKING
    story.then(on.Started("item-r3", story.now))
    assert story.states() == [State.SPEAKING]


def test_a_press_interrupts_the_answer_and_cancels_it() -> None:
    story = Story().answering()
    flushed = story.then(on.Pressed())
    assert isinstance(flushed[0], do.Flush)
    assert story.sent() == [do.CancelResponse("r2")]
    assert story.states() == [State.LISTENING]


def test_a_press_interrupts_even_a_greeting_that_people_may_not_talk_over() -> None:
    story = Story(Opening("firm", "Listen.", interruptible=False)).ready()
    story.then(on.ResponseCreated("r1"), story.delta(), on.Started("item-r1", story.now), on.Pressed())
    assert story.states()[-1] is State.LISTENING


def test_a_press_while_it_thinks_dismisses_the_answer_that_is_not_begun_yet() -> None:
    story = Story().greeted()
    story.then(on.SpeechStarted(), on.SpeechStopped(), on.Pressed())
    assert story.states()[-1] is State.LISTENING
    story.then(on.ResponseCreated("r2"))
    assert story.sent() == [do.CancelResponse("r2")]
    assert story.then(story.delta("r2")) == []


def test_a_press_while_listening_or_connecting_ends_the_conversation() -> None:
    assert Story().then(on.Pressed()) == [do.End(EndReason.PRESSED)]
    assert Story().greeted().then(on.Pressed()) == [do.End(EndReason.PRESSED)]


def test_the_idle_time_counts_from_when_the_speaker_fell_silent() -> None:
    story = Story()
    story.ready()
    story.then(on.ResponseCreated("r1"), story.delta(pcm=bytes(48_000 * 20)), on.Started("item-r1", story.now))
    story.then(on.ResponseDone("r1", "completed"))
    assert story.wait(20.0) == []
    story.then(on.Silent(1, story.now))
    assert story.wait(29.9) == []
    assert story.wait(0.2) == [do.End(EndReason.IDLE)]


def test_a_timer_is_heard_in_the_pauses_and_does_not_keep_the_conversation_open() -> None:
    story = Story().greeted()
    for _ in range(2):
        story.wait(10.0)
        story.then(on.ChimeRequested())
        assert story.has_sound("timer")
        ticket = story.ticket()
        assert story.then(on.ChimeRequested()) == [], "it sounds already"
        story.then(on.Silent(ticket, story.now))
    assert story.wait(9.9) == []
    assert story.wait(0.2) == [do.End(EndReason.IDLE)]


def test_a_timer_is_not_heard_while_somebody_speaks() -> None:
    assert Story().answering().then(on.ChimeRequested()) == []
    story = Story().greeted()
    story.then(on.SpeechStarted())
    assert story.then(on.ChimeRequested()) == []
    story.then(on.SpeechStopped())
    assert story.then(on.ChimeRequested()) == [], "it thinks"


def test_the_model_is_told_once_what_it_is_to_mention_when_the_session_is_ready() -> None:
    story = Story(news="The pasta timer rang.")
    assert story.sent() == []
    assert story.dialogue.news
    story.ready()
    assert story.sent()[1:] == [do.Recall("system", "The pasta timer rang."), do.RequestGreeting(HELLO, "greeting-1")]
    assert not story.dialogue.news
    story.greeted()
    assert "pasta" not in story.recalled()


def test_a_long_conversation_ends_at_its_limit_and_falls_silent() -> None:
    story = Story(policy=ConversationPolicy(max_duration_s=60)).ready()
    story.then(on.ResponseCreated("r1"), story.delta(pcm=bytes(48_000 * 100)), on.Started("item-r1", story.now))
    assert story.wait(60.0) == [do.Flush(2), do.End(EndReason.LIMIT)]


def test_a_cough_that_the_service_does_not_answer_leads_back_to_listening() -> None:
    story = Story().greeted()
    story.then(on.SpeechStarted(), on.SpeechStopped())
    assert story.states() == [State.THINKING]
    story.wait(Deadlines().reply_s)
    assert story.states() == [State.LISTENING]


def test_a_pause_of_the_network_in_an_answer_is_waited_for_but_not_for_ever() -> None:
    story = Story().answering()
    assert story.then(on.Silent(2, story.now)) == [do.Enter(State.THINKING)], "nothing is heard"
    story.then(story.delta("r2"))
    assert story.states() == [State.SPEAKING], "the speaker reports the start of an item once"
    story.then(on.Silent(3, story.now))
    story.wait(Deadlines().stall_s)
    story.wait(0.0)
    assert story.states() == [State.LISTENING]
    assert story.has_sound("try-again")


def test_a_refused_session_ends_with_what_the_service_said() -> None:
    story = Story()
    story.then(on.Opened(), on.ServiceError("invalid_voice_type", "No such voice.", do.SESSION_UPDATE_ID))
    assert isinstance(story.commands[-1], do.End)
    assert isinstance(story.commands[-1].failure, SessionRejected)
    assert "No such voice (invalid_voice_type)" in str(story.commands[-1].failure)


def test_a_request_that_was_lost_before_its_response_began_is_sent_again_on_the_next_connection() -> None:
    story = Story().ready()
    story.then(on.Closed(ConnectionLost("lost")))
    assert story.commands == [do.Enter(State.CONNECTING), do.Connect(0.25)]
    story.then(on.Opened(), on.SessionUpdated())
    assert do.RequestGreeting(HELLO, "greeting-2") in story.sent()


def test_a_greeting_that_was_heard_is_not_said_again_after_a_reconnect_but_the_model_is_told_of_it() -> None:
    story = Story().greeted()
    story.then(on.Transcript("assistant", "Hello!", "r1"), on.Closed(ConnectionLost("lost")))
    story.then(on.Opened(), on.SessionUpdated())
    assert "You: Hello!" in story.recalled()
    assert len(story.sent()) == 2, "and no greeting is asked for"
    assert story.states() == [State.LISTENING]


def test_after_a_reconnect_the_model_is_told_only_what_was_heard() -> None:
    story = Story().answering()
    story.then(on.Transcript("assistant", "0123456789", "r2"), on.SpeechStarted())
    story.then(on.Flushed(story.ticket(), "item-r2", 500, story.now))
    story.then(on.Closed(ConnectionLost("lost")), on.Opened(), on.SessionUpdated())
    assert "You: 01234 ..." in story.recalled()
    assert "012345" not in story.recalled()


def test_a_greeting_refused_because_another_response_is_active_waits_for_its_end() -> None:
    story = Story().ready()
    story.then(on.ResponseCreated("odd"))
    story.then(on.ServiceError("conversation_already_has_active_response", "Wait.", "greeting-1"))
    assert story.sent() == []
    story.then(on.ResponseDone("odd", "completed"))
    assert story.sent() == [do.RequestGreeting(HELLO, "greeting-2")]


def test_a_greeting_the_service_fails_to_make_is_asked_for_three_times_and_then_left() -> None:
    story = Story().ready()
    for attempt in range(3):
        story.then(on.ResponseCreated(f"r{attempt}"), on.ResponseDone(f"r{attempt}", "failed"))
    assert story.sent() == []
    assert story.states() == [State.LISTENING]
    assert story.dialogue.greeting.step is Step.SKIPPED


def test_a_lost_connection_is_tried_four_times_in_a_row_and_the_count_starts_anew_with_an_answer() -> None:
    story = Story().greeted()
    for delay_s in (0.25, 1.0, 2.0, 2.0):
        assert do.Connect(delay_s) in story.then(on.Closed(ConnectionLost("lost")))
        story.then(on.Opened(), on.SessionUpdated())
    story.then(on.ResponseCreated("r9"), story.delta("r9"), on.Started("item-r9", story.now))
    ticket = story.ticket()
    story.then(on.ResponseDone("r9", "completed"), on.Silent(ticket, story.now))
    assert do.Connect(0.25) in story.then(on.Closed(ConnectionLost("lost")))


def test_failures_that_do_not_pass_by_themselves_end_the_conversation_at_once() -> None:
    refused = AuthRefused("no")
    assert Story().then(on.Closed(refused)) == [do.End(EndReason.FAILED, refused)]
    busy = ServiceBusy("full", retry_after_s=30)
    assert Story().then(on.Closed(busy)) == [do.End(EndReason.FAILED, busy)]


def test_an_announcement_is_said_and_nobody_is_listened_to() -> None:
    story = Story(Opening("announcement", "Dinner!", interruptible=False, announcement=True)).ready()
    assert story.dialogue.microphone_gate(story.now) is MicrophoneGate.DISCARD
    story.then(
        on.ResponseCreated("r1"), story.delta(), on.Started("item-r1", story.now), on.ResponseDone("r1", "completed")
    )
    assert story.then(on.Silent(1, story.now)) == [do.End(EndReason.SAID)]


def test_after_the_end_nothing_happens_any_more() -> None:
    story = Story().greeted()
    story.then(on.Pressed())
    assert story.then(on.SpeechStarted(), on.Pressed(), story.delta()) == []
    assert story.wait(1000) == []


def test_an_answer_that_an_end_cuts_off_counts_as_heard_only_so_far() -> None:
    story = Story().answering()
    story.then(on.Transcript("assistant", "one two three four", "r2"))
    story.now += 0.5
    story.then(on.StopRequested(EndReason.STOPPED))
    assert "You: one two t ... (the user heard no more of this)" in story.dialogue.heard_until(story.now).summary()


def test_what_was_said_is_forgotten_and_no_later_session_is_told() -> None:
    story = Story().greeted()
    assert "You: Hello!" in story.dialogue.heard_until(story.now).summary()
    story.dialogue.forget()
    story.reconnected()
    assert story.recalled() == ""


def test_the_stop_word_silences_an_answer_and_the_conversation_listens() -> None:
    story = Story().answering()
    story.then(on.StopWordHeard())
    assert any(isinstance(command, do.Flush) for command in story.commands)
    assert do.CancelResponse("r2") in story.sent()
    assert story.states() == [State.LISTENING]
    assert story.dialogue.ended is None


def test_while_nothing_is_said_the_stop_word_changes_nothing() -> None:
    story = Story().greeted()
    assert story.then(on.StopWordHeard()) == []
    assert story.dialogue.state is State.LISTENING


def test_a_stop_word_that_the_service_took_for_an_interruption_is_neither_answered_nor_taken_for_a_cough() -> None:
    story = Story().answering()
    flush = next(command for command in story.then(on.SpeechStarted()) if isinstance(command, do.Flush))
    story.then(on.Flushed(flush.ticket, "item-r2", 400, story.now), on.StopWordHeard())
    story.wait(0.4)
    story.then(on.SpeechStopped())
    assert story.then(on.ResponseCreated("r3")) == [
        do.Send(do.CancelResponse("r3")),
        do.Enter(State.LISTENING),
    ]
    story.wait(2.0)
    assert story.dialogue.resumed_answers == 0, "nobody wants to hear the rest of it"
    story.then(on.SpeechStarted(), on.SpeechStopped(), on.ResponseCreated("r4"))
    assert story.dialogue.responses.accepted == "r4", "the next question is answered"


def test_the_stop_word_ends_an_announcement() -> None:
    story = Story(Opening("say", "Dinner!", announcement=True)).ready()
    story.then(on.ResponseCreated("r1"), story.delta(), on.Started("item-r1", story.now))
    story.then(on.StopWordHeard())
    assert story.dialogue.ended is not None


def test_the_follow_up_window_takes_no_wake_word_for_an_interruption() -> None:
    story = Story().greeted()
    assert story.dialogue.state is State.LISTENING
    assert story.then(on.WakeWordHeard()) == []
