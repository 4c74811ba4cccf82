"""The person at the terminal, who looks, listens, speaks and presses when asked to; or nobody."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from typing import Final, Protocol

ANSWER_DEADLINE_S: Final = 20.0
_METER_WIDTH: Final = 40
_QUIETEST_DBFS: Final = -80.0


class Person(Protocol):
    """A person who can be asked; `present` is false if there is none."""

    present: bool

    def instruct(self, line: str, /) -> None:
        """Ask for an action."""

    def meter(self, level_dbfs: float, /) -> None:
        """Show a level meter; the next call redraws it, other text is written below it."""

    def score(self, score: float, /) -> None:
        """Show how sure the engine is of a wake word, 1 is enough; the next call redraws it."""

    async def confirm(self, question: str, /) -> bool | None:
        """Ask a yes-no question; None without an answer in time."""

    def close(self) -> None:
        """Discard an answer that came too late: the shell would take it for a command."""


class Nobody:
    """Stands for the person where there is no terminal."""

    present = False

    def instruct(self, _line: str, /) -> None:
        """Does nothing."""

    def meter(self, _level_dbfs: float, /) -> None:
        """Does nothing."""

    def score(self, _score: float, /) -> None:
        """Does nothing."""

    async def confirm(self, _question: str, /) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


class Terminal:
    """A person at a terminal."""

    present = True

    def __init__(self, answer_deadline_s: float = ANSWER_DEADLINE_S) -> None:
        self._answer_deadline_s = answer_deadline_s
        self._metering = False

    def instruct(self, line: str) -> None:
        """Write a line."""
        self._write(f"{self._end_of_meter()}   {line}\n")

    def meter(self, level_dbfs: float) -> None:
        """Draw over the previous meter."""
        self._draw((max(level_dbfs, _QUIETEST_DBFS) - _QUIETEST_DBFS) / -_QUIETEST_DBFS, f"{level_dbfs:4.0f} dBFS")

    def score(self, score: float) -> None:
        """Draw over the previous meter."""
        self._draw(min(score, 1.0), f"{score:4.0%} of what it takes")

    async def confirm(self, question: str) -> bool | None:
        """Enter alone is a yes."""
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)  # what was typed before is not an answer to this question
        self._write(f"{self._end_of_meter()}   {question} [Y/n] ")
        answer = await self._line()
        if answer is None:
            self._write("\n")
            return None
        return answer.strip().lower() in {"", "y", "yes"}

    def close(self) -> None:
        """Discard what was typed and not read."""
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)

    async def _line(self) -> str | None:
        loop = asyncio.get_running_loop()
        typed = asyncio.Event()
        loop.add_reader(sys.stdin.fileno(), typed.set)
        try:
            async with asyncio.timeout(self._answer_deadline_s):
                await typed.wait()
        except TimeoutError:
            return None
        finally:
            loop.remove_reader(sys.stdin.fileno())
        line = os.read(sys.stdin.fileno(), 1024)
        return line.decode(errors="replace") if line else None

    def _draw(self, share: float, text: str) -> None:
        self._metering = True
        bar = "#" * round(share * _METER_WIDTH)
        self._write(f"\r   [{bar:<{_METER_WIDTH}}] {text} ")

    def _end_of_meter(self) -> str:
        metering, self._metering = self._metering, False
        return "\n" if metering else ""

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
