from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from device_daemon.errors import ServiceUnreachable
from device_daemon.localservice.certificate import self_signed
from device_daemon.localservice.faults import Faults
from device_daemon.localservice.server import LocalService
from tests.integration.localservice.wire import DEADLINE_S, QUERY, connected, in_session, service
from tests.unit.localservice.client_messages import CREATE, UPDATE, append, given, silence, speech

KEY = "a secret"


async def status(url: str, headers: dict[str, str] | None = None) -> int:
    """Return the handshake's status; 101 is a WebSocket."""
    async with aiohttp.ClientSession() as http:
        try:
            async with http.ws_connect(url, headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/voice-live/realtime?{QUERY}", 101),
        (f"/any/prefix/voice-live/realtime?{QUERY}", 101),
        ("/voice-live/realtime?api-version=1&agent-name=a&agent-project-name=p", 101),
        ("/voice-live/realtime?model=gpt-realtime", 400),
        ("/voice-live/realtime?api-version=1", 400),
        (f"/realtime?{QUERY}", 404),
    ],
)
async def test_only_the_services_own_path_with_its_parameters_is_served(path: str, expected: int) -> None:
    async with service() as local:
        assert await status(local.endpoint + path) == expected


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({"api-key": KEY}, "", 101),
        ({"Authorization": f"Bearer {KEY}"}, "", 101),
        ({}, "&api-key=a%20secret", 101),
        ({}, "&Authorization=Bearer%20a%20secret", 101),
        ({"api-key": "a secret2"}, "", 401),
        ({"api-key": "wröng"}, "", 401),
        ({}, "", 401),
        ({"api-key": KEY}, "&agent-name=a&agent-project-name=p", 401),
    ],
)
async def test_a_key_may_be_shown_in_four_ways(headers: dict[str, str], query: str, expected: int) -> None:
    async with service(key=KEY) as local:
        assert await status(f"{local.endpoint}/voice-live/realtime?{QUERY}{query}", headers) == expected
        assert KEY not in json.dumps([session.as_json() for session in local.record.sessions])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Authorization": "Bearer a token"}, 101),
        ({"api-key": KEY}, 101),
        ({"Authorization": f"Bearer {KEY}"}, 401),
        ({"Authorization": "Basic a token"}, 401),
        ({"Authorization": "a token"}, 401),
        ({"api-key": "a token"}, 401),
        ({}, 401),
    ],
)
async def test_a_token_is_shown_as_a_bearer_and_is_no_key(headers: dict[str, str], expected: int) -> None:
    async with service(key=KEY, token="a token") as local:
        assert await status(f"{local.endpoint}/voice-live/realtime?{QUERY}", headers) == expected


async def test_an_agent_is_signed_in_to_by_token_and_named_with_its_project() -> None:
    async with service(key=KEY, token="a token") as local:
        bearer = {"Authorization": "Bearer a token"}
        url = f"{local.endpoint}/voice-live/realtime?api-version=1&agent-name=concierge"
        assert await status(f"{url}&agent-project-name=hotel", bearer) == 101
        assert await status(f"{url}&agent-project-name=hotel", {"api-key": KEY}) == 401
        assert await status(url, bearer) == 400


async def test_tls_is_served_with_a_certificate_that_clients_have_to_trust(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    async with service(certificate=certificate) as local, aiohttp.ClientSession() as http:
        assert local.endpoint.startswith("wss://")
        url = f"{local.endpoint}/voice-live/realtime?{QUERY}"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            async with http.ws_connect(url):
                pass
        trusting = ssl.create_default_context(cafile=certificate.path)
        for host in ("127.0.0.1", "localhost"):
            async with http.ws_connect(url.replace("127.0.0.1", host), ssl=trusting) as socket:
                assert (await socket.receive_json())["type"] == "session.created"


async def test_a_certificate_may_be_out_of_date(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, now=datetime.now(UTC) - timedelta(days=2))
    trusting = ssl.create_default_context(cafile=certificate.path)
    async with service(certificate=certificate) as local, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match="expired"):
            async with http.ws_connect(f"{local.endpoint}/voice-live/realtime?{QUERY}", ssl=trusting):
                pass


async def test_a_plain_request_is_told_to_upgrade() -> None:
    async with service() as local, aiohttp.ClientSession() as http:
        url = f"{local.endpoint}/voice-live/realtime?{QUERY}".replace("ws:", "http:")
        async with http.get(url) as response:
            assert response.status == 400


async def test_the_session_is_created_before_the_client_says_anything() -> None:
    async with service() as local, connected(local) as client:
        assert (await client.until("session.created"))["event_id"].startswith("event_")


async def test_nonsense_is_answered_with_errors_and_survived() -> None:
    async with service() as local, in_session(local) as client:
        await client.socket.send_str("{")
        await client.until("error")
        await client.socket.send_str("[]")
        await client.until("error")
        await client.socket.send_bytes(b"\0")
        await client.until("error")
        await client.send(given("Still here."))
        await client.until("response.done")


async def test_many_clients_are_served_at_once_and_know_nothing_of_each_other() -> None:
    async def talk(local: LocalService, name: str) -> None:
        async with in_session(local) as client:
            await client.send(given(name))
            assert (await client.until("response.audio_transcript.done"))["transcript"] == name

    async with service() as local:
        await asyncio.gather(*[talk(local, f"Client {number}.") for number in range(5)])
        assert len(local.record.sessions) == 5


async def test_stopping_closes_every_session_in_good_order() -> None:
    async with service() as local, in_session(local) as client:
        await client.send(CREATE)
        await client.until("response.created")
        stopping = asyncio.create_task(local.stop())
        assert (await client.closed())[0] == 1001
        await stopping
    assert local.record.sessions[0].closed_s is not None


async def test_a_port_that_is_taken_is_named() -> None:
    async with service() as local:
        port = int(local.endpoint.rpartition(":")[2])
        with pytest.raises(ServiceUnreachable, match=str(port)):
            await LocalService(port=port).start()


async def test_a_service_may_be_started_again_on_its_port() -> None:
    async with service() as local:
        endpoint = local.endpoint
        await local.stop()
        await local.start()
        assert local.endpoint == endpoint
        async with in_session(local):
            pass


async def test_messages_are_recorded_in_order_without_their_sound() -> None:
    async with service(Faults(speed=0)) as local:
        async with in_session(local) as client:
            await client.send(append(silence(20)), append(silence(20)), given("one two three"))
            await client.until("response.done")
        session = local.record.sessions[0]
        assert session.types()[:4] == [
            "session.created",
            "session.update",
            "session.updated",
            "input_audio_buffer.append",
        ]
        assert session.entries[3].summary["count"] == 2
        (delta, *_) = session.of_type("response.audio.delta")
        assert delta.summary["audio_bytes"] == 12_000
        assert "delta" not in delta.summary
        times = [entry.at_s for entry in session.entries]
        assert times == sorted(times)


async def test_received_sound_is_recorded_with_its_arrivals() -> None:
    async with service() as local:
        async with in_session(local) as client:
            await client.send(append(speech(30)), append(silence(10)), {"type": "input_audio_buffer.clear"})
            await client.until("input_audio_buffer.cleared")
        session = local.record.sessions[0]
        assert bytes(session.audio) == speech(30) + silence(10)
        assert [(arrival.first_frame, arrival.frames) for arrival in session.arrivals] == [(0, 720), (720, 240)]
        assert session.opened_s <= session.arrivals[0].at_s <= session.arrivals[1].at_s


async def test_nothing_that_was_said_is_kept_where_nobody_asked_for_it() -> None:
    async with service(record=False) as local, in_session(local) as client:
        await client.send(append(speech(30)), {"type": "input_audio_buffer.clear"})
        await client.until("input_audio_buffer.cleared")
        (session,) = local.record.sessions
        assert (session.types(), bytes(session.audio)) == ([], b"")


async def test_a_test_can_wait_for_a_message() -> None:
    async with service() as local, connected(local) as client:
        waiting = asyncio.create_task(local.wait_for("session.update", count=2))
        await client.send(UPDATE, UPDATE)
        assert (await waiting).direction == "in"
        assert await local.wait_for("session.created", session=1)
        with pytest.raises(TimeoutError, match=r"no response\.done .* session\.created"):
            await local.wait_for("response.done", deadline_s=0.01)


async def test_another_process_can_read_the_record_and_set_faults() -> None:
    async with service(with_admin=True) as local, aiohttp.ClientSession() as http:
        admin = local.endpoint.replace("ws:", "http:") + "/admin"
        async with in_session(local) as client:
            await client.send(append(speech(10)), {"type": "input_audio_buffer.clear"})
            await client.until("input_audio_buffer.cleared")
        async with http.get(f"{admin}/record") as response:
            (session,) = (await response.json())["sessions"]
            assert session["entries"][0][2]["type"] == "session.created"
            assert session["arrivals"][0][1:] == [0, 240]
        async with http.get(f"{admin}/audio/1") as response:
            assert await response.read() == speech(10)
        async with http.get(f"{admin}/audio/2") as response:
            assert response.status == 404
        async with http.post(f"{admin}/faults", json={"refuse_status": 503}) as response:
            assert (await response.json())["refuse_status"] == 503
        assert local.faults == Faults(refuse_status=503)
        for wrong in ({"refuse_status": 7}, ["x"]):
            async with http.post(f"{admin}/faults", json=wrong) as response:
                assert response.status == 400


async def test_the_window_for_tests_is_closed_by_default() -> None:
    async with (
        service() as local,
        aiohttp.ClientSession() as http,
        http.get(local.endpoint.replace("ws:", "http:") + "/admin/record") as response,
    ):
        assert response.status == 404


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The local service as a program of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "device_daemon",
        "local-service",
        "--port=0",
        "--until-stdin-closes",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(3 * DEADLINE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_as_a_program_it_says_where_it_listens_and_ends_with_its_parent() -> None:
    async with program("--fault", "speed=0") as process:
        assert process.stdin
        assert process.stdout
        line = (await process.stdout.readline()).decode()
        assert "listening on ws://127.0.0.1:" in line
        assert "does not understand speech" in line
        assert await status(f"{line.split()[4]}/voice-live/realtime?{QUERY}") == 101
        process.stdin.close()
        assert await process.wait() == 0


async def test_as_a_program_with_tls_it_prints_its_certificate_and_takes_it_away_again() -> None:
    async with program("--tls") as process:
        assert process.stdin
        assert process.stdout
        certificate = Path((await process.stdout.readline()).decode().strip().partition("SSL_CERT_FILE=")[2])
        endpoint = (await process.stdout.readline()).decode().split()[4]
        assert endpoint.startswith("wss://")
        trusting = ssl.create_default_context(cafile=certificate)
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{endpoint}/voice-live/realtime?{QUERY}", ssl=trusting),
        ):
            pass
        process.stdin.close()
        assert await process.wait() == 0
    assert not certificate.parent.exists()
