"""systemd's side of a daemon's life: the environment of its unit, and the receiver of sd_notify messages."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from scripts import REPOSITORY

_UNIT = REPOSITORY / "systemd" / "voicelive-speaker.service"
_LONGEST_BYTES = 4096


class Notified:
    """The sd_notify messages of a daemon. Made by `notified`; lives in the event loop."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._ready: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._fed = asyncio.Semaphore(0)

    async def ready(self) -> float:
        """Wait for READY=1, the first one; returns when it came (time.monotonic)."""
        return await asyncio.shield(self._ready)

    async def feeds(self, count: int, deadline_s: float = 60.0) -> None:
        """Wait until the watchdog was fed so many times more."""
        async with asyncio.timeout(deadline_s):
            for _ in range(count):
                await self._fed.acquire()

    def take(self) -> None:
        """Take one message."""
        at_s = time.monotonic()
        lines = self._listener.recv(_LONGEST_BYTES).splitlines()
        if b"READY=1" in lines and not self._ready.done():
            self._ready.set_result(at_s)
        if b"WATCHDOG=1" in lines:
            self._fed.release()


@contextlib.contextmanager
def notified(address: Path) -> Iterator[Notified]:
    """Listen there, as systemd does at NOTIFY_SOCKET."""
    address.unlink(missing_ok=True)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(address))
        receiver = Notified(listener)
        loop.add_reader(listener, receiver.take)
        try:
            yield receiver
        finally:
            loop.remove_reader(listener)


def environment_of_unit() -> dict[str, str]:
    """The environment that the unit sets."""
    settings = re.findall(r"^Environment=(\w+)=(.*)$", _UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(settings)
