"""The WebSocket server: listens on this machine, checks key or token, and refuses what is no proper handshake."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import web

from device_daemon.errors import ServiceUnreachable
from device_daemon.localservice import admin
from device_daemon.localservice.connection import ClientConnection
from device_daemon.localservice.faults import NONE, FaultBox, Faults
from device_daemon.localservice.model import Model
from device_daemon.localservice.record import Record, RecordEntry
from device_daemon.localservice.scripted_replies import Replies
from device_daemon.localservice.voice import Voice

if TYPE_CHECKING:
    from device_daemon.localservice.certificate import Certificate

logger = logging.getLogger(__name__)

PATH = "/voice-live/realtime"
_MAX_MESSAGE_BYTES = 32 * 1024 * 1024  # 15 MiB of sound, which the service takes in one message, as base64
_CLOSING_S = 1.0
_FIRST_ERROR_STATUS = 400


class _Refused(Exception):
    """A handshake that is answered with an HTTP error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class LocalService:
    """A Voice Live service on 127.0.0.1.

    Args:
        port: 0 takes a free one.
        key: the API key that clients have to show; None accepts any key or none.
        token: the bearer token that clients may show instead; None: the same as `key`.
        faults: may be set again at any time.
        replies: the scripted ones; by default replies.yaml.
        voice: speaks them; by default espeak-ng.
        certificate: serves wss:// with it, else ws://.
        record: keep what was sent and received in `self.record`.
        with_admin: offer the routes under /admin.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        key: str | None = None,
        token: str | None = None,
        faults: Faults = NONE,
        replies: Replies | None = None,
        voice: Voice | None = None,
        certificate: Certificate | None = None,
        record: bool = True,
        with_admin: bool = False,
    ) -> None:
        self.record = Record(enabled=record)
        self._port = port
        self._key = key
        self._token = key if token is None else token
        self._certificate = certificate
        self._faults = FaultBox(faults)
        self._replies = replies or Replies.load()
        self._voice = voice or Voice()
        self._with_admin = with_admin
        self._runner: web.AppRunner | None = None
        self._connections: set[ClientConnection] = set()
        self._stopping = asyncio.Event()
        self._sessions = 0

    @property
    def endpoint(self) -> str:
        """What a client connects to: ws://127.0.0.1:PORT, or wss:// with a certificate."""
        return f"{'wss' if self._certificate else 'ws'}://127.0.0.1:{self._port}"

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self._faults.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults.set(faults)

    async def start(self) -> None:
        """Listen. Raises ServiceUnreachable if the port is taken."""
        app = web.Application()
        if self._with_admin:
            admin.add_routes(app, self)
        app.router.add_get("/{path:.*}", self._handle)
        self._stopping.clear()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSING_S)
        await self._runner.setup()
        context = None if self._certificate is None else self._certificate.context
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=context)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ServiceUnreachable(
                f"port {self._port} of this machine can't be used ({error.strerror}): choose another with --port"
            ) from error
        self._port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close every session with 1001 and stop listening."""
        self._stopping.set()
        closing = [connection.close(1001, "The local service stops.") for connection in self._connections]
        await asyncio.gather(*closing, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def wait_for(
        self, kind: str, *, session: int | None = None, count: int = 1, deadline_s: float = 20.0
    ) -> RecordEntry:
        """Return the `count`-th message of a type, sent or received; see Record.wait_for."""
        return await self.record.wait_for(kind, session=session, count=count, deadline_s=deadline_s)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        connection_number = self._faults.connect()

        def faults() -> Faults:
            return self._faults.of(connection_number)

        at_first = faults()
        await asyncio.sleep(at_first.handshake_delay_ms / 1000)
        if at_first.handshake_hangs:
            await self._stopping.wait()
        try:
            model = self._admitted(request, at_first)
        except _Refused as refused:
            return self._refusal(refused, at_first)
        return await self._serve(request, model, faults)

    def _admitted(self, request: web.Request, faults: Faults) -> Model:
        """Return the model of a proper handshake, or raise _Refused."""
        query = request.query
        if faults.refuse_status is not None:
            raise _Refused(faults.refuse_status, "refused", "An injected refusal.")
        if not request.path.endswith(PATH):
            raise _Refused(404, "404", f"Resource not found: the path must end in {PATH}.")
        agent = query.get("agent-name")
        self._check_key(request, agent=agent is not None)
        if not query.get("api-version"):
            raise _Refused(400, "missing_api_version", "The query parameter api-version is required.")
        if not (query.get("model") or agent):
            raise _Refused(400, "missing_model", "One of the query parameters model and agent-name is required.")
        if agent is not None and not query.get("agent-project-name"):
            raise _Refused(400, "missing_agent_project", "agent-name requires agent-project-name.")
        return Model(agent, agent=True) if agent is not None else Model(query["model"])

    def _check_key(self, request: web.Request, *, agent: bool) -> None:
        key = request.headers.get("api-key") or request.query.get("api-key")
        authorization = request.headers.get("Authorization") or request.query.get("Authorization") or ""
        scheme, _, token = authorization.partition(" ")
        if agent and key and not token:
            raise _Refused(401, "unauthorized", "Agents take no API key: sign in with a token.")
        expected, shown = (self._key, key) if key else (self._token, token if scheme == "Bearer" else "")
        if expected is not None and not hmac.compare_digest(shown.encode(), expected.encode()):
            raise _Refused(401, "401", "Access denied due to invalid subscription key or token.")

    def _refusal(self, refused: _Refused, faults: Faults) -> web.Response:
        self.record.refusal(refused.status)
        headers = {"x-ms-request-id": f"local-{time.monotonic_ns()}"}
        if faults.retry_after_s is not None:
            headers["Retry-After"] = str(faults.retry_after_s)
            if faults.retry_after_as_date:
                headers["Retry-After"] = formatdate(time.time() + faults.retry_after_s, usegmt=True)
        if refused.status < _FIRST_ERROR_STATUS:
            headers["Location"] = "/elsewhere"
        details = {"error": {"code": refused.code, "message": refused.message}}
        return web.json_response(details, status=refused.status, headers=headers)

    async def _serve(self, request: web.Request, model: Model, faults: Callable[[], Faults]) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            timeout=_CLOSING_S, max_msg_size=_MAX_MESSAGE_BYTES, compress=False, autoping=False
        )
        if not socket.can_prepare(request).ok:
            return self._refusal(_Refused(400, "bad_request", "This is a WebSocket: upgrade to it."), faults())
        try:
            await socket.prepare(request)
        except ConnectionResetError:
            return web.Response()  # the client did not wait for an answer, and gets none
        if request.transport is None:
            return socket
        self._sessions += 1
        session_record = self.record.open(self._sessions, _without_key(request.query))
        connection = ClientConnection(
            socket,
            request.transport,
            model,
            faults=faults,
            replies=self._replies,
            voice=self._voice,
            record=self.record,
            session_record=session_record,
        )
        logger.info("session %d opened with %s", self._sessions, model.name)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            session_record.closed_s = time.monotonic()
            session_record.close_code = socket.close_code
            session_record.closed.set()
            logger.info("session %d closed (%s)", session_record.number, socket.close_code)
        return socket


def _without_key(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name.lower() not in {"api-key", "authorization"}}
