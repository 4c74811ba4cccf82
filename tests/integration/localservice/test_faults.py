"""Faults of the handshake, the session and its responses, over a real WebSocket."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from device_daemon.localservice.faults import NONE, ErrorShape, Faults
from device_daemon.localservice.server import LocalService
from device_daemon.localservice.synthesis import ResponseSynthesizer
from device_daemon.localservice.voice import Voice
from tests.integration.localservice.wire import QUERY, connected, in_session, service
from tests.unit.localservice.client_messages import CREATE, UPDATE, Json, append, given, speak, speech
from tests.unit.localservice.driver import CHAIN_END, configured

ABRUPT = 1006


def behaving(**faults: Any) -> AbstractAsyncContextManager[LocalService]:
    """A service with these faults, whose answers come all at once unless a speed is given."""
    return service(Faults(**{"speed": 0, **faults}))


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


async def test_retry_after_may_be_a_date() -> None:
    async with behaving(refuse_status=429, retry_after_s=60, retry_after_as_date=True) as local:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with connected(local):
                pass
        assert caught.value.headers is not None
        date = parsedate_to_datetime(caught.value.headers["Retry-After"])
        assert 50 < (date - datetime.now(UTC)).total_seconds() <= 60


async def test_the_handshake_is_redirected() -> None:
    async with behaving(refuse_status=302) as local, aiohttp.ClientSession() as http:
        url = f"{local.endpoint}/voice-live/realtime?{QUERY}".replace("ws:", "http:")
        async with http.get(url, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (302, "/elsewhere")


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
    async with behaving(no_session_updated=True) as local:
        async with connected(local) as client:
            await client.send(UPDATE, given("Hello"))
            await client.until("response.done")
            assert "session.updated" not in client.types
        local.faults = Faults(speed=0, session_updated_twice=True)
        async with in_session(local) as client:
            assert (await client.until("session.updated"))["event_id"] != client.seen[-2]["event_id"]
        local.faults = Faults(speed=0, session_updated_delay_ms=50)
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


ERRORS: dict[ErrorShape, Any] = {
    ErrorShape.OBJECT: lambda event: event["error"]["code"] == "rate_limit_exceeded",
    ErrorShape.NUMERIC_CODE: lambda event: event["error"]["code"] == 500,
    ErrorShape.NO_CODE: lambda event: "code" not in event["error"] and event["error"]["message"],
    ErrorShape.TEXT: lambda event: event["error"].startswith("rate_limit_exceeded"),
    ErrorShape.NULL: lambda event: event["error"] is None,
    ErrorShape.WARNING: lambda event: event["warning"]["code"] == "rate_limit_exceeded",
}


@pytest.mark.parametrize("shape", ErrorShape)
async def test_an_error_of_any_shape_comes_before_session_updated(shape: ErrorShape) -> None:
    faults = {"error_at": "before-updated", "error_shape": shape, "error_code": "rate_limit_exceeded"}
    async with behaving(**faults) as local, connected(local) as client:
        await client.send(UPDATE)
        await client.until("session.updated")
        kind = "warning" if shape is ErrorShape.WARNING else "error"
        assert client.types == ["session.created", kind, "session.updated"]
        assert ERRORS[shape](client.seen[1])


@pytest.mark.parametrize("named", [False, True])
async def test_an_injected_error_may_name_the_session_update(named: bool) -> None:
    async with behaving(error_at="before-updated", error_names_update=named) as local, connected(local) as client:
        await client.send({**UPDATE, "event_id": "mine"})
        error = await client.until("error")
        assert error["error"]["event_id"] == ("mine" if named else None)


# Responses


async def test_requests_for_a_response_are_lost() -> None:
    async with behaving(ignore_responses=1) as local, in_session(local) as client:
        await client.send(CREATE, given("The second one."))
        assert (await client.until("response.audio_transcript.done"))["transcript"] == "The second one."
        assert client.types.count("response.created") == 1


async def test_requests_for_a_response_are_refused() -> None:
    async with behaving(reject_responses=2) as local, in_session(local) as client:
        await client.send(CREATE, CREATE, given("The third one."))
        assert (await client.until("response.audio_transcript.done"))["transcript"] == "The third one."
        refused = [event["error"]["code"] for event in client.seen if event["type"] == "error"]
        assert refused == ["conversation_already_has_active_response"] * 2


async def test_a_response_is_active_before_its_response_created_comes() -> None:
    async with behaving(response_created_delay_ms=150, at_response=1) as local, in_session(local) as client:
        await client.send(given("The greeting."), CREATE)
        assert (await client.until("error"))["error"]["code"] == "conversation_already_has_active_response"
        assert "response.created" not in client.types
        await client.until("response.done")
        assert client.types[3:] == [
            "response.created",
            "response.output_item.added",
            "conversation.item.created",
            "response.content_part.added",
            "response.audio_transcript.delta",
            "response.audio.delta",
            *CHAIN_END,
        ]


async def test_a_response_that_is_cancelled_before_its_response_created_still_has_both_ends() -> None:
    async with behaving(response_created_delay_ms=50) as local, in_session(local) as client:
        await client.send(CREATE, {"type": "response.cancel"})
        await client.until("response.done")
        assert client.types[2:] == ["response.created", "response.done"]


async def test_a_response_is_accepted_and_never_answered() -> None:
    async with behaving(unanswered_responses=True, at_response=1) as local, in_session(local) as client:
        await client.send(CREATE)
        await client.until("response.created")
        await client.send(CREATE)
        assert (await client.until("error"))["error"]["code"] == "conversation_already_has_active_response"
        await client.send({"type": "response.cancel"}, given("The next one."))
        assert (await client.until("response.audio_transcript.done"))["transcript"] == "The next one."


@pytest.mark.parametrize("reason", ["content_filter", "max_output_tokens"])
@pytest.mark.parametrize("heard_deltas", [0, 2])
async def test_responses_end_incomplete(reason: str, heard_deltas: int) -> None:
    faults = {"incomplete_responses": reason, "at_delta": heard_deltas + 1, "delta_ms": 100}
    async with behaving(**faults) as local, in_session(local) as client:
        await client.send(CREATE)
        done = await client.until("response.done")
        assert done["response"]["status"] == "incomplete"
        assert done["response"]["status_details"] == {"type": "incomplete", "reason": reason}
        assert client.types.count("response.audio.delta") == heard_deltas


async def test_responses_are_text_although_audio_was_asked_for() -> None:
    async with behaving(text_responses=True) as local, in_session(local) as client:
        await client.send(CREATE)
        done = await client.until("response.done")
        assert done["response"]["status"] == "completed"
        (part,) = done["response"]["output"][0]["content"]
        assert part == {"type": "text", "text": "One two three four five six seven eight nine ten."}
        assert not [kind for kind in client.types if "audio" in kind]


async def test_ten_minutes_of_audio_come_at_once_and_wait_for_the_client() -> None:
    async with behaving(audio_s=600) as local, in_session(local) as client:
        await client.send(given("one two three four five"))
        await client.until("response.created")
        await asyncio.sleep(0)
        audio_bytes = 0
        while not client.types or client.types[-1] != "response.done":
            event = await client.until(lambda _: True)
            if event["type"] == "response.audio.delta":
                audio_bytes += len(event["delta"]) * 3 // 4
        assert audio_bytes == pytest.approx(600 * 48_000, rel=0.01)


async def test_audio_may_be_slower_than_real_time() -> None:
    async with behaving(speed=0.5, delta_ms=20) as local, in_session(local) as client:
        began_s = time.monotonic()
        await client.send(given("word"))
        await client.until("response.done")
        assert time.monotonic() - began_s >= (100 - 40) / 1000 / 0.5


async def test_audio_comes_with_jitter_and_in_order() -> None:
    class Latest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return max(a, b)

    driver = configured()
    driver.send(given("one two three four"))
    sent: list[Json] = []
    synthesizer = ResponseSynthesizer(
        Voice(speak),
        driver.session.responses,
        lambda: Faults(speed=0, delta_ms=100, jitter_ms=40),
        sent.extend,
        no_wait,
        Latest(),
    )
    began_s = time.monotonic()
    await synthesizer.make(driver.planned[-1])
    assert time.monotonic() - began_s >= 0.04
    audio = b"".join(base64.b64decode(event["delta"]) for event in sent if event["type"] == "response.audio.delta")
    assert audio == speech(400)


async def no_wait() -> None:
    pass


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
