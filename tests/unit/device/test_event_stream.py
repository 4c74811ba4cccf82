"""The stream of events: every reader gets each event in order, and a slow one is told how many it lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.device.event_stream import EventStream
from device_daemon.device.events import AnyEvent, Event, EventsDropped, StateChanged, VolumeChanged
from device_daemon.state import State
from scripts.documents import event_schema

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def stream() -> EventStream:
    return EventStream(lambda: NOON)


async def test_a_reader_gets_the_events_since_it_subscribed_with_their_number_and_time() -> None:
    events = stream()
    events.publish(VolumeChanged(volume=10))
    with events.subscribe() as reader:
        events.publish(VolumeChanged(volume=20))
        assert await reader.next() == VolumeChanged(number=2, at=NOON, volume=20)


async def test_a_reader_waits_for_the_next_event() -> None:
    events = stream()
    with events.subscribe() as reader:
        waiting = asyncio.ensure_future(reader.next())
        await asyncio.sleep(0)
        assert not waiting.done()
        events.publish(VolumeChanged(volume=30))
        assert await waiting == VolumeChanged(number=1, at=NOON, volume=30)


async def test_who_left_is_sent_nothing_more() -> None:
    events = stream()
    with events.subscribe():
        assert events.readers == 1
    assert events.readers == 0
    events.publish(VolumeChanged(volume=1))


@given(published=st.integers(0, 40), capacity=st.integers(1, 10))
def test_a_slow_reader_gets_the_newest_events_and_the_number_of_those_it_lost(published: int, capacity: int) -> None:
    async def read() -> None:
        events = stream()
        with events.subscribe() as quick, events.subscribe(capacity) as slow:
            for volume in range(published):
                events.publish(VolumeChanged(volume=volume))
            lost = max(0, published - capacity)
            assert slow.dropped == lost
            if lost:
                assert await slow.next() == EventsDropped(number=lost + 1, at=NOON, count=lost)
            for number in range(lost, published):
                assert await slow.next() == VolumeChanged(number=number + 1, at=NOON, volume=number)
            for number in range(published):
                assert (await quick.next()).number == number + 1, "a slow reader delays nobody else"

    asyncio.run(read())


def test_an_event_is_a_line_of_json_that_can_be_read_back() -> None:
    event = StateChanged(number=7, at=NOON, state=State.LISTENING, before=State.GREETING)
    line = msgspec.json.encode(event)
    assert line == (
        b'{"event":"state","version":1,"number":7,"at":"2026-11-29T12:00:00Z",'
        b'"state":"listening","before":"greeting","failure":null}'
    )
    assert msgspec.json.decode(line, type=AnyEvent) == event


def test_the_schema_and_the_page_in_docs_are_those_of_the_types() -> None:
    schema = event_schema.as_text()
    assert event_schema.PATH.read_text(encoding="utf-8") == schema
    page = event_schema.PATH.with_name("events.md").read_text(encoding="utf-8")
    own = set(Event.__struct_fields__)
    for kind in get_args(AnyEvent):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{kind.__struct_config__.tag}` |"))
        fields = [f"`{name}`" for name in kind.__struct_fields__ if name not in own]
        assert all(field in row for field in fields), f"{row} lacks one of {fields}"
