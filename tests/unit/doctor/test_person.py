"""Questions to a person at a terminal."""

from __future__ import annotations

import io
import os
import sys
import tty
from collections.abc import Iterator

import pytest

from device_daemon.doctor.checklist import person_at_terminal
from device_daemon.doctor.person import Nobody, Terminal


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of a terminal: what is written there was typed."""
    ours, theirs = os.openpty()
    tty.setcbreak(theirs)
    terminal = os.fdopen(theirs, "r")
    monkeypatch.setattr(sys, "stdin", terminal)
    yield ours
    os.close(ours)
    terminal.close()


class Answering(Terminal):
    """Types an answer as soon as the question is there."""

    def __init__(self, keyboard: int, answer: bytes) -> None:
        super().__init__(answer_deadline_s=5.0)
        self.answer = answer
        self._keyboard = keyboard

    def _write(self, text: str) -> None:  # type: ignore[override]
        super()._write(text)
        if "?" in text:
            os.write(self._keyboard, self.answer)


@pytest.mark.parametrize(
    ("typed", "answer"), [(b"\n", True), (b"y\n", True), (b"YES\n", True), (b"n\n", False), (b"what\n", False)]
)
async def test_enter_is_a_yes_and_what_was_typed_before_the_question_counts_for_nothing(
    typed: bytes, answer: bool, keyboard: int
) -> None:
    os.write(keyboard, b"n\n" if answer else b"y\n")
    assert await Answering(keyboard, typed).confirm("did you see it?") is answer


async def test_an_answer_is_waited_for_no_longer_than_the_deadline(keyboard: int) -> None:
    assert keyboard
    assert await Terminal(answer_deadline_s=0.01).confirm("did you see it?") is None


async def test_an_answer_that_comes_too_late_is_not_left_to_the_shell(keyboard: int) -> None:
    person = Terminal(answer_deadline_s=0.01)
    assert await person.confirm("did you see it?") is None
    os.write(keyboard, b"rm -rf /\n")
    person.close()
    os.set_blocking(sys.stdin.fileno(), False)
    with pytest.raises(BlockingIOError):
        os.read(sys.stdin.fileno(), 100)


@pytest.mark.usefixtures("keyboard")
def test_the_meter_stays_on_its_line_and_words_come_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    person = Terminal()
    person.meter(-96.0)
    person.meter(-40.0)
    person.instruct("thank you")
    meters, words = capsys.readouterr().out.split("\n")[:2]
    assert meters.count("\r") == 2
    assert meters.endswith(f"[{'#' * 20}{' ' * 20}]  -40 dBFS ")
    assert words == "   thank you"


@pytest.mark.usefixtures("keyboard")
def test_without_a_terminal_or_for_machines_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert isinstance(person_at_terminal(wanted=True), Nobody)  # standard output is none
    assert isinstance(person_at_terminal(wanted=False), Nobody)


async def test_nobody_answers() -> None:
    nobody = Nobody()
    nobody.instruct("press it")
    nobody.meter(-3.0)
    await nobody.confirm("did you?")
    nobody.close()
    assert not nobody.present
