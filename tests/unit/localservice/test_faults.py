"""How faults are set: on the command line, by JSON, for the first connections, for the n-th response."""

from __future__ import annotations

import pytest

from device_daemon.errors import ConfigError
from device_daemon.localservice.faults import NONE, FaultBox, Faults, Moment, from_json, parse


def test_faults_are_read_from_the_command_line() -> None:
    faults = parse(["close_at=delta", "close-code=4001", "close_abruptly", "speed=2.5", "retry_after_s=3"])
    assert faults == Faults(close_at=Moment.DELTA, close_code=4001, close_abruptly=True, speed=2.5, retry_after_s=3)


def test_every_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(["speed=fast", "clos_at=delta", "close_at=never", "delta_ms=1"])
    assert [problem.split()[1].rstrip(":") for problem in caught.value.problems] == [
        "speed=fast",
        "clos_at=delta",
        "delta_ms=1",
    ]
    assert "close_at" in caught.value.problems[1]


def test_faults_are_read_from_json() -> None:
    assert from_json({"stall_ms": 5, "close_at": "updated"}) == Faults(stall_ms=5, close_at=Moment.UPDATED)
    with pytest.raises(ConfigError):
        from_json({"stall_ms": -1})


def test_faults_may_meet_the_first_connections_only() -> None:
    box = FaultBox(Faults(first_connections=1, stall_ms=1))
    assert [box.of(box.connect()).stall_ms for _ in range(3)] == [1, 0, 0]
    box.set(Faults(first_connections=1, stall_ms=2))
    assert [box.of(number).stall_ms for number in (3, 4, 5)] == [2, 2, 0]
    box.set(NONE)
    assert box.of(4).stall_ms == 0


def test_faults_of_responses_may_be_for_one_response_of_a_session() -> None:
    faults = Faults(at_response=2, silent_responses=True, think_ms=5)
    assert [faults.of_response(number).silent_responses for number in (1, 2, 3)] == [False, True, False]
    assert faults.of_response(1).think_ms == 5
    assert Faults(silent_responses=True).of_response(7).silent_responses
