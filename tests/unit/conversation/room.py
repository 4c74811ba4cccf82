"""A service, a sound card and a conversation between them, all in one event loop and driven by a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest

from device_daemon.audio.period import Period
from device_daemon.config.settings import SERVICE_ASSISTANT
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.metrics import Metrics
from device_daemon.conversation.policy import ConversationPolicy, Deadlines
from device_daemon.conversation.ports import CLOSE_DEADLINE_S, ConnectionPort
from device_daemon.conversation.runner import ConversationRunner, RunnerContext
from device_daemon.conversation.uplink import LIMIT_MS
from device_daemon.greetings.opening import Opening
from device_daemon.state import State

HELLO = Opening("welcome", "Hello!")
SECOND = bytes(48_000)
PRESSED_S = 100.0
OWN_SOUND = (b"\1\1", 0.6)
AT_ONCE = Deadlines(retries_s=(0.0, 0.0, 0.0))
"""A new connection is tried without a delay."""


async def settle() -> None:
    """Let every task run as far as it gets without further events; nothing here waits for anything outside."""
    for _ in range(30):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let tasks run, and threads that work for them, until it is so."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0)


def period(number: int) -> Period:
    """The numbered period of 10 ms; each is told apart from all others by its sound."""
    return Period(number.to_bytes(2, "little") * 240, PRESSED_S + (number + 1) / 100)


class FakeConnection:
    """Gives what `arrive` was given, and notes what is sent; in the diary, which events were dealt with."""

    def __init__(self, diary: list[str]) -> None:
        self._diary = diary
        self.unreadable = 0
        self.sent: list[do.Message | bytes] = []
        self.send_error: Exception | None = None
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.may_close = asyncio.Event()
        self.may_close.set()
        self.close_error: Exception | None = None
        self.closed = 0
        self._arriving: asyncio.Queue[on.ServiceEvent | Exception] = asyncio.Queue()

    def arrive(self, *events: on.ServiceEvent | Exception) -> None:
        for event in events:
            self._arriving.put_nowait(event)

    @property
    def messages(self) -> list[do.Message]:
        return [entry for entry in self.sent if not isinstance(entry, bytes)]

    @property
    def audio(self) -> bytes:
        return b"".join(entry for entry in self.sent if isinstance(entry, bytes))

    async def send(self, message: do.Message) -> None:
        await self._send(message)

    async def send_audio(self, pcm: bytes, reference: bytes = b"") -> None:
        del reference
        await self._send(pcm)

    async def _send(self, entry: do.Message | bytes) -> None:
        await self.may_send.wait()
        if self.send_error:
            raise self.send_error
        self.sent.append(entry)

    async def events(self) -> AsyncIterator[on.ServiceEvent]:
        while True:
            event = await self._arriving.get()
            if isinstance(event, Exception):
                raise event
            yield event
            self._diary.append(f"{type(event).__name__} was dealt with")
            if isinstance(event, on.Closed):
                return

    async def close(self) -> None:
        self.closed += 1
        while not self.may_close.is_set():
            try:
                await self.may_close.wait()
            except asyncio.CancelledError:
                continue  # the worst that closing can do
        if self.close_error:
            raise self.close_error


class FakeClient:
    """Makes connections, or raises the next of `failures`."""

    def __init__(self, diary: list[str]) -> None:
        self._diary = diary
        self.connections: list[FakeConnection] = []
        self.assistants: list[str] = []
        """Which one each connection was to be opened to."""
        self.failures: list[Exception] = []
        self.may_connect = asyncio.Event()
        self.may_connect.set()

    async def connect(self, assistant: str = SERVICE_ASSISTANT) -> ConnectionPort:
        self.assistants.append(assistant)
        await self.may_connect.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.connections.append(FakeConnection(self._diary))
        return self.connections[-1]


class FakeSpeaker:
    """Notes what it is to play."""

    def __init__(self, diary: list[str]) -> None:
        self._diary = diary
        self.orders: list[tuple[str, int]] = []
        self.gains: dict[str, float] = {}
        self.error: Exception | None = None
        self.queued_ms = 0

    def play(self, source: str, pcm: bytes, ticket: int, *, gain: float = 1.0) -> None:
        if self.error:
            raise self.error
        assert pcm
        self.orders.append((source, ticket))
        self.gains[source] = gain

    def flush(self, ticket: int) -> None:
        self.orders.append(("flush", ticket))
        self._diary.append("flush")


class Room:
    """A conversation and all it touches."""

    def __init__(
        self,
        opening: Opening | None = HELLO,
        policy: ConversationPolicy | None = None,
        dialogue: Dialogue | None = None,
        uplink_limit_ms: int = LIMIT_MS,
        close_deadline_s: float = CLOSE_DEADLINE_S,
    ) -> None:
        self.diary: list[str] = []
        """Flushes and the service's events, in the order in which they were dealt with."""
        self.client, self.speaker, self.metrics = FakeClient(self.diary), FakeSpeaker(self.diary), Metrics()
        self.states: list[State] = []
        self.microphone: list[bool] = []
        """Each time that it was to be opened (True) or closed."""
        self.spoken: list[tuple[Opening, bytes]] = []
        """Greetings to be remembered."""
        self.said: list[tuple[str, str]] = []
        self.conversation = ConversationRunner(
            dialogue or Dialogue(opening, policy or ConversationPolicy(), AT_ONCE),
            RunnerContext(
                client=self.client,
                speaker=self.speaker,
                metrics=self.metrics,
                own_sound=lambda _: OWN_SOUND,
                notice=lambda _: OWN_SOUND,
                on_state=self.states.append,
                on_microphone=self._opens_microphone,
                on_transcript=lambda role, text: self.said.append((role, text)),
                on_greeting_recorded=lambda opening, pcm: self.spoken.append((opening, pcm)),
                uplink_limit_ms=uplink_limit_ms,
            ),
            PRESSED_S,
            close_deadline_s=close_deadline_s,
        )
        self.running = asyncio.ensure_future(self.conversation.run())

    def _opens_microphone(self, opens: bool) -> None:
        self.microphone.append(opens)
        if opens:  # the first word from its thread, without a sound
            asyncio.get_running_loop().call_soon(self.conversation.microphone_periods, [])

    @property
    def connection(self) -> FakeConnection:
        """The newest one."""
        return self.client.connections[-1]

    async def ready(self) -> Room:
        await settle()
        self.connection.arrive(on.SessionCreated("s"), on.SessionUpdated())
        await settle()
        return self

    async def greeted(self) -> Room:
        """The first sample of the greeting was heard 400 ms after the press, and its last one after a second."""
        await self.ready()
        self.connection.arrive(
            on.ResponseCreated("r1"), on.AudioDelta("r1", "i1", 0, SECOND), on.ResponseDone("r1", "completed")
        )
        await settle()
        self.conversation.speaker_event(on.Started("i1", PRESSED_S + 0.4))
        self.conversation.speaker_event(on.Silent(1, PRESSED_S + 1.4))
        await settle()
        return self

    async def answering(self) -> Room:
        """Greeted, asked, and audibly answering."""
        await self.greeted()
        self.connection.arrive(on.SpeechStarted(), on.SpeechStopped(), on.ResponseCreated("r2"))
        self.connection.arrive(on.AudioDelta("r2", "i2", 0, SECOND))
        await settle()
        self.conversation.speaker_event(on.Started("i2", self.conversation.times.speech_stopped_s or 0.0))
        await settle()
        return self

    async def end(self) -> do.End:
        """How it ended, after everything was let go of."""
        async with asyncio.timeout(5):
            end = await self.running
            await self.conversation.close()
        return end

    @staticmethod
    def in_order(audio: bytes) -> list[int]:
        """The numbers of the periods in this sound."""
        numbers = [int.from_bytes(audio[i : i + 2], "little") for i in range(0, len(audio), 480)]
        assert all(later > earlier for earlier, later in pairwise(numbers))
        return numbers


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """After each test no task is left."""
    before = asyncio.all_tasks()
    yield
    await settle()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left
