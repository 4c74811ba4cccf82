"""DNS resolver whose lookups run in daemon threads: a lookup that hangs delays neither the end of the program nor others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from device_daemon.system.daemon_thread import in_daemon_thread

_Found = list[tuple[Any, Any, int, str, tuple[Any, ...]]]


class DaemonResolver(AbstractResolver):
    """Looks names up with getaddrinfo; whoever asks for a name that is being looked up waits for the same lookup.

    So there is never more than one thread per name, however often a connection is tried while the DNS hangs.
    """

    def __init__(self, getaddrinfo: Callable[..., Any] = socket.getaddrinfo) -> None:
        self._getaddrinfo = getaddrinfo
        self._lookups: dict[tuple[str, int, int], asyncio.Future[_Found]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises OSError."""
        asked = (host, port, family)
        lookup = self._lookups.get(asked)
        if lookup is None:
            work = partial(
                self._getaddrinfo, host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
            )
            lookup = self._lookups[asked] = asyncio.ensure_future(in_daemon_thread(work, "name lookup"))
            lookup.add_done_callback(lambda done: self._over(asked, done))
        await asyncio.wait({lookup})  # not the lookup itself: a cancelled attempt leaves it to the next one
        return [_result(host, port, *found) for found in lookup.result()]

    async def close(self) -> None:
        """Leave off; threads that still look something up are left behind."""
        for lookup in list(self._lookups.values()):
            lookup.cancel()

    def _over(self, asked: tuple[str, int, int], lookup: asyncio.Future[_Found]) -> None:
        self._lookups.pop(asked, None)
        if not lookup.cancelled():
            lookup.exception()  # it may be that nobody waits for it any more


def _result(host: str, port: int, family: int, _kind: int, proto: int, _name: str, address: Any) -> ResolveResult:
    found = str(address[0])
    if family == socket.AF_INET6 and address[3]:
        found = f"{found}%{address[3]}"  # link-local: only with its interface
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=found, port=port, family=family, proto=proto, flags=flags)
