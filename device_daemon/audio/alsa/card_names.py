"""The name of the card behind an ALSA device name, as the kernel shows it in /proc/asound/cards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

CARDS: Final = Path("/proc/asound/cards")
_LINE: Final = re.compile(r"^\s*(\d+) \[(\S+)\s*\]: (.*)\n\s+(.*)$", re.MULTILINE)
_CARD_OF_DEVICE: Final = re.compile(r"^(?:plug)?\w+:(?:CARD=)?([^,]+)")


def card_name(device: str, cards: Path = CARDS) -> str:
    """Return the long name of the card that a device name means; "" where that cannot be known without opening it.

    Args:
        device: an ALSA name such as plughw:CARD=USB,DEV=0 or hw:1. A name without a card, such as default, means the
            only card if there is one only.
        cards: the kernel's list.
    """
    try:
        text = cards.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = {}
    for number, card_id, short, long in _LINE.findall(text):
        found[number] = found[card_id] = f"{short.partition(' - ')[2] or short}, {long}"
    if match := _CARD_OF_DEVICE.match(device):
        return found.get(match[1], "")
    names = set(found.values())
    return names.pop() if len(names) == 1 else ""
