"""A name lookup that hangs holds up nothing: not the loop, not the next attempt, not the end of the program."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from device_daemon.voicelive.resolver import DaemonResolver


class Dns:
    """Stands for getaddrinfo: answers when it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked: list[str] = []
        self.error: OSError | None = None

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        self.may_answer.wait()
        if self.error:
            raise self.error
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", port, 0, 2)),
        ]


@pytest.fixture
def dns() -> Iterator[Dns]:
    dns = Dns()
    yield dns
    dns.may_answer.set()


async def test_addresses_come_as_aiohttp_wants_them(dns: Dns) -> None:
    dns.may_answer.set()
    found = await DaemonResolver(dns).resolve("speaker.example", 443)
    assert [(one["host"], one["port"], one["hostname"]) for one in found] == [
        ("10.0.0.1", 443, "speaker.example"),
        ("fe80::1%2", 443, "speaker.example"),
    ]


async def test_an_attempt_that_gives_up_leaves_its_lookup_to_the_next_one(dns: Dns) -> None:
    resolver = DaemonResolver(dns)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await resolver.resolve("speaker.example", 443)
    assert dns.asked == ["speaker.example"], "one thread, however often it is tried"
    dns.may_answer.set()
    assert await resolver.resolve("speaker.example", 443)


async def test_a_name_that_is_unknown_is_an_error_for_each_who_asked(dns: Dns) -> None:
    resolver = DaemonResolver(dns)
    dns.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    asking = [asyncio.ensure_future(resolver.resolve("speaker.example", 443)) for _ in range(2)]
    dns.may_answer.set()
    for answer in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(answer, socket.gaierror)


HANGS = """
import asyncio, socket, threading
from device_daemon.config.settings import Config, Service
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import Key

asked = threading.Event()

def hang(*_, **__):
    asked.set()
    threading.Event().wait()

socket.getaddrinfo = hang

async def main():
    client = Client(Config(Service(endpoint="https://speaker.example")), "https://speaker.example", lambda: Key("k"))
    connecting = asyncio.ensure_future(client.connect())
    await asyncio.to_thread(asked.wait)
    connecting.cancel()
    await asyncio.wait({connecting})
    await client.close()

asyncio.run(main())
print("over")
"""


def test_a_program_ends_while_a_lookup_hangs() -> None:
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr
