"""Questions of a set-up in a terminal: a text, one of a list, yes or no, and a secret that is not shown."""

from __future__ import annotations

import contextlib
import sys
import termios
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from device_daemon.doctor.person import Person, Terminal
from device_daemon.errors import EX_FAILURE, SpeakerError

_PATIENCE_S: Final = 600.0


class Unanswered(SpeakerError):
    """Nobody answered, or the input ended."""

    exit_code = EX_FAILURE


class Prompts(Person, Protocol):
    """Who answers the questions. Each method raises Unanswered."""

    async def ask(self, question: str, default: str = "", /) -> str:
        """Return a line, without spaces around it; the default for an empty one."""

    async def choose(self, question: str, choices: Sequence[str], default: int = 0, /) -> int:
        """Return the index of one of the choices."""

    async def agree(self, question: str, /) -> bool:
        """Return whether the answer is yes, which an empty line is."""

    async def secret(self, question: str, /) -> str:
        """Return a line that is not shown while it is typed; "" for none."""


class TerminalPrompts(Terminal):
    """A person at a terminal, who may take some minutes for each answer."""

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        super().__init__(patience_s)

    async def ask(self, question: str, default: str = "") -> str:
        """Show the default in brackets."""
        shown = f" [{default}]" if default else ""
        self._write(f"{self._end_of_meter()}   {question}{shown}: ")
        return await self._answer() or default

    async def choose(self, question: str, choices: Sequence[str], default: int = 0) -> int:
        """Ask for a number until it is one of the list."""
        self.instruct(question)
        for number, choice in enumerate(choices, 1):
            self._write(f"     {number}  {choice}\n")
        while True:
            answer = await self.ask("number", str(default + 1))
            if answer.isdecimal() and 1 <= int(answer) <= len(choices):
                return int(answer) - 1
            self.instruct(f"a number from 1 to {len(choices)}, please")

    async def agree(self, question: str) -> bool:
        """Enter alone is a yes."""
        return (await self.ask(question, "Y/n")).lower() in {"y/n", "y", "yes"}

    async def secret(self, question: str) -> str:
        """Switch the terminal's echo off meanwhile."""
        with _not_shown():  # before the question stands there: whoever pastes is quick
            self._write(f"{self._end_of_meter()}   {question}: ")
            answer = await self._answer()
        self._write("\n")
        return answer

    async def _answer(self) -> str:
        line = await self._line()
        if line is None:
            raise Unanswered("\nthe set-up ended without an answer; nothing was written.")
        return line.strip()


@contextlib.contextmanager
def _not_shown() -> Iterator[None]:
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    hidden = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(descriptor, termios.TCSADRAIN, hidden)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
