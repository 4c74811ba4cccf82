"""The network between the speaker and the service: a TCP relay that can refuse, break, or go silent without a word."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from device_daemon.localservice.certificate import self_signed

_PIECE_BYTES = 65_536
DAYS = (-30, 30)


class Certificates:
    """Certificates of localhost that are valid for different days, all of them by authorities of `ca_file`."""

    def __init__(self, folder: Path) -> None:
        self._folders: dict[int, Path] = {}
        self.ca_file = folder / "authorities.pem"
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authorities = []
        for days in (0, *DAYS):
            own = self._folders[days] = folder / str(days)
            own.mkdir(parents=True)
            begins = datetime.now(UTC) + timedelta(days=days) if days else None
            authorities.append(self_signed(own, now=begins).path.read_text(encoding="ascii"))
        self.ca_file.write_text("".join(authorities), encoding="ascii")
        self.show(0)

    def show(self, days: int) -> None:
        """Show the one whose day begins in so many days from now on."""
        self.context.load_cert_chain(self._folders[days] / "certificate.pem", self._folders[days] / "key.pem")


class Line:
    """Relays every connection to a port of this machine. Close it with `stop`."""

    def __init__(self, to_port: int, *, certificates: Certificates | None = None) -> None:
        """With `certificates` the speaker's half is secure: the service behind it needs no TLS for that."""
        self._to_port = to_port
        self._certificates = certificates
        self._port = 0
        self._server: asyncio.Server | None = None
        self._moving = asyncio.Event()
        self._moving.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self.connections = 0

    @property
    def endpoint(self) -> str:
        """What the speaker's config names."""
        return f"{'wss' if self._certificates else 'ws'}://localhost:{self._port}"

    async def start(self) -> None:
        """Take connections, on the same port as before."""
        if self._server is None:
            tls = self._certificates.context if self._certificates else None
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, ssl=tls)
            self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break every connection (the far end sees 1006), which says nothing about new ones."""
        for writer in self._writers:
            writer.transport.abort()

    def refuse(self) -> None:
        """Break every connection and refuse new ones, until `restore`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def date_certificate(self, days: int) -> None:
        """Show new connections a certificate whose day begins in so many days; 0: one that is valid."""
        if self._certificates is not None:
            self._certificates.show(days)

    def freeze(self) -> None:
        """Lose every packet from now on: nothing arrives, nothing is closed, until `restore`."""
        self._moving.clear()

    async def restore(self) -> None:
        """Work again. What was lost is lost: connections of before are broken."""
        if not self._moving.is_set():
            self.cut()
            self._moving.set()
        await self.start()

    async def stop(self) -> None:
        """End it, with every connection."""
        self.refuse()
        self._moving.set()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        await self._moving.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        relays = [
            asyncio.create_task(self._relay(reader, far_writer)),
            asyncio.create_task(self._relay(far_reader, writer)),
        ]
        self._relays.update(relays)
        await asyncio.wait(relays)
        self._relays.difference_update(relays)
        self._writers -= {writer, far_writer}

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE_BYTES):
                await self._moving.wait()
                writer.write(piece)
                await writer.drain()
            await self._moving.wait()
        with suppress(OSError, RuntimeError):
            writer.close()
