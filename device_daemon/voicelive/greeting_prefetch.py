"""Has the service speak greetings ahead, while the device is idle, so that the first press finds them remembered.

One session without microphone and speaker: settings, then one greeting after the other, exactly as a conversation
would ask for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.ports import CLOSE_DEADLINE_S, ClientPort, ConnectionPort
from device_daemon.errors import SpeakerError
from device_daemon.greetings.cache import GreetingCache, Rendition
from device_daemon.greetings.opening import Opening
from device_daemon.system.background_task import Background
from device_daemon.system.memory_trim import give_back

logger = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""For the next sign of the service."""
LIMIT_MS = 60_000
"""A greeting that is longer is not kept."""


class GreetingPrefetch:
    """Begin it whenever the device is idle and the service there; stop it when a conversation begins.

    `wanted` tells what the config's greetings can say. Nothing is asked for that the store knows, and nothing a second
    time that the service refused.
    """

    def __init__(self, client: ClientPort, store: GreetingCache, wanted: Callable[[], Sequence[Rendition]]) -> None:
        self._client = client
        self._store = store
        self._wanted = wanted
        self._refused: set[Rendition] = set()
        self._unwelcome = False
        """The service greets by itself: ours would be a second greeting."""
        self._rehearsing = Background("rehearsal")

    def begin(self) -> None:
        """Have spoken what is missing; does nothing where nothing is."""
        self.stop()
        if not self._unwelcome:
            self._rehearsing.begin(self._rehearse())

    def stop(self) -> None:
        """Leave off, at once; what is half spoken is not kept."""
        self._rehearsing.stop()

    async def close(self) -> None:
        """Leave off and wait until the connection is gone."""
        await self._rehearsing.close(CLOSE_DEADLINE_S)

    async def _rehearse(self) -> None:
        missing = [wanted for wanted in await asyncio.to_thread(self._missing) if wanted not in self._refused]
        if not missing:
            return
        try:
            connection = await self._client.connect()
        except SpeakerError as failure:
            logger.debug("no greeting is spoken ahead: %s", failure)
            return
        try:
            await self._speak(connection, missing)
        except (SpeakerError, TimeoutError, StopAsyncIteration) as failure:
            logger.debug("not all greetings were spoken ahead: %r", failure)
        finally:
            await connection.close()
        give_back()

    def _missing(self) -> list[Rendition]:
        return [wanted for wanted in self._wanted() if not self._store.contains(wanted)]

    async def _speak(self, connection: ConnectionPort, missing: Sequence[Rendition]) -> None:
        events = connection.events()
        await connection.send(do.UpdateSession())
        while not isinstance(event := await _next(events), on.SessionUpdated):
            if isinstance(event, on.ServiceError):
                return
        if event.greets_itself:
            self._unwelcome = True
            await asyncio.to_thread(self._store.clear)
            return
        kept = 0
        for number, rendition in enumerate(missing):
            opening = Opening("rehearsal", rendition.text, voice=rendition.voice)
            await connection.send(do.RequestGreeting(opening, f"rehearsal-{number}"))
            if pcm := await _spoken(events):
                await asyncio.to_thread(self._store.put, rendition, pcm)
                kept += 1
            else:
                self._refused.add(rendition)
                logger.info("the service does not speak %r ahead; it is tried again at the next start", rendition.text)
        if kept:
            logger.info("%d greetings were spoken ahead", kept)


async def _spoken(events: AsyncIterator[on.ServiceEvent]) -> bytes:
    """The sound of the next response, empty if it is refused or fails."""
    response_id = ""
    pieces: list[bytes] = []
    size = 0
    while True:
        match await _next(events):
            case on.ResponseCreated(created) if not response_id:
                response_id = created
            case on.AudioDelta(of, _, _, pcm) if of == response_id:
                pieces.append(pcm)
                size += len(pcm)
            case on.ResponseDone(done, status) if done == response_id:
                whole = status == "completed" and size <= LIMIT_MS * BYTES_PER_MS
                return b"".join(pieces) if whole else b""
            case on.ServiceError():
                return b""


async def _next(events: AsyncIterator[on.ServiceEvent]) -> on.ServiceEvent:
    """The next event. Raises TimeoutError, and what ended the connection."""
    async with asyncio.timeout(PATIENCE_S):
        event = await anext(events)
    if isinstance(event, on.Closed):
        raise event.failure
    return event
