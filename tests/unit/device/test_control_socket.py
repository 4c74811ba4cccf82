"""What can be asked of the control socket, line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device_daemon.device.control_protocol import Refused, execute
from tests.unit.device.recording_speaker import Outcome, Speaker


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("press", ("press", 1.5)),
        ("hold\n", ("hold",)),
        ("stop", ("stop",)),
        ("greet welcome", ("greet", "welcome")),
        ("say  The dryer is done. ", ("say", "The dryer is done.")),
        ("say --listen Shall I wait?", ("say", "Shall I wait?", "and listen")),
        ("say Shall I wait? --listen", ("say", "Shall I wait?", "and listen")),
        ("say the option --listen is one", ("say", "the option --listen is one")),
        ("say --listen Twice? --listen", ("say", "Twice?", "and listen")),
        ("say -- never say --listen", ("say", "never say --listen")),
        ("say -- --listen", ("say", "--listen")),
        ("say --listen -- -- or --listen", ("say", "-- or --listen", "and listen")),
        ("again", ("again",)),
        ("forget", ("forget",)),
        ("forget  bin day", ("forget", "bin day")),
        ("remembered", ("remembered",)),
        ("mute on", ("mute", True)),
        ("mute off", ("mute", False)),
        ("snooze", ("snooze", "")),
        ("snooze 5", ("snooze", "5")),
        ("timers cancel  pasta water", ("cancel", "pasta water")),
        ("volume 30", ("volume", 30)),
        ("volume +10", ("volume", 60)),
        ("volume -10", ("volume", 40)),
        ("volume +90", ("volume", 100)),
        ("volume -90", ("volume", 0)),
    ],
)
def test_each_request_does_what_it_says(line: str, done: tuple[Any, ...]) -> None:
    speaker = Speaker()
    answer = execute(speaker, line, 1.5)
    assert (answer.answer if isinstance(answer, Outcome) else answer) == f"ok: {done[0]}"
    assert speaker.done == [done]


def test_the_status_for_machines_is_one_line_of_json() -> None:
    told = execute(Speaker(), "status --json", 0.0)
    assert isinstance(told, str)
    assert "\n" not in told
    assert json.loads(told)["text"] == "zwei\nZeilen"


@pytest.mark.parametrize(
    "line",
    [
        *("", "dance", "press now", "mute", "mute maybe", "greet", "volume", "PRESS", "status --xml", "again again"),
        *("say", "say --listen", "say --", "say --listen --"),
    ],
)
def test_an_unknown_command_is_refused_with_a_list_of_the_commands(line: str) -> None:
    with pytest.raises(Refused, match=r"press, hold, greet NAME.*status --json"):
        execute(Speaker(), line, 0.0)


@pytest.mark.parametrize("change", ["loud", "101", "50%", "+-5", "+", "1.5", "0x10", "9" * 5_000])
def test_a_volume_that_is_none_is_refused_and_nothing_changes(change: str) -> None:
    speaker = Speaker()
    with pytest.raises(Refused, match="number from 0 to 100"):
        execute(speaker, f"volume {change}", 0.0)
    assert speaker.done == []


WORDS = st.sampled_from(
    [
        "press",
        "hold",
        "greet",
        "say",
        "again",
        "forget",
        "stop",
        "mute",
        "volume",
        "status",
        "on",
        "off",
        "welcome",
        "--",
        "--listen",
    ]
)


@given(st.text() | st.lists(WORDS | st.integers().map(str) | st.text(max_size=5)).map(" ".join))
@example("volume 5\x00")
def test_any_line_is_answered_or_refused(line: str) -> None:
    speaker = Speaker()
    try:
        answer = execute(speaker, line, 0.0)
    except Refused:
        assert speaker.done == []
    else:
        assert answer
        assert 0 <= speaker.volume <= 100


@given(st.text().map(str.strip).filter(bool), st.booleans())
@example("do not --listen", False)
def test_a_text_that_somebody_else_wrote_is_said_as_it_is_and_never_opens_the_microphone(
    text: str, listen: bool
) -> None:
    speaker = Speaker()
    execute(speaker, f"say {'--listen ' if listen else ''}-- {text}", 0.0)
    assert speaker.done == [("say", text, *(["and listen"] if listen else []))]
