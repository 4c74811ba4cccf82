"""Prefetch of greetings: fixed greetings are synthesised in advance, so that the first press finds them in the cache.

One session without microphone and speaker, while the device is idle: settings, then one greeting after the other,
requested exactly as a conversation would.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.ports import CLOSE_DEADLINE_S, ClientPort, ConnectionPort
from device_daemon.conversation.service_errors import failure_of, is_about_session_update
from device_daemon.errors import ServiceSilent, SpeakerError
from device_daemon.greetings.cache import GreetingCache, Rendition
from device_daemon.greetings.opening import Opening
from device_daemon.system.background_task import Background
from device_daemon.system.backoff import backoff, retry_delay_s
from device_daemon.system.foreign_text import safe
from device_daemon.system.memory_trim import give_back

logger = logging.getLogger(__name__)

EVENT_DEADLINE_S = 10.0
"""For the service's next event."""
MOST_MS = 60_000
"""A longer greeting is not cached."""


class GreetingPrefetch:
    """Begin it whenever the device is idle and the service can be reached; stop it when a conversation begins.

    `wanted` returns by assistant what the config's greetings can say. Nothing is requested that is in the cache, and nothing a
    second time that the service refused.
    """

    def __init__(
        self,
        client: ClientPort,
        cache: GreetingCache,
        wanted: Callable[[], Mapping[str, Sequence[Rendition]]],
        *,
        delays: Callable[[], Iterator[float]] = backoff,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._cache = cache
        self._wanted = wanted
        self._delays = delays
        self._pause = pause
        self._refused: set[Rendition] = set()
        self._greeting: set[str] = set()
        """Assistants that greet by themselves: ours would be a second greeting."""
        self._fetching = Background("greeting prefetch")

    @property
    def over(self) -> bool:
        """Nothing is being fetched, and no connection is being closed."""
        return self._fetching.over

    def begin(self) -> None:
        """Fetch what is missing; does nothing where nothing is."""
        self.stop()
        self._fetching.begin(self._fetch())

    def preload(self) -> None:
        """Read what is cached on disk into memory, without the service: the first press after a start finds it there."""
        self._fetching.begin(self._preload())

    async def _preload(self) -> None:
        await asyncio.to_thread(self._missing)

    def stop(self) -> None:
        """Stop at once; a greeting that is not complete is not kept."""
        self._fetching.stop()

    async def close(self) -> None:
        """Stop, and wait until the connection is closed."""
        await self._fetching.close(CLOSE_DEADLINE_S)

    async def _fetch(self) -> None:
        """Fetch until nothing is missing; a failure that may pass is retried with backoff."""
        for delay_s in self._delays():
            missing = await asyncio.to_thread(self._missing)
            wait_s = await self._fetch_all(missing, delay_s) if missing else None
            if wait_s is None:
                return
            await self._pause(wait_s)

    def _missing(self) -> dict[str, list[Rendition]]:
        missing = {
            assistant: [one for one in wanted if one not in self._refused and not self._cache.contains(one)]
            for assistant, wanted in self._wanted().items()
            if assistant not in self._greeting
        }
        return {assistant: renditions for assistant, renditions in missing.items() if renditions}

    async def _fetch_all(self, missing: Mapping[str, Sequence[Rendition]], delay_s: float) -> float | None:
        """Fetch these; returns in how many seconds to try again, None where that is not needed or cannot help."""
        waits = [await self._fetch_of(assistant, renditions, delay_s) for assistant, renditions in missing.items()]
        give_back()
        return max((wait_s for wait_s in waits if wait_s is not None), default=None)

    async def _fetch_of(self, assistant: str, missing: Sequence[Rendition], delay_s: float) -> float | None:
        try:
            connection = await self._client.connect(assistant)
            try:
                await self._converse(connection, assistant, missing)
            finally:
                await connection.close()
        except SpeakerError as failure:
            logger.debug("not all greetings were fetched: %s", failure)
            return retry_delay_s(failure, delay_s)
        return None

    async def _converse(self, connection: ConnectionPort, assistant: str, missing: Sequence[Rendition]) -> None:
        events = connection.events()
        await connection.send(do.UpdateSession())
        while not isinstance(event := await _next(events), on.SessionUpdated):
            if isinstance(event, on.ServiceError) and is_about_session_update(event):
                raise failure_of(event)
        if event.greets_itself:
            self._greeting.add(assistant)
            await asyncio.to_thread(self._cache.clear, missing[0].group)
            return
        fetched = 0
        for number, rendition in enumerate(missing):
            opening = Opening("prefetch", rendition.text, voice=rendition.voice)
            await connection.send(do.RequestGreeting(opening, f"prefetch-{number}"))
            if pcm := await _spoken(events):
                await asyncio.to_thread(self._cache.put, rendition, pcm)
                fetched += 1
            else:
                self._refused.add(rendition)
                logger.info(
                    "the service does not speak %r; the greeting is fetched again after the next start",
                    safe(rendition.text),
                )
        if fetched:
            logger.info("%d greetings were fetched in advance", fetched)


async def _spoken(events: AsyncIterator[on.ServiceEvent]) -> bytes:
    """Return the sound of the next response, 24 kHz mono S16LE; empty if it is refused, fails, or is too long."""
    response_id = ""
    deltas: list[bytes] = []
    size = 0
    while True:
        match await _next(events):
            case on.ResponseCreated(created) if not response_id:
                response_id = created
            case on.AudioDelta(of, _, _, pcm) if of == response_id and size <= MOST_MS * BYTES_PER_MS:
                deltas.append(pcm)
                size += len(pcm)
            case on.ResponseDone(done, status) if done == response_id:
                complete = status == "completed" and size <= MOST_MS * BYTES_PER_MS
                return b"".join(deltas) if complete else b""
            case on.ServiceError() as error:
                if failure_of(error).retry:
                    raise failure_of(error)
                return b""


async def _next(events: AsyncIterator[on.ServiceEvent]) -> on.ServiceEvent:
    """Return the next event. Raises what ended the connection, and ServiceSilent."""
    try:
        async with asyncio.timeout(EVENT_DEADLINE_S):
            event = await anext(events)
    except (TimeoutError, StopAsyncIteration):
        raise ServiceSilent("the service did not go on speaking a greeting; it is tried again.") from None
    if isinstance(event, on.Closed):
        raise event.failure
    return event
