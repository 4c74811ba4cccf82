"""Warm session: one kept ready, so that a conversation needs no name lookup, no handshake and no settings to begin.

Nothing is sent over it but its settings and pings, and the microphone stays closed: so it is kept while the device is
muted, too. What it costs is connections: see `service.standby` in config/config.yaml.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Literal

from msgspec import Struct

from device_daemon.config.settings import SERVICE_ASSISTANT
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.ports import CLOSE_DEADLINE_S, ClientPort, ConnectionPort
from device_daemon.conversation.service_errors import failure_of, is_about_session_update
from device_daemon.errors import ConnectionLost, ServiceSilent, SpeakerError
from device_daemon.system.background_task import Background
from device_daemon.system.backoff import JITTER, backoff, retry_delay_s

logger = logging.getLogger(__name__)

Mode = Literal["off", "after-conversation", "always"]


class WarmSessionTimes(Struct, frozen=True):
    """In seconds."""

    kept_s: float = 300.0
    """How long one is kept after a conversation: who wants to add something comes back soon."""
    renewed_s: float = 540.0
    """The service closes a session in which nothing happens after some ten minutes (reports of users; not documented)."""
    before_expiry_s: float = 30.0
    """How long before its `expires_at` a session is renewed at the latest."""
    ready_s: float = 10.0
    """For session.updated."""
    good_s: float = 60.0
    """A session that stood so long was a good one: the backoff begins anew after it."""
    closing_s: float = CLOSE_DEADLINE_S


def renewed_in_s(expires_in_s: float, times: WarmSessionTimes) -> float:
    """Return after how many seconds a session that expires in `expires_in_s` is renewed at the latest.

    Never less than `good_s`: on a device whose clock is wrong the expiry is nonsense.
    """
    return min(times.renewed_s, max(times.good_s, expires_in_s - times.before_expiry_s))


class WarmSession:
    """A client whose `connect` gives the session that is ready, if there is one; else a fresh connection."""

    def __init__(
        self,
        client: ClientPort,
        mode: Mode,
        *,
        assistant: str = SERVICE_ASSISTANT,
        background: ClientPort | None = None,
        times: WarmSessionTimes | None = None,
        delays: Callable[[], Iterator[float]] = backoff,
    ) -> None:
        """`client` opens connections for a person who waits, `background` those that are kept.

        The first session that is kept is for `assistant`, each later one for the assistant of the last conversation.
        """
        self._client = client
        self._background = background or client
        self._mode = mode
        self._assistant = assistant
        self._times = times or WarmSessionTimes()
        self._delays = delays
        self._held: HeldConnection | None = None
        self._speaking: set[str] = set()
        """Assistants that speak by themselves: what they say in a session that is held would be lost."""
        self._keeping = Background("warm session")

    @property
    def ready(self) -> bool:
        """A session is ready."""
        return self._held is not None and self._held.usable

    def begin(self) -> None:
        """Keep one from now on, if the mode wants that: the service can be reached, and nobody talks."""
        if self._mode == "always":
            self._keep_one(None)

    def conversation_ended(self) -> None:
        """Keep one for a while, if the mode wants that: the next conversation may follow soon."""
        if self._mode != "off":
            self._keep_one(self._times.kept_s if self._mode == "after-conversation" else None)

    async def connect(self, assistant: str = SERVICE_ASSISTANT) -> ConnectionPort:
        """Return the session that is ready, or a connection on which nothing was sent yet. Raises SpeakerError."""
        held, self._held = self._held, None
        kept_for, self._assistant = self._assistant, assistant
        if held is not None and held.usable and kept_for == assistant:
            held.taken = True
            self._keeping.stop()
            return held
        self._keeping.stop()
        return await self._client.connect(assistant)

    async def close(self) -> None:
        """Close the session that is kept; every task is awaited."""
        await self._keeping.close(self._times.closing_s)

    def _keep_one(self, for_s: float | None) -> None:
        if self._assistant in self._speaking or (for_s is None and self.ready):
            return
        self._keeping.begin(self._keep(for_s))

    async def _keep(self, for_s: float | None) -> None:
        """Have a session ready for so long (None: always), and a new one when it ends."""
        delays = self._delays()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                while self._assistant not in self._speaking:
                    began_s = loop.time()
                    try:
                        await self._hold_one()
                    except SpeakerError as failure:
                        logger.debug("no session is ready: %s", failure)
                        if loop.time() - began_s > self._times.good_s:
                            delays = self._delays()
                        wait_s = retry_delay_s(failure, next(delays))
                        if wait_s is None:
                            return
                        await asyncio.sleep(wait_s)

    async def _hold_one(self) -> None:
        """Hold one session, from its opening to its renewal. Raises what it failed from."""
        assistant = self._assistant
        held = HeldConnection(await self._background.connect(assistant), self._times)
        try:
            await held.prepare()
            if not held.service_speaks:
                self._held = held
                await held.watch()
            if held.service_speaks:
                self._speaking.add(assistant)
                logger.info("the service speaks by itself: no session is kept ready")
        finally:
            if self._held is held:
                self._held = None
            if not held.taken:
                await held.close()


class HeldConnection:
    """A connection whose session is ready: whoever takes it finds it as if it were new, and ready at once."""

    def __init__(self, connection: ConnectionPort, times: WarmSessionTimes) -> None:
        self.taken = False
        """It belongs to a conversation now."""
        self.service_speaks = False
        """The service began to speak though nobody asked for anything."""
        self._connection = connection
        self._times = times
        self._events = connection.events()
        self._next: asyncio.Future[on.ServiceEvent] | None = None
        """The event that is being waited for: it is handed over, since a generator does not survive a cancelled wait."""
        self._expires_in_s = math.inf
        self._updated = on.SessionUpdated()
        self._asked = asyncio.Event()
        self._unchanged = True

    @property
    def unreadable(self) -> int:
        """How many messages could not be decoded."""
        return self._connection.unreadable

    @property
    def usable(self) -> bool:
        """Nothing came since the session was ready."""
        return self._next is not None and not self._next.done()

    async def prepare(self) -> None:
        """Have the session ready. Raises what it failed from."""
        refusal: SpeakerError | None = None
        try:
            async with asyncio.timeout(self._times.ready_s):
                await self._connection.send(do.UpdateSession())
                while True:
                    match await self._event():
                        case on.SessionCreated(_, expires_in_s) if expires_in_s is not None:
                            self._expires_in_s = expires_in_s
                        case on.SessionUpdated() as updated:
                            self._updated = updated
                            self.service_speaks |= updated.greets_itself
                            break
                        case on.ServiceError() as error:
                            refusal = failure_of(error)
                            if is_about_session_update(error):
                                raise refusal
        except TimeoutError:
            silent = ServiceSilent("the service did not answer session.update in time; it is tried again.")
            raise refusal or silent from None
        self._wait_for_next()

    async def watch(self) -> None:
        """Wait until it has to be renewed, or the service speaks. Raises what ended it."""
        most_s = renewed_in_s(self._expires_in_s, self._times)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s * random.uniform(1 - JITTER, 1)):  # noqa: S311 - not for cryptography
                while not self.service_speaks:
                    # Not the event itself is awaited: whoever is cancelled here must not cancel it.
                    await asyncio.wait({self._wait_for_next()})
                    match await self._event():
                        case on.ServiceError(code, message):
                            raise ConnectionLost(
                                f"the service reports an error in the warm session: {message} ({code})."
                            )

    async def send(self, message: do.Message) -> None:
        """Send a message; of settings that are in force already, only what opened the conversation. Raises ConnectionLost."""
        if isinstance(message, do.UpdateSession):
            self._unchanged = not message.push_to_talk
            self._asked.set()
            if self._unchanged:
                await self._connection.send(do.UpdateMetadata(message.trigger))
                return
        await self._connection.send(message)

    async def send_audio(self, pcm: bytes, reference: bytes = b"") -> None:
        """Append microphone audio. Raises ConnectionLost."""
        await self._connection.send_audio(pcm, reference)

    async def events(self) -> AsyncIterator[on.ServiceEvent]:
        """Yield the answer to the session.update that comes first, then what comes; the last one is Closed."""
        await self._asked.wait()
        if self._unchanged:
            yield self._updated
        event = await self._wait_for_next()
        self._next = None
        yield event
        if not isinstance(event, on.Closed):
            async for later in self._events:
                yield later

    async def close(self) -> None:
        """Close the connection. Never raises."""
        try:
            if self._next is not None:
                self._next.cancel()
                await asyncio.wait({self._next}, timeout=self._times.closing_s)
        finally:
            await self._connection.close()  # also where the wait is cut short

    def _wait_for_next(self) -> asyncio.Future[on.ServiceEvent]:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._events))
        return self._next

    async def _event(self) -> on.ServiceEvent:
        event = await self._wait_for_next()
        self._next = None
        if isinstance(event, on.Closed):
            raise event.failure
        self.service_speaks |= isinstance(event, on.ResponseCreated | on.AudioDelta)
        return event
