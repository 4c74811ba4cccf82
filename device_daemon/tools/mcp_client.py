"""The client of one MCP server on this device: the official package over a stdio transport of our own with bounds.

The package's own transport reads lines of any length and lets a server write as much as it likes. Importing this module
imports `mcp` (0.7 to 2 s on a PC, 39 MiB): `mcp_servers` does it in a thread, and only where the config names a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

import anyio
import mcp_types
from mcp import Client, MCPError
from mcp.shared.message import SessionMessage
from msgspec import Struct

from device_daemon.system.foreign_text import safe

MOST_LINE_BYTES: Final = 1024 * 1024
"""Of one message; a server that writes a longer one is ended."""
MOST_BYTES: Final = 4 * 1024 * 1024
WITHIN_S: Final = 10.0
"""A server that writes more than `MOST_BYTES` within so many seconds is ended."""
MOST_TOOLS: Final = 64
_MOST_PAGES: Final = 10
_MOST_MALFORMED: Final = 10
_EXIT_DEADLINE_S: Final = 0.5
"""From the end of its stdin until a server is killed: a daemon that stops has 1.2 s for everything."""
_PIECE_BYTES: Final = 4096

Streams = tuple[
    anyio.streams.memory.MemoryObjectReceiveStream[SessionMessage | Exception],
    anyio.streams.memory.MemoryObjectSendStream[SessionMessage],
]


class ListedTool(Struct, frozen=True):
    """A tool as the server lists it."""

    name: str
    description: str
    schema: Mapping[str, Any]


class McpFailure(Exception):
    """The server failed; the message says how, in words that follow its name."""


class McpConnection:
    """An open connection; see `connect`."""

    def __init__(self, client: Client, transport: _Stdio) -> None:
        self._client = client
        self._transport = transport

    async def ended(self) -> str:
        """Wait until the server has ended, and return how."""
        await self._transport.ended.wait()
        return self._transport.why

    async def tools(self) -> list[ListedTool]:
        """Return what the server lists, at most `MOST_TOOLS`. Raises McpFailure."""
        found: list[ListedTool] = []
        cursor = None
        try:
            for _ in range(_MOST_PAGES):
                page = await self._client.list_tools(cursor=cursor)
                found += [ListedTool(tool.name, tool.description or "", tool.input_schema) for tool in page.tools]
                cursor = page.next_cursor
                if cursor is None or len(found) > MOST_TOOLS:
                    break
        except Exception as error:  # noqa: BLE001 - pydantic's, jsonschema's, the package's
            raise McpFailure(f"does not list its tools: {_words(error, self._transport)}") from None
        return found[:MOST_TOOLS]

    async def call(self, name: str, arguments: Mapping[str, Any], timeout_s: float) -> str:
        """Return what a tool answers, as text. Raises McpFailure, also where the tool says that it failed."""
        try:
            result = await self._client.call_tool(name, dict(arguments), read_timeout_seconds=timeout_s)
        except Exception as error:  # noqa: BLE001 - see above
            if isinstance(error, MCPError) and error.code == mcp_types.CONNECTION_CLOSED:
                await self._transport.ended.wait()  # how it ended is known in a moment
            raise McpFailure(_words(error, self._transport)) from None
        text = "\n".join(_text(block) for block in result.content)
        if not text and result.structured_content is not None:
            text = str(result.structured_content)
        if result.is_error:
            raise McpFailure(f"says: {text or 'it failed'}")
        return text


@contextlib.asynccontextmanager
async def connect(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout_s: float,
    on_tools_changed: Callable[[], None],
    most_bytes: int = MOST_BYTES,
) -> AsyncIterator[McpConnection]:
    """Start a server and connect to it; it is ended when the context is left.

    Args:
        arguments: The program's full path and its arguments.
        environment: All its variables.
        timeout_s: From its start until it answers.
        on_tools_changed: Called when the server says that it has other tools.
        most_bytes: See `MOST_BYTES`.

    Raises:
        McpFailure: It cannot be run, or does not answer as an MCP server.
    """
    transport = _Stdio(arguments, environment, most_bytes)

    async def note(message: object) -> None:
        if isinstance(message, mcp_types.ToolListChangedNotification):
            on_tools_changed()

    client = Client(transport, cache=None, message_handler=note)
    try:
        async with asyncio.timeout(timeout_s):
            await client.__aenter__()
    except TimeoutError:
        raise McpFailure(transport.why or transport.hint or f"does not answer within {timeout_s:g} seconds") from None
    except Exception as error:  # noqa: BLE001 - see above
        raise McpFailure(_words(error, transport)) from None
    try:
        yield McpConnection(client, transport)
    finally:
        with contextlib.suppress(Exception):  # it has ended in one way or another, and `why` says in which
            await client.__aexit__(None, None, None)


class _Stdio:
    """The transport: one JSON message a line over the server's stdin and stdout; stderr is read for its last line."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], most_bytes: int) -> None:
        self._arguments = arguments
        self._environment = environment
        self._most_bytes = most_bytes
        self._budget = most_bytes
        self._budget_until_s = 0.0
        self._malformed = 0
        self._complaint = b""
        self._leaving = False
        self._tasks: list[asyncio.Task[None]] = []
        self.ended = asyncio.Event()
        self.why = ""
        """How it failed, once it has."""
        self.hint = ""
        """What may be the reason if it does not answer."""

    async def __aenter__(self) -> Streams:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=MOST_LINE_BYTES,
                cwd="/",
                env=dict(self._environment),
                start_new_session=True,
            )
        except OSError as error:
            raise McpFailure(f"cannot be run ({error.strerror or error}); check the path") from None
        self._incoming, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, self._outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        work = (self._read(), self._write(), self._read_complaints())
        self._tasks = [asyncio.ensure_future(each) for each in work]
        return incoming, outgoing

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._leaving = True
        self._tasks[1].cancel()
        if self._process.stdin:
            self._process.stdin.close()
        await asyncio.wait(self._tasks, timeout=_EXIT_DEADLINE_S)
        self._kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=_EXIT_DEADLINE_S)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_EXIT_DEADLINE_S):
                for pipe in (self._process.stdout, self._process.stderr):
                    if pipe is not None:
                        await pipe.read()  # asyncio closes a pipe once nothing is left in it
                await self._process.wait()
        self._incoming.close()
        self._outgoing.close()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        try:
            with self._incoming:
                while line := await self._process.stdout.readline():
                    if self._floods(len(line)):
                        self.why = "writes without end, and was ended"
                        return
                    if not await self._deliver(line):
                        return
        except ValueError:
            self.why = f"wrote a line of more than {MOST_LINE_BYTES} bytes, and was ended"
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # we have left
        finally:
            await self._note_end()

    async def _deliver(self, line: bytes) -> bool:
        """Hand a message to the client; return False for a server that writes something else all the time."""
        try:
            message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            # A print() in a server is the most frequent mistake: a few such lines are skipped.
            self._malformed += 1
            self.hint = f"writes what is no MCP: {safe(line.decode(errors='replace'), 100)}"
            if self._malformed < _MOST_MALFORMED:
                return True
            self.why = self.hint
            return False
        await self._incoming.send(SessionMessage(message))
        return True

    def _floods(self, count_bytes: int) -> bool:
        now_s = time.monotonic()
        if now_s > self._budget_until_s:
            self._budget, self._budget_until_s = self._most_bytes, now_s + WITHIN_S
        self._budget -= count_bytes
        return self._budget < 0

    async def _note_end(self) -> None:
        """Say why it ended, where that is not known yet, and wake who waits for it."""
        if not self.why and not self._leaving:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EXIT_DEADLINE_S):
                    await self._process.wait()
            code = self._process.returncode
            lines = self._complaint.decode(errors="replace").strip().splitlines()
            said = f": {safe(lines[-1])}" if lines else ""
            self.why = f"has ended (exit code {code}){said}" if code is not None else "has closed its output"
        self._kill()
        self.ended.set()

    async def _write(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        with contextlib.suppress(OSError, anyio.ClosedResourceError):
            async with self._outgoing:
                async for message in self._outgoing:
                    text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    self._process.stdin.write(f"{text}\n".encode())
                    await self._process.stdin.drain()

    async def _read_complaints(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was asked for
        while piece := await self._process.stderr.read(_PIECE_BYTES):
            self._complaint = (self._complaint + piece)[-_PIECE_BYTES:]


def _text(block: Any) -> str:
    """Return what of a result's part can be said."""
    if isinstance(block, mcp_types.TextContent):
        return block.text
    if isinstance(block, mcp_types.EmbeddedResource) and isinstance(block.resource, mcp_types.TextResourceContents):
        return block.resource.text
    return f"(something that cannot be spoken: {getattr(block, 'type', 'unknown')})"


def _words(error: BaseException, transport: _Stdio) -> str:
    """Return what went wrong; the transport knows more than the package says of a connection that closed."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, McpFailure):
        return str(error)
    if transport.why:
        return transport.why
    if isinstance(error, MCPError):
        return f"answers: {safe(error.message).rstrip('.')}"
    if isinstance(error, TimeoutError):
        return "does not answer"
    first = str(error).strip().splitlines()
    return f"answers nonsense ({type(error).__name__}: {safe(first[0] if first else '', 100)})"
