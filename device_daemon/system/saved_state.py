"""What the device remembers across restarts: one small JSON file in the state folder.

Losing it costs little, so a damaged file is dropped and a folder that cannot be written is told once.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

logger = logging.getLogger(__name__)


class Remembered(msgspec.Struct, forbid_unknown_fields=False):
    """The file's content."""

    last_templates: dict[str, str] = msgspec.field(default_factory=dict)
    """By greeting: which text of its list was said last."""
    last_conversation_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    muted: bool = False
    volume: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    """As last set by a person; None: as in the config."""


class SavedState:
    """Load once, save after each change."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "memory.json"
        self._told = False
        self.remembered = self._load()

    def _load(self) -> Remembered:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Remembered)
        except FileNotFoundError:
            return Remembered()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            logger.warning("%s: cannot be read (%s); starting without memory", self._path, error)
            return Remembered()

    def save(self) -> None:
        """Write it whole or not at all, so that a power cut never leaves half a file."""
        draft = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(self.remembered))
            draft.replace(self._path)
        except OSError as error:
            if not self._told:
                logger.warning(
                    "%s: cannot be written (%s); this device forgets when it stops", self._path, error.strerror
                )
                self._told = True
