"""What the device remembers across restarts: one small JSON file in the state folder, written in the background.

A damaged field is dropped by itself and costs little, with one exception: whether the microphone is muted. Where that
cannot be read the microphone stays muted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import msgspec

from device_daemon.errors import SpeakerError
from device_daemon.health import Health, Part
from device_daemon.system.file_writer import FileWriter, write_atomically
from device_daemon.system.usage import Usage

logger = logging.getLogger(__name__)

FLUSH_DEADLINE_S: Final = 0.4
"""A daemon that stops has 2 s for everything."""


class Adjusted(msgspec.Struct, frozen=True):
    """A setting that a person changed; see device/adjustments."""

    instead_of: str | float
    """What the config said then."""
    value: str | float


class Remembered(msgspec.Struct):
    """The file's content. Fields that a newer version wrote are ignored."""

    last_templates: dict[str, str] = msgspec.field(default_factory=dict)
    """By greeting: which text of its list was said last."""
    last_conversation_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    muted: bool = False
    volume: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    """As last set by a person; None: as in the config."""
    adjusted: dict[str, Adjusted] = msgspec.field(default_factory=dict)
    """Other settings that a person changed."""
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    """What people asked the speaker to remember, by name."""
    timers: list[Any] = msgspec.field(default_factory=list)
    """Timers and alarms; `timers.store` reads each by itself."""
    usage: Usage = msgspec.field(default_factory=Usage)
    missed_timers: list[Any] = msgspec.field(default_factory=list)
    """Those that rang and nobody came."""


_TYPES: Final = get_type_hints(Remembered, include_extras=True)


def decode(content: bytes) -> tuple[Remembered, list[str]]:
    """Return what a state file says, and the names of what in it is damaged. Never raises.

    A damaged field has its default, but `muted`: that is True unless the file says no.
    """
    try:
        found = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return Remembered(muted=True), ["the file"]
    remembered, damaged = Remembered(muted=True), []
    for name, kind in _TYPES.items():
        if name not in found:
            if name == "muted":
                damaged.append(name)
            continue
        try:
            setattr(remembered, name, msgspec.convert(found[name], kind))
        except msgspec.ValidationError:
            damaged.append(name)
    return remembered, damaged


class SavedState:
    """Made in the event loop's thread. Change `remembered`, then `save`; `close` waits for the disk.

    Args:
        folder: Where the file is; made with the first `save`.
        write: Writes the file, in a thread; given by tests.

    """

    def __init__(self, folder: Path, *, write: Callable[[Path, bytes], None] = write_atomically) -> None:
        self._path = folder / "memory.json"
        self.health = Health(Part.DISK)
        self.remembered = self._load()
        self._writer = FileWriter(self._path, loop=asyncio.get_running_loop(), on_done=self._written, write=write)

    def save(self) -> None:
        """Have it written as it is now; returns at once."""
        self._writer.put(msgspec.json.encode(self.remembered))

    async def flush(self, deadline_s: float = FLUSH_DEADLINE_S) -> bool:
        """Wait until everything is written; returns False if the disk does not take it, or not in time."""
        return await self._writer.flush(deadline_s) and self.health.ok

    async def close(self) -> None:
        """Wait until everything is written, or for as long as a stopping daemon may."""
        if not await self._writer.flush(FLUSH_DEADLINE_S):
            logger.warning("%s: the disk did not answer in time; the last changes are lost", self._path)

    def _load(self) -> Remembered:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return Remembered()
        except OSError as error:
            logger.warning("%s: cannot be read (%s); the microphone is muted", self._path, error.strerror or error)
            return Remembered(muted=True)
        remembered, damaged = decode(content)
        if damaged:
            consequence = "; the microphone is muted" if {"muted", "the file"} & set(damaged) else ""
            logger.warning("%s: damaged, so dropped: %s%s", self._path, ", ".join(damaged), consequence)
        return remembered

    def _written(self, error: OSError | None) -> None:
        now_s = time.monotonic()
        if error is None:
            if self.health.recovered(now_s):
                logger.info("%s: can be written again", self._path)
            return
        failure = SpeakerError(
            f"{self._path}: cannot be written ({error.strerror or error}); volume, mute and timers are lost when the speaker"
            " stops. Free some space, or check the folder's owner."
        )
        if self.health.failed(failure, now_s):
            logger.warning("%s", failure)
