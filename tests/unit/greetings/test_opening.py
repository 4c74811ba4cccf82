"""What is said first, and that it is said once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from device_daemon.config.placeholders import BUILT_IN, MalformedText, placeholders
from device_daemon.config.settings import Greeting
from device_daemon.greetings.ledger import GreetingLedger, Step
from device_daemon.greetings.opening import Opening, compose, fill, values
from device_daemon.language.language import language_for

ENGLISH = language_for()
NOW = datetime(2026, 11, 3, 7, 5, tzinfo=timezone(timedelta(hours=1)))
VALUES = {"daypart": "morning", "who": "{daypart}", "empty": ""}
HELLO = Opening("welcome", "Hello!")


def first(texts: Sequence[str]) -> str:
    return texts[0]


# Placeholders


PIECES = st.sampled_from([
    ("{daypart}", "morning"), ("{who}", "{daypart}"), ("{empty}", ""), ("{{", "{"), ("}}", "}"), ("Good ", "Good "),
])  # fmt: skip


@pytest.mark.parametrize(
    ("template", "unknown", "known"),
    [
        ("Good evening, {name}!", "Good evening!", "Good evening, Anna!"),
        ("Hello {name}. Tea?", "Hello. Tea?", "Hello Anna. Tea?"),
        ("{name}, dinner!", "dinner!", "Anna, dinner!"),
        ("Say {{name}}, {name}", "Say {name}", "Say {name}, Anna"),
    ],
)
def test_a_name_that_nobody_told_leaves_no_gap(template: str, unknown: str, known: str) -> None:
    assert fill(template, {"name": ""}) == unknown
    assert fill(template, {"name": "Anna"}) == known


@given(st.lists(PIECES))
def test_names_in_braces_are_filled_once_and_double_braces_become_single_ones(pieces: list[tuple[str, str]]) -> None:
    template = "".join(piece for piece, _ in pieces)
    names = [piece[1:-1] for piece, _ in pieces if piece.strip("{}") in VALUES]
    assert placeholders(template) == names
    assert fill(template, VALUES) == "".join(filled for _, filled in pieces)


@given(st.text(alphabet="{}ab !:.[]0"))
def test_whatever_the_config_accepts_can_be_filled(template: str) -> None:
    try:
        names = placeholders(template)
    except MalformedText:
        return
    fill(template, dict.fromkeys(names, ""))


def test_every_placeholder_that_the_config_knows_has_a_value() -> None:
    assert set(values(NOW, "kitchen", None, {}, ENGLISH)) == BUILT_IN
    assert values(NOW, "kitchen", None, {"family": "the Browns"}, ENGLISH)["family"] == "the Browns"


def test_the_moment_is_told_as_people_tell_it() -> None:
    told = values(NOW, "kitchen", NOW - timedelta(hours=3), {}, ENGLISH)
    assert told == {
        "daypart": "morning",
        "salutation": "Good morning",
        "time": "07:05",
        "date": "3 November",
        "weekday": "Tuesday",
        "hostname": "kitchen",
        "since_last": "3 hours",
        "welcome": "Hello! How can I help?",
    }


# Choice


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), st.randoms(), st.integers(2, 20))
def test_a_text_is_never_said_twice_in_a_row_unless_there_is_no_other(
    texts: list[str], chance: random.Random, times: int
) -> None:
    greeting = Greeting(say_one_of=texts)
    last = None
    for _ in range(times):
        opening, template = compose("varied", greeting, VALUES, last, chance.choice)
        assert opening.text in texts
        assert template != last or len(set(texts)) == 1
        last = template


def test_the_text_of_the_last_time_is_known_by_its_template_and_not_by_its_words() -> None:
    greeting = Greeting(say_one_of=["Good {daypart}!", "Hello!"])
    opening, template = compose("varied", greeting, VALUES, None, first)
    assert (opening.text, template) == ("Good morning!", "Good {daypart}!")
    again, _ = compose("varied", greeting, VALUES | {"daypart": "evening"}, template, first)
    assert again.text == "Hello!"


def test_a_text_that_left_the_config_since_is_no_hindrance() -> None:
    opening, _ = compose("varied", Greeting(say_one_of=["Hi."]), VALUES, "Gone.", first)
    assert opening.text == "Hi."


def test_an_opening_carries_all_that_the_config_says_about_it() -> None:
    greeting = Greeting(ask_model="Greet in the {daypart}.", interruptible=False, voice="alloy")
    opening, _ = compose("tailored", greeting, VALUES, None, first)
    assert opening == Opening("tailored", "Greet in the morning.", ask_model=True, interruptible=False, voice="alloy")
    opening, _ = compose("welcome", Greeting(say="Hello!"), VALUES, None, first)
    assert opening == HELLO


# The ledger


def test_without_an_opening_nothing_is_pending() -> None:
    ledger = GreetingLedger.opened(None)
    assert not ledger.pending
    ledger.lost()
    ledger.skipped()
    assert ledger.step is Step.NONE


def test_a_greeting_goes_from_wanted_to_done() -> None:
    ledger = GreetingLedger.opened(HELLO)
    ledger.requested()
    ledger.created("r1")
    assert ledger.pending
    assert ledger.response_id == "r1"
    ledger.audible()
    assert not ledger.pending
    ledger.done()
    assert ledger.step is Step.DONE


def test_asking_twice_at_once_is_a_bug_and_told_as_one() -> None:
    ledger = GreetingLedger.opened(HELLO)
    ledger.requested()
    with pytest.raises(ValueError, match="requested"):
        ledger.requested()


class LedgerOfOneConversation(RuleBasedStateMachine):
    """Whatever happens in whatever order: it is asked for once at a time, and never again after it was heard."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = GreetingLedger.opened(HELLO)
        self.underway = False
        self.heard = False

    @rule()
    def request(self) -> None:
        if self.ledger.step is Step.WANTED:
            assert not self.underway
            assert not self.heard
            self.ledger.requested()
            self.underway = True

    @rule(response_id=st.sampled_from(["r1", "r2"]))
    def created(self, response_id: str) -> None:
        self.ledger.created(response_id)

    @rule()
    def audible(self) -> None:
        before = self.ledger.step
        self.ledger.audible()
        self.heard |= before is Step.CREATED

    @rule()
    def done(self) -> None:
        self.ledger.done()

    @rule()
    def lost(self) -> None:
        self.ledger.lost()
        self.underway = False

    @rule()
    def skipped(self) -> None:
        self.ledger.skipped()

    @invariant()
    def once_heard_it_stays_heard(self) -> None:
        if self.heard:
            assert self.ledger.step in {Step.AUDIBLE, Step.DONE}

    @invariant()
    def a_response_is_known_only_while_there_is_one(self) -> None:
        if self.ledger.step in {Step.WANTED, Step.REQUESTED}:
            assert self.ledger.response_id is None
        if self.ledger.step in {Step.CREATED, Step.AUDIBLE, Step.DONE}:
            assert self.ledger.response_id is not None


TestLedger = LedgerOfOneConversation.TestCase


def test_a_greeting_that_is_under_way_is_not_played_from_the_cache_as_well() -> None:
    ledger = GreetingLedger.opened(Opening("welcome", "Hello!"))
    ledger.requested()
    with pytest.raises(ValueError, match="played from the cache"):
        ledger.played_from_cache()
