"""Runs system programs (systemctl, journalctl, vcgencmd) with a deadline."""

from __future__ import annotations

import subprocess
from typing import Final

from msgspec import Struct

DEADLINE_S: Final = 10.0


class ProgramResult(Struct, frozen=True):
    """Exit code and output of a program."""

    code: int
    stdout: str
    stderr: str


def run(*command: str, deadline_s: float = DEADLINE_S) -> ProgramResult:
    """Run a program, for so long at most. Raises OSError (TimeoutError is one)."""
    try:
        done = subprocess.run(  # noqa: S603 - all commands are constants of this program
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} did not end within {deadline_s:g} s") from None
    return ProgramResult(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
