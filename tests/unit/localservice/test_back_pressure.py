"""A client that reads slowly is waited for; one that never reads is dropped."""

from __future__ import annotations

import asyncio
from typing import Any

from device_daemon.localservice.faults import Faults
from device_daemon.localservice.message_queues import Writer
from device_daemon.localservice.messages import Event, event
from device_daemon.localservice.synthesis import ResponseSynthesizer
from device_daemon.localservice.voice import Voice
from tests.unit.localservice.client_messages import CREATE, speak
from tests.unit.localservice.driver import CHAIN_END, configured, types


class SlowSocket:
    """A WebSocket whose client reads one message when it is allowed to."""

    def __init__(self) -> None:
        self.may_read = asyncio.Semaphore(0)

    async def send_str(self, _text: str) -> None:
        await self.may_read.acquire()


def nothing(*_details: Any) -> None:
    pass


async def test_audio_waits_while_the_client_does_not_read() -> None:
    slow: Any = SlowSocket()
    writer = Writer(slow, nothing, nothing)
    writing = asyncio.create_task(writer.run())
    waited_for = 0
    while waited_for < 1_000:
        room = asyncio.create_task(writer.room())
        await asyncio.sleep(0)
        if not room.done():
            break
        writer.put(event("response.audio.delta"))
        waited_for += 1
    assert waited_for < 100
    for _ in range(waited_for):
        slow.may_read.release()
    await room
    writing.cancel()
    await asyncio.wait({writing})


async def test_a_client_that_never_reads_is_dropped() -> None:
    dropped: list[bool] = []
    slow: Any = SlowSocket()
    writer = Writer(slow, lambda: dropped.append(True), nothing)
    for _ in range(20_000):
        writer.put(event("error"))
    assert dropped == [True]


async def test_a_response_sends_no_audio_before_there_is_room() -> None:
    driver = configured()
    driver.send(CREATE)
    sent: list[Event] = []
    asked, room = asyncio.Event(), asyncio.Event()

    async def wait_for_room() -> None:
        asked.set()
        await room.wait()

    synthesizer = ResponseSynthesizer(
        Voice(speak), driver.session.responses, lambda: Faults(speed=0), sent.extend, wait_for_room
    )
    making = asyncio.create_task(synthesizer.make(driver.planned[-1]))
    await asked.wait()
    assert "response.audio.delta" not in types(sent)
    room.set()
    await making
    assert types(sent)[-6:] == ["response.audio.delta", *CHAIN_END]
