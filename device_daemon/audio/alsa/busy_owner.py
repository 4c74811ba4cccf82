"""Which program holds a busy sound card, as far as the kernel tells."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from device_daemon.audio.alsa.stream import Direction

_PROC: Final = Path("/proc")
_CARD: Final = re.compile(r"(?:CARD=|^(?:plug)?hw:(?!CARD=))([^,]+)")
_OWNER: Final = re.compile(r"^owner_pid\s*:\s*(\d+)", re.MULTILINE)


def holder_of(device: str, direction: Direction, proc: Path = _PROC) -> str:
    """Return "name (process 123)" for the program that has the device's card open in that direction, or ""."""
    match = _CARD.search(device)
    card = match[1] if match else None
    folder = "card*" if card is None else f"card{card}" if card.isdigit() else card
    # A card's id is a link to its numbered folder.
    for status in sorted((proc / "asound").glob(f"{folder}/pcm*{direction[0]}/sub*/status")):
        owner = _OWNER.search(_text(status))
        if owner:
            pid = int(owner[1])
            name = (
                "this program itself" if pid == os.getpid() else _text(proc / str(pid) / "comm").strip() or "a program"
            )
            return f"{name} (process {pid})"
    return ""


def _text(path: Path) -> str:
    """Return what a file says, or nothing if it has just gone: programs end while one looks."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
