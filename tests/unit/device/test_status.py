"""`status` for people."""

from __future__ import annotations

from typing import Any

from device_daemon.conversation.metrics import Metrics
from device_daemon.device.status import as_text
from device_daemon.errors import ServiceUnreachable
from device_daemon.health import Health, Part

ECHO = "echo: hardware: audio.echo says so"


def status(**changes: Any) -> dict[str, Any]:
    """Of a speaker that was just started."""
    quiet = {
        "state": "idle",
        "health": {part.value: Health(part).as_dict(1.0) for part in Part},
        "muted": False,
        "volume": 80,
        "up_s": 1.0,
        "conversation": None,
        "last_conversation": None,
        "microphone": {"periods": 0, "overruns": 0, "negotiated": None},
        "speaker": {"underruns": 0, "negotiated": None},
        "echo": {"mode": "hardware", "reason": "audio.echo says so"},
        "timers": [],
        "measures": Metrics().as_dict(),
    }
    return quiet | changes


def test_a_speaker_that_did_nothing_yet_has_little_to_tell() -> None:
    assert as_text(status()) == f"idle, volume 80\n{ECHO}"


def test_mute_is_said_once_in_the_first_line() -> None:
    assert as_text(status(state="muted", muted=True)) == f"muted, volume 80\n{ECHO}"
    assert as_text(status(state="speaking", muted=True)) == f"speaking, volume 80, muted\n{ECHO}"


def test_timers_are_listed_with_when_they_are_due() -> None:
    timers = [
        {"number": 1, "kind": "timer", "name": "pasta", "due": "2026-11-29T18:00:00+01:00", "ringing": True},
        {"number": 2, "kind": "alarm", "name": "alarm 2", "due": "2026-11-30T07:30:00+01:00", "ringing": False},
    ]
    shown = "pasta: rings\nalarm 2: 2026-11-30T07:30:00+01:00"
    assert as_text(status(timers=timers)) == f"idle, volume 80\n{shown}\n{ECHO}"


def test_what_happened_is_told_in_short_lines_and_zeros_are_left_out() -> None:
    failed = Health(Part.SERVICE)
    failed.failed(ServiceUnreachable("the network is gone;\x1b[2J check the cable."), 1.0)
    measures = Metrics(conversations=2)
    measures.press_to_greeting.add(0.4123)
    text = as_text(
        status(
            state="speaking",
            health={"service": failed.as_dict(13.0)},
            conversation={"trigger": "button", "greeting": "done", "for_s": 12.5},
            last_conversation={"trigger": "control socket", "duration_s": 60.1, "ended": "nobody spoke"},
            microphone={"periods": 100, "overruns": 0, "negotiated": "24000 Hz, mono"},
            speaker={"underruns": 1, "negotiated": None},
            measures=measures.as_dict(),
        )
    )
    assert text.splitlines() == [
        "speaking, volume 80",
        "service failed 12 s ago: the network is gone;\ufffd[2J check the cable.",
        "conversation: open for 12.5 s, button, greeting done",
        "last conversation: 60.1 s, control socket, ended because nobody spoke",
        ECHO,
        "conversations: 2",
        "press to greeting: count 1, median ms 412.3, p95 ms 412.3, max ms 412.3",
        "microphone: periods 100, negotiated 24000 Hz, mono",
        "speaker: underruns 1",
    ]
