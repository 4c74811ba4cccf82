"""Keeps one session ready, so that a conversation needs no name lookup, no handshake and no settings to begin.

Nothing is sent over it but its settings, and the microphone stays closed: that is why mute and rest are no reason to
give it up. What it costs is connections: see `service.standby` in config/config.yaml.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import AsyncIterator
from typing import Literal

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.ports import CLOSE_DEADLINE_S, ClientPort, ConnectionPort
from device_daemon.errors import ConnectionLost, ServiceBusy, ServiceSilent, SessionEnded, SessionRejected, SpeakerError
from device_daemon.system.background_task import Background
from device_daemon.voicelive.reachability import DELAYS_S, JITTER

logger = logging.getLogger(__name__)

Mode = Literal["off", "after-conversation", "always"]

KEPT_S = 300.0
"""After a conversation: who wants to add something comes back soon."""
RENEWED_S = 540.0
"""The service closes a session in which nothing happens after some ten minutes."""
BEFORE_EXPIRY_S = 30.0
READY_DEADLINE_S = 10.0
SOUND_S = 60.0
"""A session that lived so long was a good one: the next failure is the first again."""


def renewed_in_s(expires_in_s: float) -> float:
    """How long a session is held at most, in seconds, if the service ends it in `expires_in_s`.

    Never for less than `SOUND_S`: on a device whose clock is wrong the expiry is nonsense.
    """
    return min(RENEWED_S, max(SOUND_S, expires_in_s - BEFORE_EXPIRY_S))


class WarmSession:
    """A client whose `connect` gives the session that is ready, if there is one; else a fresh connection."""

    def __init__(self, client: ClientPort, mode: Mode) -> None:
        self._client = client
        self._mode = mode
        self._held: HeldConnection | None = None
        self._unwelcome = False
        """The service speaks by itself: what it says in a session that is held would be lost."""
        self._keeping = Background("standby")

    @property
    def ready(self) -> bool:
        """A session is ready."""
        return self._held is not None and self._held.usable

    def begin(self) -> None:
        """The service can be reached, and nobody talks."""
        if self._mode == "always":
            self._hold(None)

    def conversation_ended(self) -> None:
        """The next one may follow soon."""
        if self._mode != "off":
            self._hold(KEPT_S if self._mode == "after-conversation" else None)

    async def connect(self) -> ConnectionPort:
        """The session that is ready, or a connection on which nothing was sent yet. Raises one of errors.py."""
        held, self._held = self._held, None
        if held is not None and held.usable:
            held.taken = True
            self._keeping.stop()
            return held
        self._keeping.stop()
        return await self._client.connect()

    async def close(self) -> None:
        """Let go of everything; every task is awaited."""
        await self._keeping.close(CLOSE_DEADLINE_S)

    def _hold(self, for_s: float | None) -> None:
        if self._unwelcome or (for_s is None and self.ready):
            return
        self._keeping.begin(self._keep(for_s))

    async def _keep(self, for_s: float | None) -> None:
        """Have a session ready for so long (None: always), and a new one when it ends."""
        tries = 0
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                while not self._unwelcome:
                    began_s = loop.time()
                    try:
                        await self._hold_one()
                    except SpeakerError as failure:
                        logger.debug("no session is ready: %s", failure)
                        if not failure.retry and not isinstance(failure, SessionEnded):
                            return
                        tries = 0 if loop.time() - began_s > SOUND_S else tries + 1
                        delay_s = DELAYS_S[min(tries, len(DELAYS_S) - 1)]
                        asked_s = (failure.retry_after_s or 0.0) if isinstance(failure, ServiceBusy) else 0.0
                        await asyncio.sleep(asked_s + delay_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311

    async def _hold_one(self) -> None:
        """One session, from its opening to its renewal. Raises what it failed from."""
        held = HeldConnection(await self._client.connect())
        try:
            await held.prepare()
            if not held.speaks:
                self._held = held
                await held.watch()
            if held.speaks:
                self._unwelcome = True
                logger.info("the service speaks by itself: no session is kept ready")
        finally:
            if self._held is held:
                self._held = None
            if not held.taken:
                await held.close()


class HeldConnection:
    """A connection whose session is ready: for whoever takes it, it begins anew, and is ready at once."""

    def __init__(self, connection: ConnectionPort) -> None:
        self.taken = False
        """It belongs to a conversation now."""
        self.speaks = False
        """The service said something that nobody asked for."""
        self._connection = connection
        self._events = connection.events()
        self._next: asyncio.Future[on.ServiceEvent] | None = None
        """The event that is being waited for: it is handed over, since a generator does not survive a cancelled wait."""
        self._expires_in_s = math.inf
        self._updated = on.SessionUpdated()
        self._asked = asyncio.Event()
        self._as_it_is = True

    @property
    def unreadable(self) -> int:
        """Messages that were no events."""
        return self._connection.unreadable

    @property
    def usable(self) -> bool:
        """Nothing came since the session was ready."""
        return self._next is not None and not self._next.done()

    async def prepare(self) -> None:
        """Have the session ready. Raises what it failed from."""
        try:
            async with asyncio.timeout(READY_DEADLINE_S):
                await self._connection.send(do.UpdateSession())
                while True:
                    match await self._event():
                        case on.SessionCreated(_, expires_in_s) if expires_in_s is not None:
                            self._expires_in_s = expires_in_s
                        case on.SessionUpdated() as updated:
                            self._updated = updated
                            self.speaks |= updated.greets_itself
                            break
                        case on.ServiceError(code, message):
                            raise SessionRejected.from_service(code, message)
        except TimeoutError:
            raise ServiceSilent("the service did not answer session.update in time; it is tried again.") from None
        self._wait_for_next()

    async def watch(self) -> None:
        """Wait until it has to be renewed, or the service speaks. Raises what ended it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(renewed_in_s(self._expires_in_s) * random.uniform(1 - JITTER, 1)):  # noqa: S311
                while not self.speaks:
                    # Not the event itself is awaited: whoever is cancelled here must not cancel it.
                    await asyncio.wait({self._wait_for_next()})
                    match await self._event():
                        case on.ServiceError(code, message):
                            raise ConnectionLost(f"the service is not content with the session: {message} ({code}).")

    async def send(self, message: do.Message) -> None:
        """Send a message, unless it asks for what is so already. Raises ConnectionLost."""
        if isinstance(message, do.UpdateSession):
            self._as_it_is = message == do.UpdateSession()
            self._asked.set()
            if self._as_it_is:
                return
        await self._connection.send(message)

    async def send_audio(self, pcm: bytes) -> None:
        """Raises ConnectionLost."""
        await self._connection.send_audio(pcm)

    async def events(self) -> AsyncIterator[on.ServiceEvent]:
        """The answer to the session.update that comes first, then what comes; the last one is Closed."""
        await self._asked.wait()
        if self._as_it_is:
            yield self._updated
        event = await self._wait_for_next()
        self._next = None
        yield event
        if not isinstance(event, on.Closed):
            async for later in self._events:
                yield later

    async def close(self) -> None:
        """Never raises."""
        try:
            if self._next is not None:
                self._next.cancel()
                await asyncio.wait({self._next}, timeout=CLOSE_DEADLINE_S)
        finally:
            await self._connection.close()  # also where the goodbye is cut short

    def _wait_for_next(self) -> asyncio.Future[on.ServiceEvent]:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._events))
        return self._next

    async def _event(self) -> on.ServiceEvent:
        event = await self._wait_for_next()
        self._next = None
        if isinstance(event, on.Closed):
            raise event.failure
        self.speaks |= isinstance(event, on.ResponseCreated | on.AudioDelta)
        return event
