"""One connection to Azure Voice Live, through the SDK's VoiceLiveConnection.

The WebSocket under it is opened here and not by the SDK's connect(), which drops the close reason, leaks its HTTP
session when a handshake is cancelled, ignores a handshake deadline and reports every close alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import aiohttp

from device_daemon import commands as do
from device_daemon import events as on
from device_daemon.config.settings import Service
from device_daemon.errors import AuthRefused, ConnectionLost
from device_daemon.voicelive import failures, wire
from device_daemon.voicelive.credentials import Credential

API_VERSION = "2026-07-15"
HANDSHAKE_DEADLINE_S = 8.0
CLOSE_DEADLINE_S = 1.0
HEARTBEAT_S = 20.0
MAX_MESSAGE_BYTES = 4 * 1024 * 1024

logger = logging.getLogger(__name__)


def url_for(service: Service, endpoint: str) -> str:
    """The WebSocket address of a session: what the SDK's connect() makes, in the scheme that HTTPS_PROXY goes by."""
    parts = urlsplit(endpoint)
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    query = {"api-version": API_VERSION}
    if service.agent is None:
        query["model"] = service.model
    else:
        query |= {"agent-name": service.agent.name, "agent-project-name": service.agent.project}
        if service.agent.version:
            query["agent-version"] = service.agent.version
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/voice-live/realtime?{urlencode(query)}"


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
        sdk = _sdk()
        self._http = http
        self._socket = socket
        self._session = session
        self._sdk = sdk.VoiceLiveConnection(http, socket)
        self._sdk_closed: tuple[type[Exception], ...] = (sdk.ConnectionClosed, RuntimeError)
        self._sdk_failed: type[Exception] = sdk.ConnectionError
        self.unreadable = 0
        """Messages that were no events; each is skipped."""

    async def send(self, message: do.Message) -> None:
        """Send one of our messages. Raises ConnectionLost."""
        try:
            for mapping in wire.encode(message, self._session):
                await self._sdk.send(mapping)
        except (self._sdk_failed, OSError) as error:
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
            with contextlib.suppress(*self._sdk_closed):
                raw = await self._sdk.recv_bytes()
            if raw is None or self._socket.ended:
                yield on.Closed(failures.close_failure(self._socket.close_code, self._socket.close_reason))
                return
            try:
                event = wire.decode(raw, time.time())
            except wire.Unreadable as error:
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


class Client:
    """Opens connections as the config asks for them."""

    def __init__(
        self, service: Service, endpoint: str, sign_in: Callable[[], Credential], session: Mapping[str, Any]
    ) -> None:
        self._url = url_for(service, endpoint)
        self.host = urlsplit(endpoint).netloc
        self._proxy = service.proxy
        self._sign_in = sign_in
        self._credential: Credential | None = None
        self._session = session

    @staticmethod
    async def warm_up() -> None:
        """Import the SDK in a thread: half a second that the first press should not wait for."""
        await asyncio.to_thread(_sdk)

    async def connect(self) -> Connection:
        """A connection on which nothing was sent yet. Raises one of errors.py."""
        await self.warm_up()
        if self._credential is None:
            self._credential = self._sign_in()  # here and not earlier: the owner may put the key there meanwhile
        headers = await self._credential.headers()
        http = aiohttp.ClientSession(
            ws_response_class=_Socket,
            trust_env=True,  # HTTPS_PROXY and its like, which the SDK would ignore
            trace_configs=[_no_redirects()],
            timeout=aiohttp.ClientTimeout(total=HANDSHAKE_DEADLINE_S),
        )
        try:
            async with asyncio.timeout(HANDSHAKE_DEADLINE_S):
                socket = await http.ws_connect(
                    self._url,
                    headers=headers,
                    proxy=self._proxy,
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_DEADLINE_S),
                )
        except BaseException as error:
            await http.close()  # also where the attempt was cancelled: the HTTP session must not outlive it
            if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError, ValueError)):
                failure = failures.connect_failure(error, self.host)
                if isinstance(failure, AuthRefused):
                    await self.close()  # the owner may replace the key meanwhile
                # Not `from error`: aiohttp's exceptions hold the request's headers, and in them the key.
                raise failure from None
            raise
        return Connection(http, cast("_Socket", socket), self._session)

    async def close(self) -> None:
        """Let go of what the credential holds."""
        if self._credential:
            credential, self._credential = self._credential, None
            await credential.close()


@cache
def _sdk() -> ModuleType:
    """Return the SDK's module, with all that is imported until then kept out of the garbage collector's rounds.

    It is there for good, and to go through its 50 000 objects stops everything for 25 ms: in the first conversation.
    """
    sdk = importlib.import_module("azure.ai.voicelive.aio")
    gc.collect()
    gc.freeze()
    return sdk


def _no_redirects() -> aiohttp.TraceConfig:
    """Refuse redirects before the key is sent to wherever they point."""

    async def refuse(_http: aiohttp.ClientSession, _context: SimpleNamespace, params: Any) -> None:
        status = params.response.status
        params.response.close()
        raise failures.handshake_failure(status, None, params.url.host)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace
