"""TLS: who is trusted, and what is said where somebody is not; over a real handshake."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from device_daemon.config.settings import Service
from device_daemon.conversation import events as on
from device_daemon.errors import ClockNotSet, ServiceUnreachable, SettingUnusable, SpeakerError
from device_daemon.localservice.certificate import Certificate, self_signed
from device_daemon.voicelive.limits import LineLimits
from device_daemon.voicelive.tls import tls_context
from tests.integration.voicelive.unruly_service import (
    PATIENCE_S,
    SPEECH_STARTED,
    client_for,
    no_trace,
    serving,
    talking,
)

__all__ = ["no_trace"]

pytestmark = pytest.mark.usefixtures("no_trace")


async def greet(ws: web.WebSocketResponse, _: web.Request) -> None:
    await ws.send_str(SPEECH_STARTED)
    await ws.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return self_signed(tmp_path)


async def outcome(endpoint: str, service: Service | None = None, limits: LineLimits | None = None) -> SpeakerError:
    client = client_for(endpoint, service, limits)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(SpeakerError) as caught:
            await client.connect()
    await client.close()
    return caught.value


async def test_a_ca_of_the_owners_own_is_trusted_where_the_config_names_it(certificate: Certificate) -> None:
    async with serving(talking(greet), certificate.context) as endpoint:
        client = client_for(endpoint, Service(ca_file=str(certificate.path)))
        for _ in range(2):
            connection = await client.connect()
            assert [type(event) async for event in connection.events()] == [on.SpeechStarted, on.Closed]
            await connection.close()
        await client.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_sent(
    certificate: Certificate,
) -> None:
    asked: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response()

    async with serving(handle, certificate.context) as endpoint:
        failure = await outcome(endpoint)
    assert isinstance(failure, ServiceUnreachable)
    assert "certificate of 127.0.0.1" in str(failure)
    assert asked == []


@pytest.mark.parametrize("days", [-30, 30])
async def test_a_certificate_out_of_its_time_suggests_a_look_at_the_date(days: int, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, now=datetime.now(UTC) + timedelta(days=days))
    async with serving(talking(greet), certificate.context) as endpoint:
        failure = await outcome(endpoint, Service(ca_file=str(certificate.path)))
    assert type(failure) in {ServiceUnreachable, ClockNotSet}
    assert failure.retry
    assert "not valid" in str(failure) or "does not look valid" in str(failure)


async def test_a_service_without_tls_is_no_secure_connection() -> None:
    async with serving(talking(greet)) as endpoint:
        failure = await outcome(endpoint.replace("ws://", "wss://"))
    assert isinstance(failure, ServiceUnreachable)
    assert "no secure connection" in str(failure)


async def test_a_tls_handshake_that_hangs_is_given_up() -> None:
    given_up = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client gives up
        writer.close()
        given_up.set()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    endpoint = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    failure = await outcome(endpoint, limits=LineLimits(handshake_s=0.05))
    assert "did not answer in time" in str(failure)
    await given_up.wait()
    server.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_is_named(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content, encoding="utf-8")
    failure = await outcome("wss://127.0.0.1:9", Service(ca_file=str(path)))
    assert isinstance(failure, SettingUnusable)
    assert str(path) in str(failure)
    assert "service.ca_file" in str(failure)


def test_the_systems_own_authorities_stay_trusted(certificate: Certificate) -> None:
    trusted = tls_context(str(certificate.path))
    assert trusted.verify_mode is ssl.CERT_REQUIRED
    assert trusted.check_hostname
    assert len(trusted.get_ca_certs()) == len(ssl.create_default_context().get_ca_certs()) + 1
