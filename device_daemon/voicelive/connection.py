"""An open connection to Azure Voice Live, through the SDK's VoiceLiveConnection.

The WebSocket under it is opened here and not by the SDK's connect(), which drops the close reason, leaks its HTTP
session when a handshake is cancelled, ignores a handshake deadline and reports every close alike. Importing this module
takes half a second: `client` does so late, and in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import AsyncIterator, Mapping
from types import SimpleNamespace
from typing import Any, Final, cast

import aiohttp
from azure.ai.voicelive import aio as sdk

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.errors import ConnectionLost
from device_daemon.system.memory_trim import give_back
from device_daemon.voicelive import failures, wire

HANDSHAKE_DEADLINE_S = 8.0
CLOSE_DEADLINE_S = 1.0
HEARTBEAT_S = 20.0
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_SDK_CLOSED: Final[tuple[type[Exception], ...]] = (sdk.ConnectionClosed, RuntimeError)

logger = logging.getLogger(__name__)

give_back()
# All that is imported until now is there for good: kept out of the garbage collector's rounds. To go through its
# 50 000 objects stops everything for 25 ms, in the first conversation.
gc.freeze()


class _Socket(aiohttp.ClientWebSocketResponse):
    """Remembers that it ended and the words that came with that, which neither aiohttp nor the SDK keeps."""

    ended = False
    close_reason = ""

    async def receive(self, timeout: float | None = None) -> aiohttp.WSMessage:  # noqa: ASYNC109 - aiohttp's signature
        code = self._close_code
        try:
            message = await super().receive(timeout)
        except asyncio.CancelledError:
            # aiohttp takes a cancelled receive for a broken line: close() would hang up before the service's goodbye.
            self._close_code = code
            raise
        self.ended = message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}
        if message.type is aiohttp.WSMsgType.CLOSE:
            self.close_reason = str(message.extra or "")
        return message


class Connection:
    """An open session's two directions. One reader, one writer."""

    def __init__(self, http: aiohttp.ClientSession, socket: _Socket, session: Mapping[str, Any]) -> None:
        self._http = http
        self._socket = socket
        self._session = session
        self._sdk = sdk.VoiceLiveConnection(http, socket)
        self.unreadable = 0
        """Messages that were no events; each is skipped."""

    async def send(self, message: do.Message) -> None:
        """Send one of our messages. Raises ConnectionLost."""
        try:
            for mapping in wire.encode(message, self._session):
                await self._sdk.send(mapping)
        except (sdk.ConnectionError, OSError) as error:
            raise self._broken(error) from error

    async def send_audio(self, pcm: bytes) -> None:
        """Append microphone audio (24 kHz mono S16LE). Raises ConnectionLost.

        Past the SDK, whose `send` would take as long again: of all messages, these alone are many.
        """
        try:
            await self._socket.send_frame(wire.append(pcm), aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, RuntimeError, OSError) as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> ConnectionLost:
        return ConnectionLost(f"the connection broke while sending: {error}", self._socket.close_code)

    async def events(self) -> AsyncIterator[on.ServiceEvent]:
        """Events as they come; the last one is Closed, with the reason."""
        while True:
            raw: bytes | None = None
            with contextlib.suppress(*_SDK_CLOSED):
                raw = await self._sdk.recv_bytes()
            if raw is None or self._socket.ended:
                yield on.Closed(failures.close_failure(self._socket.close_code, self._socket.close_reason))
                return
            try:
                event = wire.decode(raw, time.time())
            except wire.UndecodableMessage as error:
                self.unreadable += 1
                if self.unreadable == 1:
                    logger.warning("skipped a message that is no event (%s); further ones are only counted", error)
                continue
            if event is not None:
                yield event

    async def close(self) -> None:
        """Close in good order, or drop it where the service does not answer in time."""
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await self._sdk.close()
        except (TimeoutError, OSError) as error:
            logger.debug("the connection was dropped: %r", error)
        finally:
            await self._http.close()  # the SDK's close() leaves it open where it is cut short


async def open_connection(
    url: str, headers: Mapping[str, str], proxy: str | None, session: Mapping[str, Any], host: str
) -> Connection:
    """Open the WebSocket at `url`; `session` is what session.update will ask for. Raises one of errors.py."""
    http = aiohttp.ClientSession(
        ws_response_class=_Socket,
        trust_env=True,  # HTTPS_PROXY and its like, which the SDK would ignore
        trace_configs=[_no_redirects()],
        timeout=aiohttp.ClientTimeout(total=HANDSHAKE_DEADLINE_S),
    )
    try:
        async with asyncio.timeout(HANDSHAKE_DEADLINE_S):
            socket = await http.ws_connect(
                url,
                headers=headers,
                proxy=proxy,
                heartbeat=HEARTBEAT_S,
                max_msg_size=MAX_MESSAGE_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_DEADLINE_S),
            )
    except BaseException as error:
        await http.close()  # also where the attempt was cancelled: the HTTP session must not outlive it
        if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError, ValueError)):
            # Not `from error`: aiohttp's exceptions hold the request's headers, and in them the key.
            raise failures.connect_failure(error, host) from None
        raise
    return Connection(http, cast("_Socket", socket), session)


def _no_redirects() -> aiohttp.TraceConfig:
    """Refuse redirects before the key is sent to wherever they point."""

    async def refuse(_http: aiohttp.ClientSession, _context: SimpleNamespace, params: Any) -> None:
        status = params.response.status
        params.response.close()
        raise failures.handshake_failure(status, None, params.url.host)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace
