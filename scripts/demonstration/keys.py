"""Single keys from a terminal, as they are pressed."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_AT_ONCE = 16


@contextmanager
def read_keys(take: Callable[[str], None]) -> Iterator[None]:
    """Call `take` in the event loop for every key, unechoed; the terminal is as before when the block ends."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    loop = asyncio.get_running_loop()

    def readable() -> None:
        keys = os.read(terminal, _AT_ONCE)
        if not keys:  # the terminal is gone
            loop.remove_reader(terminal)
            take("q")
        for key in keys.decode(errors="ignore"):
            take(key)

    tty.setcbreak(terminal)
    loop.add_reader(terminal, readable)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
