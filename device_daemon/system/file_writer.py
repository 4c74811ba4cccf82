"""Writes a small file in a thread of its own, atomically and with fsync: a slow disk delays nobody.

One value may wait: the last one wins.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from device_daemon.system.loop_bridge import post_to_loop

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def write_atomically(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Replace a file by one that, by default, only its owner can read; a power cut leaves the old or the new one.

    Raises OSError.

    Takes as long as the disk takes.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    draft = path.with_suffix(".new")
    try:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()  # left by a power cut, perhaps with another mode
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask is
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class FileWriter:
    """Writes one file again and again; all methods are called from the event loop's thread.

    Args:
        path: The file.
        loop: The running loop.
        on_done: Called in the loop's thread after each try, with what went wrong, or None.
        write: Writes the file, in the thread; given by tests.

    The thread lives while there is something to write. It is a daemon: a disk that hangs must not keep the process.
    """

    def __init__(
        self,
        path: Path,
        *,
        loop: asyncio.AbstractEventLoop,
        on_done: Callable[[OSError | None], None],
        write: Callable[[Path, bytes], None] = write_atomically,
    ) -> None:
        self._path = path
        self._loop = loop
        self._on_done = on_done
        self._write = write
        self._lock = threading.Lock()
        self._waiting: bytes | None = None
        self._at_work = False
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, content: bytes) -> None:
        """Have the file written, in place of what waits to be written; returns at once."""
        self._idle.clear()
        with self._lock:
            self._waiting = content
            if self._at_work:
                return
            self._at_work = True
        threading.Thread(target=self._run, name=f"writes {self._path.name}", daemon=True).start()

    async def flush(self, deadline_s: float) -> bool:
        """Wait until everything is written; returns False if that takes longer than `deadline_s`."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _run(self) -> None:
        while (content := self._next()) is not None:
            failure: OSError | None = None
            try:
                self._write(self._path, content)
            except OSError as error:
                failure = error
            post_to_loop(self._loop, partial(self._on_done, failure))
        post_to_loop(self._loop, self._finished)

    def _next(self) -> bytes | None:
        with self._lock:
            content, self._waiting = self._waiting, None
            self._at_work = content is not None
            return content

    def _finished(self) -> None:
        with self._lock:
            at_work = self._at_work
        if not at_work:
            self._idle.set()
