"""Which state may follow which."""

import pytest

from device_daemon.device.resting_state import resting_state
from device_daemon.errors import AuthRefused, ClockNotSet, DeviceGone, ServiceBusy, ServiceUnreachable, SpeakerError
from device_daemon.state import (
    IN_CONVERSATION,
    RESTING,
    TRANSITIONS,
    IllegalTransition,
    State,
    check_transition,
)


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_state_can_be_reached_from_the_start_and_led_back_to_rest() -> None:
    reached = {State.STARTING}
    while more := {after for before in reached for after in TRANSITIONS[before]} - reached:
        reached |= more
    assert reached == set(State)
    assert all(TRANSITIONS[state] >= RESTING for state in IN_CONVERSATION)


def test_a_press_leads_out_of_every_resting_state() -> None:
    assert all(State.CONNECTING in TRANSITIONS[state] for state in RESTING)


def test_a_step_that_is_not_in_the_table_is_a_bug_and_says_so() -> None:
    check_transition(State.LISTENING, State.LISTENING)
    check_transition(State.LISTENING, State.THINKING)
    with pytest.raises(IllegalTransition, match="idle -> speaking"):
        check_transition(State.IDLE, State.SPEAKING)


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (None, State.IDLE),
        (ServiceUnreachable("x"), State.OFFLINE),
        (ServiceBusy("x"), State.OFFLINE),
        (ClockNotSet("x"), State.NO_CLOCK),
        (AuthRefused("x"), State.ERROR),
        (DeviceGone("x", "default"), State.ERROR),
    ],
)
def test_at_rest_the_device_shows_what_is_wrong_unless_it_is_muted(failure: SpeakerError | None, state: State) -> None:
    failures = [failure] if failure else []
    assert resting_state(muted=False, failures=failures) is state
    assert resting_state(muted=True, failures=failures) is State.MUTED
    listening = State.WAKE_WORD if failure is None else state
    assert resting_state(muted=False, failures=failures, wake_words=True) is listening


def test_of_several_failures_the_light_shows_the_one_that_somebody_has_to_fix() -> None:
    offline, deaf = ServiceUnreachable("x"), DeviceGone("x", "default")
    assert resting_state(muted=False, failures=[offline, deaf]) is State.ERROR
    assert resting_state(muted=False, failures=[deaf, offline], wake_words=True) is State.ERROR
