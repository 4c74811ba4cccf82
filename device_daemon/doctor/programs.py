"""Other programs that know something: systemctl, journalctl, vcgencmd and their like."""

from __future__ import annotations

import subprocess
from typing import Final

from msgspec import Struct

DEADLINE_S: Final = 10


class ProgramResult(Struct, frozen=True):
    """What a program said, and its exit code."""

    code: int
    said: str
    complained: str
    """On standard error."""


def run(*command: str) -> ProgramResult:
    """Run a program of the system's to its end, 10 s at most. Raises OSError, TimeoutError among them."""
    try:
        done = subprocess.run(  # noqa: S603 - the commands are this program's own words
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} came to no end within {DEADLINE_S} s") from None
    return ProgramResult(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
