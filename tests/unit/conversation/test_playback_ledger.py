"""What was handed to the speaker and what of it was heard, beside a speaker that answers late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from device_daemon.conversation.commands import Flush, Play, Sound, Truncate
from device_daemon.conversation.events import Flushed, Silent, Started
from device_daemon.conversation.playback_ledger import PlaybackLedger, Resumed

NOW = 1000.0
SECOND = bytes(48_000)


def playing(*items: str) -> PlaybackLedger:
    """A ledger with a second of each item, the first of which is audible."""
    ledger = PlaybackLedger()
    for item in items:
        ledger.play("r1", item, 0, SECOND, NOW)
    ledger.started(Started(items[0], NOW))
    return ledger


def test_only_the_answer_to_the_newest_order_says_that_the_room_is_quiet() -> None:
    ledger = PlaybackLedger()
    first = ledger.play("r1", "i1", 0, SECOND, NOW)
    second = ledger.play("r1", "i1", 0, SECOND, NOW)
    assert not ledger.silent(Silent(first.ticket, NOW + 1))
    assert ledger.sounding
    assert ledger.silent(Silent(second.ticket, NOW + 2))
    assert not ledger.sounding
    assert ledger.quiet_since_s == NOW + 2


def test_after_a_flush_the_speaker_counts_as_sounding_until_it_answers() -> None:
    ledger = playing("i1")
    flush = ledger.flush()
    assert ledger.sounding
    ledger.flushed(Flushed(flush.ticket, "i1", 500, NOW + 0.5))
    assert not ledger.sounding
    assert ledger.quiet_since_s == NOW + 0.5


def test_the_end_is_expected_when_all_that_is_queued_was_heard() -> None:
    ledger = playing("i1", "i2")
    assert ledger.expected_end_s == NOW + 2.0
    ledger.silent(Silent(2, NOW + 2.0))
    ledger.play("r1", "i3", 0, SECOND, NOW + 10.0)
    assert ledger.expected_end_s == NOW + 11.0, "it does not count from the time of silence"


def test_the_end_is_not_expected_in_the_past_where_the_card_is_late() -> None:
    ledger = playing("i1")
    ledger.play("r1", "i1", 0, SECOND, NOW + 5.0)
    assert ledger.expected_end_s == NOW + 6.0


def test_the_audible_item_is_truncated_to_what_was_heard_of_it() -> None:
    ledger = playing("i1")
    flush = ledger.flush()
    assert ledger.flushed(Flushed(flush.ticket, "i1", 400, NOW)) == [(Truncate("i1", 0, 400), "r1", 0.4, "i1", 400)]


def test_an_item_that_was_heard_to_its_end_is_left_whole() -> None:
    ledger = playing("i1")
    flush = ledger.flush()
    assert ledger.flushed(Flushed(flush.ticket, "i1", 1000, NOW)) == []
    ledger = playing("i1")
    assert ledger.flushed(Flushed(ledger.flush().ticket, "i1", 1003, NOW)) == [], "the card's clock may run ahead"


def test_items_before_the_audible_one_are_left_whole_and_items_behind_it_count_as_unheard() -> None:
    ledger = playing("i1", "i2", "i3")
    ledger.started(Started("i2", NOW + 1))
    flush = ledger.flush()
    assert ledger.flushed(Flushed(flush.ticket, "i2", 250, NOW)) == [
        (Truncate("i2", 0, 250), "r1", 0.25, "i2", 250),
        (Truncate("i3", 0, 0), "r1", 0.0, "i3", 0),
    ]


def test_a_sound_of_our_own_is_audible_and_nothing_of_the_service_was_heard() -> None:
    ledger = PlaybackLedger()
    sound = ledger.sound("ready", NOW)
    assert sound == Sound("ready", 1)
    ledger.play("r1", "i1", 0, SECOND, NOW)
    assert ledger.started(Started("sound:ready", NOW)) is None
    flush = ledger.flush()
    assert ledger.flushed(Flushed(flush.ticket, "sound:ready", 20, NOW)) == [(Truncate("i1", 0, 0), "r1", 0.0, "i1", 0)]


def test_an_item_that_begins_after_its_flush_was_ordered_still_tells_which_response_was_audible() -> None:
    ledger = PlaybackLedger()
    ledger.play("r1", "i1", 0, SECOND, NOW)
    ledger.flush()
    assert ledger.started(Started("i1", NOW)) == "r1"


def test_items_of_a_session_that_is_gone_are_not_truncated_but_are_still_waited_for() -> None:
    ledger = playing("i1")
    ledger.session_lost()
    assert ledger.sounding
    flush = ledger.flush()
    assert ledger.flushed(Flushed(flush.ticket, "i1", 400, NOW)) == [(None, "r1", 0.4, "i1", 400)]
    assert not ledger.sounding


def test_an_item_that_goes_on_after_a_pause_of_the_network_is_one_item() -> None:
    ledger = playing("i0", "i1")
    ledger.started(Started("i1", NOW + 1))
    ledger.silent(Silent(2, NOW + 2))
    ledger.play("r1", "i1", 0, SECOND, NOW + 3)
    flush = ledger.flush()
    assert ledger.flushed(Flushed(flush.ticket, "i1", 1500, NOW + 3.5)) == [
        (Truncate("i1", 0, 1500), "r1", 0.75, "i1", 1500)
    ]


def test_the_content_index_of_an_item_is_kept_for_its_truncation() -> None:
    ledger = PlaybackLedger()
    ledger.play("r1", "i1", 3, SECOND, NOW)
    flush = ledger.flush()
    assert ledger.flushed(Flushed(flush.ticket, "", 0, NOW)) == [(Truncate("i1", 3, 0), "r1", 0.0, "i1", 0)]


def test_speech_of_a_session_that_is_gone_is_local_until_the_next_session_is_heard() -> None:
    ledger = playing("i1")
    assert not ledger.local
    ledger.session_lost()
    assert ledger.local
    ledger.play("r2", "i2", 0, SECOND, NOW)
    assert ledger.local
    ledger.started(Started("i2", NOW + 1))
    assert not ledger.local


def test_the_late_rest_of_an_answer_that_went_on_after_a_cough_is_as_local_as_what_went_on() -> None:
    ledger = PlaybackLedger()
    (play,) = ledger.resume("r1", [Resumed("item", 0, bytes(4800), 48_000)], now=1.0)
    ledger.started(Started("item", 1.0))
    ledger.silent(Silent(play.ticket, 1.1))
    assert not ledger.local
    ledger.play("r1", "item", 0, bytes(48), now=2.0)
    assert ledger.local


def test_a_notice_is_local_and_no_speech_of_the_conversation() -> None:
    ledger = PlaybackLedger()
    notice = ledger.notice("moment", NOW)
    assert (ledger.sounding, ledger.local, ledger.speaking) == (True, True, False)
    ledger.silent(Silent(notice.ticket, NOW + 1))
    assert (ledger.sounding, ledger.local, ledger.speaking) == (False, False, False)


@dataclass
class Queued:
    """What the speaker has of one source."""

    source: str
    ms: int
    heard_ms: int = 0
    started: bool = False


class LateSpeaker(RuleBasedStateMachine):
    """A speaker that plays in order and whose answers arrive late, but in order; truncations must tell the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = PlaybackLedger()
        self.queue: deque[Queued] = deque()
        self.received_ms: dict[str, int] = {}
        self.heard_ms: dict[str, int] = {}
        self.answers: deque[Started | Silent | Flushed] = deque()
        self.cut: dict[int, set[str]] = {}
        self.since_flush: set[str] = set()
        self.ticket = 0
        self.items = 0

    def ordered(self, command: Play | Sound | Flush) -> None:
        assert command.ticket == self.ticket + 1
        self.ticket = command.ticket

    @rule(ms=st.integers(1, 400), new=st.booleans())
    def play(self, ms: int, new: bool) -> None:
        if new or not self.since_flush:
            self.items += 1
        item = f"i{self.items}"
        self.since_flush.add(item)
        self.ordered(self.ledger.play("r1", item, 0, bytes(48 * ms), NOW))
        self.received_ms[item] = self.received_ms.get(item, 0) + ms
        if self.queue and self.queue[-1].source == item:
            self.queue[-1].ms += ms
        else:
            self.queue.append(Queued(item, ms, started=self.heard_ms.get(item, 0) > 0))

    @precondition(lambda self: self.queue)
    @rule()
    def all_is_heard_and_told(self) -> None:
        self.come_out(10**6)
        while self.answers:
            self.answer_arrives()

    @precondition(lambda self: self.queue)
    @rule(ms=st.integers(1, 600))
    def sound_comes_out(self, ms: int) -> None:
        self.come_out(ms)

    def come_out(self, ms: int) -> None:
        while self.queue and ms:
            entry = self.queue[0]
            if not entry.started:
                self.answers.append(Started(entry.source, NOW))
                entry.started = True
            heard = min(ms, entry.ms - entry.heard_ms)
            entry.heard_ms += heard
            self.heard_ms[entry.source] = self.heard_ms.get(entry.source, 0) + heard
            ms -= heard
            if entry.heard_ms < entry.ms:
                return
            self.queue.popleft()
        if not self.queue:
            self.answers.append(Silent(self.ticket, NOW))

    @rule()
    def flush(self) -> None:
        flush = self.ledger.flush()
        self.ordered(flush)
        audible = self.queue[0].source if self.queue and self.queue[0].started else ""
        self.cut[flush.ticket], self.since_flush = self.since_flush, set()
        self.queue.clear()
        self.answers.append(Flushed(flush.ticket, audible, self.heard_ms.get(audible, 0), NOW))

    @precondition(lambda self: self.answers)
    @rule()
    def answer_arrives(self) -> None:
        match answer := self.answers.popleft():
            case Started():
                assert self.ledger.started(answer) in {"r1", None}
            case Silent(ticket):
                assert self.ledger.silent(answer) is (ticket == self.ticket)
            case Flushed(ticket):
                cuts = [cut.truncate for cut in self.ledger.flushed(answer)]
                told = {truncate.item_id: truncate.audio_end_ms for truncate in cuts if truncate}
                for item in self.cut.pop(ticket):
                    heard_ms = self.heard_ms.get(item, 0)
                    assert told.pop(item, self.received_ms[item]) == heard_ms
                assert not told, "what was not flushed must not be truncated"

    @invariant()
    def quiet_only_when_nothing_is_queued(self) -> None:
        if self.queue:
            assert self.ledger.sounding


LateSpeaker.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLateSpeaker = LateSpeaker.TestCase


def test_a_notice_that_waits_behind_an_answer_is_still_local_when_the_answer_begins() -> None:
    ledger = PlaybackLedger()
    ledger.play("r1", "i1", 0, b"\0" * 480, 1.0)
    ledger.notice("moment", 1.1)
    ledger.started(Started("i1", 1.2))
    assert ledger.local, "the service would take the notice's echo for a person"
    ledger.started(Started("notice:moment", 1.3))
    ledger.play("r1", "i2", 0, b"\0" * 480, 1.4)
    ledger.started(Started("i2", 1.5))
    assert not ledger.local, "from here on only what the service made is heard"
