"""The server's side of the local socket behind `press`, `status`, `mute` and the other commands; other programs may use it, too.

The protocol, on a Unix stream socket: connect, write one line of UTF-8, read until the end; one request a connection.
An answer comes when the request was accepted, not when it is done; that of `say` when the text was heard, or will not be.
The answer is one line, `ok: ` or `error: ` and a sentence for people; those of `status`, `timers` and `remembered` are several
lines without `ok: `, that of `status --json` one line of
JSON. The requests:

    press                  as the button: open a conversation, interrupt the speaker, or end the conversation
    hold                   as the button held: mute, or unmute
    greet NAME             open a conversation with a greeting of the config, or with `none`
    say TEXT               make an announcement, with the microphone closed
    say --listen TEXT      say it, and listen to the answer (`say TEXT --listen` is the same)
    say [--listen] -- TEXT the same for any text, whatever it begins and ends with
    again                  repeat the last answer
    forget                 forget the last answer, and what the next press would go on with
    forget WHAT            forget a fact that people asked it to remember, or `everything`
    remembered             these facts, a line each
    stop                   end the conversation, drop the requests that wait for its end, and stop what rings
    timers                 the timers and alarms that are set, a line each
    timers cancel NAME     cancel one of them, by name or number, or `all`
    snooze [MINUTES]       have what rings ring again later
    mute on|off            close the microphone, also over restarts; or allow it again
    volume N|+N|-N         set the volume, in per cent
    status [--json]        what the speaker does, its counters and latencies
    subscribe              a line of JSON for each event from now on, until you disconnect (docs/events.md)

`greet` and `say` wait for the end of the current conversation: `ok: queued, 0 before it`. Eight may wait, `say` for five
minutes.

A request may have 8 KiB and take five seconds to arrive, a TEXT 1000 characters. Sixteen clients may be connected; one
more, and the oldest of them is disconnected, so that idle clients cannot block the socket. The same holds for eight
subscribers, which are counted by themselves. Whoever waits for the answer to `say` is not counted.

Root, the daemon's own user and the members of the socket's group may ask. Two checks decide that: the socket's mode
(0660), and the peer's credentials from the kernel (SO_PEERCRED).
"""

from __future__ import annotations

import asyncio
import grp
import json
import logging
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from device_daemon.device.control_client import SUBSCRIBE
from device_daemon.device.event_stream import Subscription

logger = logging.getLogger(__name__)

LINE_LIMIT_BYTES = 8 * 1024
REQUEST_DEADLINE_S = 5.0
CONNECTIONS_AT_ONCE = 16
SUBSCRIBERS_AT_ONCE = 8
OVERFLOW_UID = 65_534
"""How the kernel shows a user whom this process's user namespace does not know (user_namespaces(7))."""
UID_MAP = Path("/proc/self/uid_map")


class Refused(Exception):
    """The daemon does not do that now, or not at all; the message says why and what to do."""


class Controls(Protocol):
    """What the socket can ask of the daemon. Each returns the sentence for the person who asked."""

    def press(self, pressed_s: float) -> str:
        """As the button."""

    def hold(self) -> str:
        """As the button held down: mute or unmute."""

    def greet(self, name: str) -> str:
        """Open a conversation with a greeting of the config."""

    def say(self, text: str, *, listen: bool) -> Awaitable[str]:
        """Say a text; with `listen`, a person may answer. The answer comes when it was heard."""

    def again(self) -> str:
        """Repeat the last answer."""

    def forget(self) -> str:
        """Forget the last answer and what was said."""

    def remembered(self) -> str:
        """What people asked it to remember, a line each."""

    def forget_fact(self, what: str) -> str:
        """Forget one of these facts, or everything."""

    def stop(self) -> str:
        """End the conversation."""

    def mute(self, *, on: bool) -> str:
        """Close the microphone, also over restarts; or allow it again."""

    def timers(self) -> str:
        """The timers and alarms that are set, a line each."""

    def cancel_timer(self, name: str) -> str:
        """Cancel timers or alarms."""

    def snooze(self, minutes: str = "") -> str:
        """Have what rings ring again later."""

    def set_volume(self, percent: int) -> str:
        """Set the volume; also kept for the next start."""

    @property
    def volume(self) -> int:
        """Per cent."""

    def status(self) -> dict[str, Any]:
        """Everything that is known, ready for JSON."""

    def status_text(self) -> str:
        """The same for people, several lines."""

    def subscribe(self) -> Subscription:
        """The events from now on."""


def execute(controls: Controls, line: str, now_s: float) -> str | Awaitable[str]:  # noqa: C901, PLR0911, PLR0912 - a table
    """Carry out one request line; return its answer, or what to wait for. Both raise Refused."""
    command, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    match command, rest:
        case "press", "":
            return controls.press(now_s)
        case "hold", "":
            return controls.hold()
        case "stop", "":
            return controls.stop()
        case "greet", name if name:
            return controls.greet(name)
        case "say", words if announcement := _announcement(words):
            text, listen = announcement
            return controls.say(text, listen=listen)
        case "again", "":
            return controls.again()
        case "forget", "":
            return controls.forget()
        case "forget", what:
            return controls.forget_fact(what)
        case "remembered", "":
            return controls.remembered()
        case "mute", "on" | "off":
            return controls.mute(on=rest == "on")
        case "timers", "":
            return controls.timers()
        case "timers", words if words.startswith("cancel "):
            return controls.cancel_timer(words.removeprefix("cancel ").strip())
        case "snooze", minutes:
            return controls.snooze(minutes)
        case "volume", change if change:
            return controls.set_volume(_volume(change, controls.volume))
        case "status", "":
            return controls.status_text()
        case "status", "--json":
            return json.dumps(controls.status())
        case _:
            raise Refused(
                f"unknown command {line.strip()[:60]!r}; the commands are: press, hold, greet NAME, say TEXT [--listen], again, forget [WHAT], remembered, stop,"
                " timers, timers cancel NAME, snooze [MINUTES], mute on|off, volume N|+N|-N, status, status --json, subscribe"
            )


def _announcement(words: str) -> tuple[str, bool] | None:
    """The text of `say`, and whether to listen; None without a text."""
    first, _, rest = words.partition(" ")
    listen = first == "--listen"
    if listen:
        words = rest.lstrip()
        first, _, rest = words.partition(" ")
    if first == "--":
        text = rest.lstrip()
    else:
        text = words.removesuffix(" --listen").rstrip()
        listen |= text != words
    return (text, listen) if text else None


def _volume(change: str, now: int) -> int:
    try:
        amount = int(change)
    except ValueError:
        raise Refused(f"volume takes a number from 0 to 100, or +N or -N; not {change!r}") from None
    target = now + amount if change[0] in "+-" else amount
    if change[0] not in "+-" and not 0 <= target <= 100:
        raise Refused(f"volume takes a number from 0 to 100; not {amount}")
    return min(100, max(0, target))


def peer_uid(connection: socket.socket) -> int:
    """Return the user id at the other end, from the kernel."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)


def allowed(uid: int, path: Path, uid_map: Path = UID_MAP) -> bool:
    """Whether a user may control the speaker: root, the daemon's own user, and members of the socket's group."""
    if uid in {0, os.getuid()}:
        return True
    if uid == OVERFLOW_UID and not _is_mapped(uid, uid_map):
        return True  # PrivateUsers= in the unit hides who it is; the socket's mode has let them in
    try:
        user = pwd.getpwuid(uid)
        return path.stat().st_gid in os.getgrouplist(user.pw_name, user.pw_gid)
    except (KeyError, OSError):
        return False


def _is_mapped(uid: int, uid_map: Path) -> bool:
    """Whether a user id is mapped in this user namespace; outside of namespaces all are, that of `nobody` too."""
    try:
        ranges = [tuple(map(int, line.split())) for line in uid_map.read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return True
    return any(first <= uid < first + count for first, _, count in ranges)


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
            group = _group_name(self._path)
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


def _group_name(path: Path) -> str:
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (KeyError, OSError):
        return "of the socket"


async def _answers(path: Path) -> bool:
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
