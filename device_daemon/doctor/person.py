"""The person in front of the terminal, if there is one: looks, listens, speaks and presses when asked to."""

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
    """Somebody who may be there."""

    present: bool

    def tell(self, line: str, /) -> None:
        """Ask for something to be done."""

    def meter(self, level_dbfs: float, /) -> None:
        """Show how loud it is now; the next one takes its place, and `tell` comes below it."""

    async def confirms(self, question: str, /) -> bool | None:
        """Ask; None if nobody answers in time."""


class Nobody:
    """Where there is no terminal."""

    present = False

    def tell(self, _line: str, /) -> None:
        """Nobody hears it."""

    def meter(self, _level_dbfs: float, /) -> None:
        """Nobody sees it."""

    async def confirms(self, _question: str, /) -> None:
        """Nobody answers."""


class Terminal:
    """A person who reads and types."""

    present = True

    def __init__(self, answer_deadline_s: float = ANSWER_DEADLINE_S) -> None:
        self._answer_deadline_s = answer_deadline_s
        self._metering = False

    def tell(self, line: str) -> None:
        """Write a line."""
        self._write(f"{self._end_of_meter()}   {line}\n")

    def meter(self, level_dbfs: float) -> None:
        """Draw over the meter that is there."""
        self._metering = True
        share = (max(level_dbfs, _QUIETEST_DBFS) - _QUIETEST_DBFS) / -_QUIETEST_DBFS
        bar = "#" * round(share * _METER_WIDTH)
        self._write(f"\r   [{bar:<{_METER_WIDTH}}] {level_dbfs:4.0f} dBFS ")

    async def confirms(self, question: str) -> bool | None:
        """Enter alone is a yes."""
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)  # what was typed before answers something else
        self._write(f"{self._end_of_meter()}   {question} [Y/n] ")
        answer = await self._line()
        if answer is None:
            self._write("\n")
            return None
        return answer.strip().lower() in {"", "y", "yes"}

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

    def _end_of_meter(self) -> str:
        metering, self._metering = self._metering, False
        return "\n" if metering else ""

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
