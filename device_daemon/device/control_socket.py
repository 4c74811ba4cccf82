"""The server of the control socket: who is connected, for how long, and who may ask. `control_protocol` has the requests.

A request may have 8 KiB and take five seconds to arrive. Sixteen clients may be connected; one more, and the oldest of
them is disconnected, so that idle clients cannot block the socket. The same holds for eight subscribers, which are
counted by themselves. Whoever waits for the answer to `say` is not counted.

Root, the daemon's own user and the members of the socket's group may ask. Two checks decide that: the socket's mode
(0660), and the peer's credentials from the kernel (`peer_credentials`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from device_daemon.device.control_client import SUBSCRIBE
from device_daemon.device.control_protocol import Controls, Refused, execute
from device_daemon.device.peer_credentials import allowed, group_name, peer_uid

logger = logging.getLogger(__name__)

LINE_LIMIT_BYTES = 8 * 1024
REQUEST_DEADLINE_S = 5.0
CONNECTIONS_AT_ONCE = 16
SUBSCRIBERS_AT_ONCE = 8


class _Request(msgspec.Struct, frozen=True):
    """What a client asked for, or why that is not even tried."""

    line: str = ""
    refusal: str = ""


class ControlSocket:
    """The server's side: `listen`, then `serve`; close it before the daemon ends.

    Before `serve`, and from `hold` to the next `serve`, clients may connect and ask; they are answered afterwards.

    Args:
        path: Where the socket is bound.
        request_deadline_s: How long a client may take for its request and for reading the answer.
        uid_of: Returns the user id at the other end of a connection.

    """

    def __init__(
        self,
        path: Path,
        *,
        request_deadline_s: float = REQUEST_DEADLINE_S,
        uid_of: Callable[[socket.socket], int] = peer_uid,
    ) -> None:
        self._path = path
        self._request_deadline_s = request_deadline_s
        self._uid_of = uid_of
        self._listener: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._controls: Controls | None = None
        self._served = asyncio.Event()
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        """In the order in which they came."""
        self._subscribers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._waiting: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        """Who waits for something to be said; the conversations bound how many these are."""

    async def listen(self) -> None:
        """Bind the socket, unless it is bound: clients may connect, and wait for `serve`.

        Raises Refused where another daemon listens already, or the folder cannot be written.
        """
        if self._listener is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            if await _answers(self._path):
                raise Refused(f"{self._path}: another voicelive-speaker is running; stop it first")
            self._path.unlink(missing_ok=True)
            self._listener = _listener(self._path)
        except OSError as error:
            raise Refused(f"{self._path}: cannot listen there: {error.strerror or error}; check the folder") from error

    async def serve(self, controls: Controls) -> None:
        """From now on carry out requests, those that wait first."""
        self._controls = controls
        self._served.set()
        if self._server is None:
            self._server = await asyncio.start_unix_server(self._serve, sock=self._listener, limit=LINE_LIMIT_BYTES)

    def hold(self) -> None:
        """From now on requests wait for the next `serve`: another config is put in force. Subscriptions end."""
        self._controls = None
        self._served.clear()
        for task in self._subscribers:
            task.cancel()

    async def close(self) -> None:
        """Stop listening, and disconnect all clients. Idempotent."""
        if self._listener is None:
            return
        if self._server is not None:
            self._server.close()
        self._listener.close()
        for writer in self._waiting.values():
            writer.write(b"error: it was not said: the speaker is being stopped\n")
        if tasks := {*self._clients, *self._subscribers, *self._waiting}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1.0)
        self._path.unlink(missing_ok=True)
        self._listener = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs a connection's callback in a task
        if len(self._clients) >= CONNECTIONS_AT_ONCE:
            _disconnect_oldest(self._clients)
        self._clients[task] = writer
        try:
            async with asyncio.timeout(self._request_deadline_s):
                request = await self._request(reader, writer)
            controls = await self._next_controls()
            if request.line.strip() == SUBSCRIBE:
                self._clients.pop(task)
                await self._send_events(task, controls, writer)
                return
            answer = request.refusal or await self._carry_out(task, controls, request.line)
            async with asyncio.timeout(self._request_deadline_s):
                writer.write(f"{answer}\n".encode())
                await writer.drain()
        except (TimeoutError, OSError):
            logger.debug("a client of the control socket left before it was answered")
        finally:
            self._clients.pop(task, None)
            self._subscribers.pop(task, None)
            self._waiting.pop(task, None)
            writer.close()

    async def _send_events(self, task: asyncio.Task[None], controls: Controls, writer: asyncio.StreamWriter) -> None:
        """Send each event as a line of JSON, until the client leaves or does not read."""
        if len(self._subscribers) >= SUBSCRIBERS_AT_ONCE:
            _disconnect_oldest(self._subscribers)
        self._subscribers[task] = writer
        with controls.subscribe() as events:
            while True:
                writer.write(msgspec.json.encode(await events.next()) + b"\n")
                async with asyncio.timeout(self._request_deadline_s):
                    await writer.drain()

    async def _next_controls(self) -> Controls:
        """Return who carries out requests now, as soon as somebody does."""
        while self._controls is None:
            await self._served.wait()
        return self._controls

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Request:
        uid = self._uid_of(writer.get_extra_info("socket"))
        if not allowed(uid, self._path):
            logger.warning("user %d may not control this speaker; refused", uid)
            group = group_name(self._path)
            return _Request(refusal=f"error: you may not control this speaker; ask for membership of group {group}")
        try:
            line = (await reader.readline()).decode("utf-8", errors="replace")
        except ValueError:
            return _Request(refusal=f"error: a request may have {LINE_LIMIT_BYTES} bytes")
        return _Request(line) if line.strip() else _Request(refusal="error: the request is empty")

    async def _carry_out(self, task: asyncio.Task[None], controls: Controls, line: str) -> str:
        try:
            answer = execute(controls, line, asyncio.get_running_loop().time())
            if isinstance(answer, str):
                return answer
            self._waiting[task] = self._clients.pop(task)
            return await answer
        except Refused as refusal:
            return f"error: {refusal}"
        except Exception as error:
            logger.exception("a bug in this program; please report it")
            return f"error: a bug in this program: {error!r}; please report it"


def _disconnect_oldest(clients: dict[asyncio.Task[None], asyncio.StreamWriter]) -> None:
    task = next(iter(clients))
    clients.pop(task).write(b"error: too many clients at once; try again\n")
    task.cancel()


def _listener(path: Path) -> socket.socket:
    """Return a socket with mode 0660, listening. Raises OSError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


async def _answers(path: Path) -> bool:
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
