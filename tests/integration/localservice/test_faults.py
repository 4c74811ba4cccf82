from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest

from device_daemon.errors import ConfigError
from device_daemon.localservice.faults import NONE, FaultBox, Faults, Garbage, Moment, from_json, parse
from device_daemon.localservice.message_queues import DelayLine
from device_daemon.localservice.server import LocalService
from tests.integration.localservice.wire import (
    CREATE,
    DEADLINE_S,
    UPDATE,
    append,
    connected,
    given,
    in_session,
    service,
    speech,
)

ABRUPT = 1006


def behaving(**faults: Any) -> AbstractAsyncContextManager[LocalService]:
    """A service with these faults, whose answers come all at once unless a speed is given."""
    return service(Faults(**{"speed": 0, **faults}))


# How they are set


def test_faults_are_read_from_the_command_line() -> None:
    faults = parse(["close_at=delta", "close-code=4001", "close_abruptly", "speed=2.5", "retry_after_s=3"])
    assert faults == Faults(close_at=Moment.DELTA, close_code=4001, close_abruptly=True, speed=2.5, retry_after_s=3)


def test_every_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(["speed=fast", "clos_at=delta", "close_at=never", "delta_ms=1"])
    assert [problem.split()[1].rstrip(":") for problem in caught.value.problems] == [
        "speed=fast",
        "clos_at=delta",
        "delta_ms=1",
    ]
    assert "close_at" in caught.value.problems[1]


def test_faults_are_read_from_json() -> None:
    assert from_json({"stall_ms": 5, "close_at": "updated"}) == Faults(stall_ms=5, close_at=Moment.UPDATED)
    with pytest.raises(ConfigError):
        from_json({"stall_ms": -1})


def test_faults_may_meet_the_first_connections_only() -> None:
    box = FaultBox(Faults(first_connections=1, stall_ms=1))
    assert [box.of(box.connect()).stall_ms for _ in range(3)] == [1, 0, 0]
    box.set(Faults(first_connections=1, stall_ms=2))
    assert [box.of(number).stall_ms for number in (3, 4, 5)] == [2, 2, 0]
    box.set(NONE)
    assert box.of(4).stall_ms == 0


# The handshake


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_the_handshake_is_refused(status: int) -> None:
    async with behaving(refuse_status=status, retry_after_s=7, first_connections=1) as local:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with connected(local):
                pass
        assert caught.value.status == status
        assert caught.value.headers is not None
        assert caught.value.headers["Retry-After"] == "7"
        assert caught.value.headers["x-ms-request-id"]
        assert [refused for _, refused in local.record.refused] == [status]
        async with in_session(local):
            pass


async def test_the_handshake_hangs_until_the_service_stops() -> None:
    async with behaving(handshake_hangs=True) as local:
        connecting = asyncio.create_task(connected(local).__aenter__())
        await asyncio.wait({connecting}, timeout=0.2)
        assert not connecting.done()
        connecting.cancel()
        await asyncio.wait({connecting})


async def test_the_handshake_takes_its_time() -> None:
    async with behaving(handshake_delay_ms=80) as local:
        began_s = time.monotonic()
        async with connected(local):
            assert time.monotonic() - began_s >= 0.08


# The session


async def test_session_created_is_missing() -> None:
    async with behaving(no_session_created=True) as local, in_session(local) as client:
        assert client.types == ["session.updated"]


async def test_session_updated_is_missing_or_comes_twice_or_late() -> None:
    async with behaving(no_session_updated=True, extras=False) as local:
        async with connected(local) as client:
            await client.send(UPDATE, given("Hello"))
            await client.until("response.done")
            assert "session.updated" not in client.types
        local.faults = Faults(speed=0, session_updated_twice=True, extras=False)
        async with in_session(local) as client:
            assert (await client.until("session.updated"))["event_id"] != client.seen[-2]["event_id"]
        local.faults = Faults(speed=0, session_updated_delay_ms=50, extras=False)
        async with connected(local) as client:
            await client.send(UPDATE, given("Hello"))
            await client.until("session.updated")
            assert "response.created" in client.types


async def test_session_update_is_refused_with_a_code() -> None:
    async with (
        behaving(reject_session_update="invalid_model", reject_param="session.model") as local,
        connected(local) as client,
    ):
        await client.send({**UPDATE, "event_id": "mine"})
        error = (await client.until("error"))["error"]
        assert (error["code"], error["param"], error["event_id"]) == ("invalid_model", "session.model", "mine")
        await client.send(*[UPDATE] * 4)
        assert (await client.closed())[0] == 1008


async def test_the_session_expires() -> None:
    async with behaving(session_lifetime_s=0.1) as local, in_session(local) as client:
        assert (await client.until("error"))["error"]["code"] == "session_expired"
        assert (await client.closed())[0] == 1001


async def test_the_service_greets_by_itself() -> None:
    async with behaving(greeting="Good evening, Lisa.") as local, in_session(local) as client:
        assert client.seen[0]["session"]["greeting"] is not None
        said = await client.until("response.audio_transcript.done")
        assert said["transcript"] == "Good evening, Lisa."


# Responses


async def test_requests_for_a_response_are_lost() -> None:
    async with behaving(ignore_responses=1) as local, in_session(local) as client:
        await client.send(CREATE, given("The second one."))
        assert (await client.until("response.audio_transcript.done"))["transcript"] == "The second one."
        assert client.types.count("response.created") == 1


async def test_responses_fail() -> None:
    async with behaving(fail_responses="server_error") as local, in_session(local) as client:
        await client.send(CREATE)
        done = await client.until("response.done")
        assert done["response"]["status"] == "failed"
        assert done["response"]["status_details"]["error"]["code"] == "server_error"


async def test_responses_are_silent() -> None:
    async with behaving(silent_responses=True) as local, in_session(local) as client:
        await client.send(CREATE)
        await client.until("response.done")
        assert "response.audio.delta" not in client.types
        assert "response.audio.done" in client.types
        words = [event["delta"] for event in client.seen if event["type"] == "response.audio_transcript.delta"]
        assert "".join(words) == "One two three four five six seven eight nine ten."


async def test_responses_come_late_and_stall() -> None:
    faults = {"think_ms": 40, "synthesis_ms": 30, "stall_ms": 60, "at_delta": 2}
    async with behaving(**faults) as local, in_session(local) as client:
        began_s = time.monotonic()
        await client.send(CREATE)
        for kind, delay_s in (("audio_transcript.delta", 0.04), ("audio.delta", 0.07), ("done", 0.13)):
            await client.until(f"response.{kind}")
            assert time.monotonic() - began_s >= delay_s


async def test_audio_has_the_pace_and_the_pieces_it_is_told() -> None:
    async with behaving(delta_ms=100, speed=5) as local, in_session(local) as client:
        began_s = time.monotonic()
        await client.send(given("one two three four"))
        await client.until("response.done")
        assert time.monotonic() - began_s >= 0.04
        deltas = local.record.sessions[0].of_type("response.audio.delta")
        assert [entry.summary["audio_bytes"] for entry in deltas] == [4_800] * 4


async def test_deltas_of_a_cancelled_response_come_all_the_same() -> None:
    async with behaving(late_deltas=2, delta_ms=100, speed=10) as local, in_session(local) as client:
        await client.send(CREATE)
        response_id = (await client.until("response.audio.delta"))["response_id"]
        await client.send({"type": "response.cancel"})
        await client.until("response.done")
        for _ in range(2):
            assert (await client.until("response.audio.delta"))["response_id"] == response_id
        await client.send(given("Next."))
        done = await client.until("response.done")
        assert done["response"]["status"] == "completed"
        deltas = [event["response_id"] for event in client.seen if event["type"] == "response.audio.delta"]
        cancelled_at = client.types.index("response.done")
        late = [event for event in client.seen[cancelled_at:] if event.get("response_id") == response_id]
        assert response_id in deltas
        assert len(late) == 2


async def test_phantoms_come_one_at_a_time() -> None:
    async with behaving(phantom_speech_at="speech-started", phantom_speech_ms=10) as local, in_session(local) as client:
        await client.send(append(speech(400) + bytes(48 * 700)))
        await client.until("response.done")
        assert client.types.count("input_audio_buffer.speech_started") == 2


async def test_speech_is_heard_where_there_is_none() -> None:
    async with (
        behaving(phantom_speech_at="delta", phantom_speech_ms=20, delta_ms=100, speed=1) as local,
        in_session(local, turn_detection={"type": "server_vad"}) as client,
    ):
        await client.send(given("one two three four five six seven eight"))
        done = await client.until("response.done")
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        await client.until("input_audio_buffer.speech_stopped")
        local.faults = NONE
        await client.send(given("Next."))
        await client.until("response.done")
        assert "input_audio_buffer.committed" not in client.types


# The end, and the wire

MOMENTS = {
    Moment.CONNECTED: None,
    Moment.CREATED: "session.created",
    Moment.UPDATED: "session.updated",
    Moment.RESPONSE_CREATED: "response.created",
    Moment.DELTA: "response.audio.delta",
    Moment.RESPONSE_DONE: "response.done",
    Moment.SPEECH_STARTED: "input_audio_buffer.speech_started",
    Moment.SPEECH_STOPPED: "input_audio_buffer.speech_stopped",
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("abruptly", [False, True])
async def test_the_connection_ends_at_any_moment(moment: Moment, abruptly: bool) -> None:
    faults = {"close_at": moment, "close_code": 4001, "close_reason": "on purpose", "close_abruptly": abruptly}
    async with behaving(**faults, at_delta=2, delta_ms=100, extras=False) as local, connected(local) as client:
        await client.send(UPDATE, given("one two three four"), append(speech(400) + bytes(48 * 700)))
        code, reason = await client.closed()
        assert code == (ABRUPT if abruptly else 4001)
        assert abruptly or reason == "on purpose"
        sent = local.record.sessions[0].types("out")
        assert (sent[-1] if sent else None) == MOMENTS[moment]
        if moment is Moment.DELTA:
            assert sent.count("response.audio.delta") == 2


async def test_an_idle_connection_is_closed() -> None:
    async with behaving(close_at="idle", idle_s=0.1) as local, in_session(local) as client:
        await client.send(append(speech(10)))
        assert (await client.closed())[0] == 1011


@pytest.mark.parametrize("kind", Garbage)
async def test_garbage_is_on_the_wire(kind: Garbage) -> None:
    async with behaving(garbage_at="updated", garbage=kind, extras=False) as local, in_session(local) as client:
        frame = await client.frame()
        assert (frame.type is aiohttp.WSMsgType.BINARY) == (kind is Garbage.BINARY)
        assert (len(frame.data) > 4 * 1024 * 1024) == (kind is Garbage.HUGE)
        await client.send(given("It goes on."))
        await client.until("response.done")


async def test_garbage_comes_once_at_its_moment() -> None:
    async with behaving(garbage_at="delta", garbage="unknown-type", delta_ms=100) as local, in_session(local) as client:
        await client.send(given("one two three four"))
        await client.until("response.done")
        assert client.types.count("response.telepathy.delta") == 1


async def test_what_is_delayed_stays_in_order_when_the_delay_ends() -> None:
    delivered: list[int] = []
    everything = asyncio.Event()

    def deliver(number: int) -> None:
        delivered.append(number)
        if number == 3:
            everything.set()

    line: DelayLine[int] = DelayLine(deliver)
    line.put(0, 0.0)
    assert delivered == [0]
    line.put(1, 0.02)
    line.put(2, 0.01)
    line.put(3, 0.0)
    async with asyncio.timeout(DEADLINE_S):
        await everything.wait()
    assert delivered == [0, 1, 2, 3]
    line.put(4, 0.01)
    line.close()


async def test_the_network_delays_both_ways() -> None:
    async with behaving(network_delay_ms=40, extras=False) as local, connected(local) as client:
        began_s = time.monotonic()
        await client.send(*[UPDATE] * 5)
        for _ in range(5):
            await client.until("session.updated")
        assert time.monotonic() - began_s >= 0.08
        local.faults = NONE
        await client.send({"type": "response.cancel", "event_id": "last"})
        assert (await client.until("error"))["error"]["event_id"] == "last"


async def test_unknown_events_come_now_and_then() -> None:
    async with behaving() as local, in_session(local) as client:
        await client.send(given("Hello"))
        await client.until("rate_limits.updated")
        assert "local_service.notice" in client.types
