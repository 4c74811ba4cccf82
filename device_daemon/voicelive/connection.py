"""An open connection to Azure Voice Live: the SDK's VoiceLiveConnection over a WebSocket of our own.

Messages are sent through the SDK. Events are read from the WebSocket itself: the SDK's `recv` loses the close reason and
parses each event into models, of which this speaker needs a few fields. Importing this module imports the SDK: see
`client`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from azure.ai.voicelive import aio as sdk
from azure.ai.voicelive import models

from device_daemon.audio.gain import interleaved
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.errors import ConnectionLost, SpeakerError
from device_daemon.voicelive import failures, sdk_messages, wire
from device_daemon.voicelive.limits import LineLimits
from device_daemon.voicelive.liveness import Check, Liveness
from device_daemon.voicelive.session import STEREO

_GRACE_S = 0.2
"""Before a line is given up: what came meanwhile, or while the event loop was busy, is read first."""

logger = logging.getLogger(__name__)
# What the SDK logs as an error is raised as well, and reported by whoever handles it.
logging.getLogger("azure.ai.voicelive").setLevel(logging.CRITICAL)


def _never(_code: str, _message: str) -> bool:
    return False


class Connection:
    """An open session's two directions. One reader, one writer; made in the event loop."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse,
        session: models.RequestSession,
        limits: LineLimits,
        refuses_echo_reference: Callable[[str, str], bool] = _never,
    ) -> None:
        """`refuses_echo_reference` is given the code and message of each error; True closes this connection for a new one.

        `socket` must leave pings to us (autoping=False); `session` is what session.update will ask for.
        """
        self._http = http
        self._socket = socket
        self._session = session
        echo = session.input_audio_echo_cancellation
        self._stereo = echo is not None and echo.channels == STEREO
        self._refuses_echo_reference = refuses_echo_reference
        self._sdk = sdk.VoiceLiveConnection(http, socket)
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._liveness = Liveness(self._loop.time(), limits)
        self._receiving: asyncio.Task[aiohttp.WSMessage] | None = None
        self._given_up: asyncio.Future[ConnectionLost] = self._loop.create_future()
        self._expiry: asyncio.TimerHandle | None = None
        self._due_earlier = asyncio.Event()
        self._keeping_alive = self._loop.create_task(self._keep_alive(), name="keep-alive")
        self.unreadable = 0
        """Messages that were no events; each is skipped."""

    async def send(self, message: do.Message) -> None:
        """Send one of our messages. Raises what ended the connection, most often ConnectionLost."""
        self._used()
        try:
            await sdk_messages.send(self._sdk, message, self._session)
        except (sdk.ConnectionError, OSError) as error:
            raise await self._broken(error) from error

    async def send_audio(self, pcm: bytes, reference: bytes = b"") -> None:
        """Append microphone audio (24 kHz mono S16LE). Raises what ended the connection, most often ConnectionLost.

        In a session with the client's echo reference it goes out as interleaved stereo, `reference` the second channel.

        Past the SDK, whose encoder would take 5 to 10 times as long: of all messages, these alone are many.
        """
        self._used()
        if self._stereo:
            pcm = interleaved(pcm, reference or bytes(len(pcm)))
        try:
            await self._socket.send_frame(wire.append(pcm), aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, RuntimeError, OSError) as error:
            raise await self._broken(error) from error

    async def _broken(self, error: Exception) -> SpeakerError:
        """Return what ended the connection: what the other side said of it, where that came already."""
        if (receiving := self._receiving) is not None:
            await asyncio.wait({receiving}, timeout=_GRACE_S)
            if receiving.done() and not receiving.cancelled() and receiving.result().type is aiohttp.WSMsgType.CLOSE:
                message = receiving.result()
                return failures.close_failure(message.data, str(message.extra or ""))
        return ConnectionLost(f"the connection broke while sending: {error}", self._socket.close_code)

    async def events(self) -> AsyncIterator[on.ServiceEvent]:
        """Yield events as they come; the last one is Closed, with the reason.

        Nothing is read ahead: a consumer that takes its time slows the service down (back-pressure of TCP).
        """
        while True:
            message = await self._receive()
            if message is None:
                yield on.Closed(self._given_up.result())
                return
            match message.type:
                case aiohttp.WSMsgType.TEXT | aiohttp.WSMsgType.BINARY:
                    self._used()
                    if (event := self._decoded(message.data)) is None:
                        continue
                    if isinstance(event, on.ServiceError) and self._refuses_echo_reference(event.code, event.message):
                        yield on.Closed(ConnectionLost(f"{event.message} ({event.code}); connected anew without it."))
                        return
                    if isinstance(event, on.SessionCreated):
                        self._set_expiry(event.expires_in_s)
                    yield event
                case aiohttp.WSMsgType.PING:
                    with contextlib.suppress(aiohttp.ClientError, RuntimeError, OSError):  # a broken line ends it next
                        await self._socket.pong(message.data)
                case aiohttp.WSMsgType.PONG:
                    pass
                case aiohttp.WSMsgType.CLOSE:  # not `close_code`: that is 1006 where our half of the handshake failed
                    yield on.Closed(failures.close_failure(message.data, str(message.extra or "")))
                    return
                case _:
                    yield on.Closed(failures.close_failure(self._socket.close_code, ""))
                    return

    async def close(self) -> None:
        """Close with the closing handshake, or drop the connection where the service does not answer it in time."""
        self._keeping_alive.cancel()
        if self._expiry is not None:
            self._expiry.cancel()
        try:
            async with asyncio.timeout(self._limits.closing_s):
                await self._sdk.close()
        except (TimeoutError, OSError) as error:
            logger.debug("the connection was dropped: %r", error)
        finally:
            if self._receiving is not None:
                self._receiving.cancel()
            await self._http.close()  # the SDK's close() leaves it open where it is cut short
            await asyncio.wait({self._keeping_alive})

    async def _receive(self) -> aiohttp.WSMessage | None:
        """Return the next frame; None where the connection is given up. Whoever is cancelled here leaves it to the next caller.

        aiohttp takes a cancelled `receive` for a broken line, and would close without the closing handshake.
        """
        if self._receiving is None:
            self._receiving = self._loop.create_task(self._socket.receive(), name="receive")
        self._recheck(self._liveness.reading(self._loop.time(), on=True))
        try:
            awaited: set[asyncio.Future[Any]] = {self._receiving, self._given_up}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if not self._receiving.done():
                return None
            self._recheck(self._liveness.heard(self._loop.time()))
            received, self._receiving = self._receiving, None
            return received.result()
        finally:
            self._liveness.reading(self._loop.time(), on=False)

    def _decoded(self, raw: bytes | str) -> on.ServiceEvent | None:
        try:
            return wire.decode(raw, time.time())
        except wire.UndecodableMessage as error:
            self.unreadable += 1
            if self.unreadable == 1:
                logger.warning("skipped a message that is no event (%s); further ones are only counted", error)
            return None

    def _set_expiry(self, expires_in_s: float | None) -> None:
        """Have the session replaced before the service ends it, perhaps in the middle of a word.

        Not where little is left: a session lasts an hour, so this device's clock is wrong.
        """
        before_s = self._limits.before_expiry_s * random.uniform(1, 2)  # noqa: S311 - not for cryptography
        if expires_in_s is not None and expires_in_s > 4 * self._limits.before_expiry_s:
            said = "the session is about to expire; a new one is opened."
            self._expiry = self._loop.call_later(expires_in_s - before_s, self._give_up, said)

    def _give_up(self, said: str) -> None:
        if not self._given_up.done():
            self._given_up.set_result(ConnectionLost(said))

    # Keep-alive

    def _used(self) -> None:
        self._recheck(self._liveness.used(self._loop.time()))

    def _recheck(self, earlier: bool) -> None:
        if earlier:
            self._due_earlier.set()

    async def _keep_alive(self) -> None:
        """Ping while nothing comes; end when the line is dead or broken."""
        while True:
            match self._liveness.check(self._loop.time()):
                case Check.PING:
                    self._liveness.pinged(self._loop.time())
                    if not await self._ping():
                        return  # the reader notices it as well
                case Check.DEAD:
                    await asyncio.sleep(_GRACE_S)
                    if self._liveness.check(self._loop.time()) is Check.DEAD:
                        self._give_up("the line is dead: the service answers no ping; a new connection is tried.")
                        return
            self._due_earlier.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._liveness.due_s(self._loop.time())):
                    await self._due_earlier.wait()

    async def _ping(self) -> bool:
        """Send a ping, which may have to wait behind audio for as long as its answer; False where the line is broken."""
        try:
            async with asyncio.timeout_at(self._liveness.due_s(self._loop.time())):
                await self._socket.ping()
        except TimeoutError:
            pass
        except (aiohttp.ClientError, RuntimeError, OSError):
            return False
        return True
