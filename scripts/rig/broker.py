"""A real mosquitto on this machine: with a password, with TLS, killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt

DEADLINE_S = 20.0
USER, PASSWORD = "speaker", "a-password-for-tests"
HOME = "home"
"""The user of `Broker.client`, who may do everything."""
ACL = "acl"


class Broker:
    """A mosquitto process. Made by `broker`."""

    def __init__(self, folder: Path, port: int, tls: bool) -> None:
        self.port = port
        self.folder = folder
        self.certificate = folder / "broker.pem"
        self._tls = tls
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous false", f"password_file {self.folder}/passwords"]
        if (self.folder / ACL).exists():
            lines.append(f"acl_file {self.folder / ACL}")
        if self._tls:
            lines += [f"certfile {self.certificate}", f"keyfile {self.folder}/key.pem"]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(["user root", *lines, ""]), encoding="utf-8")
        self._process = await asyncio.create_subprocess_exec(
            "mosquitto", "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(DEADLINE_S):
            while not await self._listens():  # noqa: ASYNC110 - another process makes it true
                await asyncio.sleep(0.02)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def config(self) -> dict[str, Any]:
        """Return the section of a speaker's config that brings it here."""
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        return {"host": "127.0.0.1", "port": self.port, "username": USER, "password_file": str(password)}

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it answer nothing; connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Listener]:
        """Another client, as Home Assistant would be; plain connections only."""
        async with aiomqtt.Client("127.0.0.1", self.port, username=HOME, password=PASSWORD) as client:
            await client.subscribe("#", qos=1)
            yield Listener(client)


class Listener:
    """Receives everything."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.received: list[tuple[str, str]] = []

    async def hears(self, topic: str, part: str = "") -> str:
        """Wait for a message of a topic that holds a text, and return it."""
        async with asyncio.timeout(DEADLINE_S):
            async for message in self._client.messages:
                payload = bytes(message.payload or b"").decode() if isinstance(message.payload, bytes) else ""
                self.received.append((message.topic.value, payload))
                if message.topic.value == topic and part in payload:
                    return payload
        raise AssertionError(topic)

    async def sends(self, topic: str, payload: str | bytes, **how: Any) -> None:
        await self._client.publish(topic, payload, **how)


@asynccontextmanager
async def broker(folder: Path, *, tls: bool = False, acl: str = "") -> AsyncIterator[Broker]:
    """One that runs; with `acl`, that is what users may do, but for `HOME`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    make_files(folder, tls=tls)
    if acl:
        (folder / ACL).write_text(f"{acl}\nuser {HOME}\ntopic readwrite #\n", encoding="utf-8")
        (folder / ACL).chmod(0o600)
    mosquitto = Broker(folder, port, tls)
    await mosquitto.start()
    try:
        yield mosquitto
    finally:
        await mosquitto.kill()


def make_files(folder: Path, *, tls: bool) -> None:
    """A password file and, with `tls`, a certificate that signs itself."""
    (folder / "passwords").touch()
    for user in (USER, HOME):
        subprocess.run(["mosquitto_passwd", "-b", folder / "passwords", user, PASSWORD], check=True)
    (folder / "passwords").chmod(0o644)
    if tls:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "broker.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
