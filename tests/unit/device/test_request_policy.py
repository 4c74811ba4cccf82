"""What becomes of each request: the promises of the table, for every request in every situation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device_daemon.device.request_policy import AT_ONCE_S, TABLE, Kind, Outcome, Situation, decide, situation
from device_daemon.state import IN_CONVERSATION, State

KINDS = st.sampled_from(Kind)
SITUATIONS = st.sampled_from(Situation)
NOT_AT_ONCE = st.none() | st.floats(AT_ONCE_S, 1e6)
AT_ONCE = st.floats(0, AT_ONCE_S, exclude_max=True)

NOT_ASKED = frozenset({Kind.WORD, Kind.MOTION, Kind.SCHEDULE})
"""Those who may be wrong about somebody being there who wants something."""
BEGINS = frozenset({Outcome.OPEN, Outcome.TRY})
CHANGES = frozenset({Outcome.INTERRUPT, Outcome.HEAR, Outcome.END})
TALKING = frozenset({Situation.CONNECTING, Situation.LISTENING, Situation.SPEAKING})


@given(KINDS, SITUATIONS, NOT_AT_ONCE)
def test_each_request_has_an_outcome_in_each_situation(kind: Kind, now: Situation, since_other_s: float | None) -> None:
    assert decide(kind, now, since_other_s=since_other_s) is TABLE[kind][now]


@given(KINDS, SITUATIONS)
def test_while_something_rings_a_press_stops_that_and_nobody_who_walks_past_is_greeted(
    kind: Kind, now: Situation
) -> None:
    outcome = decide(kind, now, ringing=True)
    match kind:
        case Kind.PRESS | Kind.TALK:
            assert outcome is Outcome.SILENCE
        case Kind.MOTION:
            assert outcome is Outcome.IGNORE
        case _:
            assert outcome is TABLE[kind][now]


@given(st.sampled_from(State), st.booleans())
def test_each_state_is_a_situation_and_an_announcement_is_one_whatever_it_shows(state: State, announcing: bool) -> None:
    now = situation(state, announcing=announcing)
    assert (now is Situation.ANNOUNCING) is announcing
    if not announcing:
        assert (now in TALKING) is (state in IN_CONVERSATION)


@given(st.sampled_from(sorted(NOT_ASKED)), SITUATIONS, NOT_AT_ONCE | AT_ONCE)
def test_to_a_word_a_motion_or_a_schedule_no_notice_is_spoken(
    kind: Kind, now: Situation, since_s: float | None
) -> None:
    assert decide(kind, now, since_other_s=since_s) not in {Outcome.TRY, Outcome.REFUSE}


@given(st.sampled_from([Situation.CONNECTING, Situation.LISTENING]), NOT_AT_ONCE | AT_ONCE)
def test_whoever_says_the_word_again_while_the_speaker_listens_anyway_just_goes_on_talking(
    now: Situation, since_s: float | None
) -> None:
    assert decide(Kind.WORD, now, since_other_s=since_s) is Outcome.IGNORE


@given(KINDS)
def test_out_of_order_only_who_asked_for_it_begins_something_and_hears_why_not(kind: Kind) -> None:
    expected = Outcome.IGNORE if kind in NOT_ASKED else Outcome.TRY
    assert decide(kind, Situation.OUT_OF_ORDER) is expected


@given(KINDS)
def test_muted_nothing_begins_but_what_listens_to_nobody(kind: Kind) -> None:
    assert (decide(kind, Situation.MUTED) in BEGINS) is (kind is Kind.SAY)


@given(KINDS, st.sampled_from(sorted(TALKING)), NOT_AT_ONCE)
def test_only_a_press_ends_a_conversation_that_talks_to_somebody(
    kind: Kind, now: Situation, since_s: float | None
) -> None:
    assert decide(kind, now, since_other_s=since_s) is not Outcome.END or kind is Kind.PRESS


@given(KINDS, SITUATIONS, NOT_AT_ONCE)
def test_neither_programs_nor_the_clock_nor_a_sensor_change_what_goes_on(
    kind: Kind, now: Situation, since_s: float | None
) -> None:
    persons = {Kind.PRESS, Kind.TALK, Kind.WORD}
    assert decide(kind, now, since_other_s=since_s) not in CHANGES or kind in persons


@given(KINDS, st.sampled_from(sorted(TALKING | {Situation.ANNOUNCING})), NOT_AT_ONCE)
def test_no_conversation_is_opened_into_another_one(kind: Kind, now: Situation, since_s: float | None) -> None:
    assert decide(kind, now, since_other_s=since_s) not in BEGINS


@given(KINDS, SITUATIONS, AT_ONCE)
def test_two_triggers_at_once_count_as_one_and_nobody_waits_in_vain_or_is_not_heard(
    kind: Kind, now: Situation, since_s: float
) -> None:
    counts_as_one = kind in {Kind.PRESS, Kind.WORD, Kind.MOTION}
    assert decide(kind, now, since_other_s=since_s) is (Outcome.IGNORE if counts_as_one else TABLE[kind][now])
