"""The speaker under test: installed in this machine, with its board and the room it stands in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.vm import unit
from tests.vm.board import Board
from tests.vm.room import Room

SHARE = Path("/share")
OUT = SHARE / "out"
CONFIG = Path("/etc/voicelive-speaker/config.yaml")
QUICK_MS = 6_000
"""Emulated on a busy machine, times are told and not judged; only what nobody would call a reaction fails."""

Check = tuple[str, Callable[[], str]]
"""A name and what to do: it returns what it saw, or raises Failed or Skipped."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What the checks share."""

    board: Board
    room: Room

    def rest(self) -> None:
        """Whatever the check before left behind: it runs, nobody talks, and it is silent."""
        unit.systemctl("start")
        unit.ask("stop")
        unit.wait_for("idle")
        unit.wait_for_line()
        self.room.last_sound_s(time.monotonic())

    def break_config(self) -> str:
        """Put a mistake into the config; return the text that was there."""
        text = CONFIG.read_text()
        CONFIG.write_text(text.replace("pin: 17", "pin: seventeen"))
        return text
