"""The connections of one conversation to the service, one after the other: what arrives, what is sent, how they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from device_daemon.conversation import events as on
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.ports import ClientPort, ConnectionPort, SpeakerPort
from device_daemon.conversation.uplink import Uplink
from device_daemon.errors import ConnectionLost, SpeakerError

MOST_QUEUED_MS = 200_000
"""Back-pressure: while more than this is to be played nothing is read, so that TCP holds the service back.

The longest message holds 65 s of sound (4 MiB in base64), and the speaker takes 300 s: nothing is ever dropped. What is
behind that much sound waits as well, a person's speech_started too; a press does not.
"""
BACK_PRESSURE_S = 0.25

logger = logging.getLogger(__name__)


class Sessions:
    """At most one connection is current; events of those before it are dropped, and these close in the background.

    Args:
        client: Opens a connection.
        assistant: To which assistant of the config.
        uplink: What is to be sent.
        speaker: How much it has still to play.
        metrics: Counts what could not be read.
        receive: Takes the events of the current connection; the last one is Closed.
        close_deadline_s: How long connections may take to close.
    """

    def __init__(
        self,
        client: ClientPort,
        assistant: str,
        *,
        uplink: Uplink,
        speaker: SpeakerPort,
        metrics: Metrics,
        receive: Callable[[on.Event], None],
        close_deadline_s: float,
    ) -> None:
        self._client = client
        self._assistant = assistant
        self._uplink = uplink
        self._speaker = speaker
        self._metrics = metrics
        self._receive = receive
        self._close_deadline_s = close_deadline_s
        self._loop = asyncio.get_running_loop()
        self._current: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._generation = 0

    def connect(self, delay_s: float) -> None:
        """Open another connection after a delay; the old one is closed in the background."""
        self._generation += 1
        self._uplink.detach()
        if self._current is not None and self._current is not asyncio.current_task():
            self._current.cancel()
        self._current = self._loop.create_task(self._run(delay_s, self._generation), name="session")
        self._tasks.add(self._current)
        self._current.add_done_callback(partial(self._over, self._generation))

    async def close(self) -> None:
        """Close the connections, within the deadline."""
        self._generation += 1
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, stuck = await asyncio.wait(self._tasks, timeout=self._close_deadline_s)
            if stuck:
                logger.warning(
                    "%d connections did not close within %g s and are abandoned", len(stuck), self._close_deadline_s
                )

    def _receive_from(self, generation: int, event: on.Event) -> None:
        """Take an event from a connection, unless it is no longer the current one."""
        if generation == self._generation:
            self._receive(event)

    def _over(self, generation: int, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a bug in this program; please report it", exc_info=error)
            failure = ConnectionLost(f"the connection failed in an unexpected way: {error!r}")
            self._receive_from(generation, on.Closed(failure))

    async def _run(self, delay_s: float, generation: int) -> None:
        await asyncio.sleep(delay_s)
        try:
            connection = await self._client.connect(self._assistant)
        except SpeakerError as failure:
            self._receive_from(generation, on.Closed(failure))
            return
        sender = self._loop.create_task(self._send(connection, generation), name="sender")
        sender.add_done_callback(partial(self._over, generation))
        try:
            self._receive_from(generation, on.Opened())
            async for event in connection.events():
                self._receive_from(generation, event)
                if generation != self._generation:
                    return  # that event gave this connection up, though it may still stand
                while self._speaker.queued_ms > MOST_QUEUED_MS:  # noqa: ASYNC110 - the card's thread has no event
                    await asyncio.sleep(BACK_PRESSURE_S)
        finally:
            sender.cancel()
            await asyncio.wait({sender})
            self._metrics.unreadable_messages += connection.unreadable
            await connection.close()

    async def _send(self, connection: ConnectionPort, generation: int) -> None:
        try:
            await self._uplink.run(connection)
        except SpeakerError as failure:
            self._receive_from(generation, on.Closed(failure))
