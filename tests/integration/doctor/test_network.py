"""The route to the service from DNS to the session, and each failure on it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_daemon.config.settings import Config, Service
from device_daemon.doctor import network, remedies
from device_daemon.doctor.findings import Finding, Status
from device_daemon.doctor.network import Route, route_to
from device_daemon.doctor.runner import Check, CheckRunner
from device_daemon.localservice.faults import Faults
from device_daemon.system import clock_sync
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import Key
from tests.integration.localservice.wire import service

DEADLINE_S = 10.0


async def found(check: Check) -> list[Finding]:
    runner = CheckRunner(lambda _: None, lambda error: type(error).__name__)
    await runner.run("thing", check, DEADLINE_S)
    return runner.findings


async def test_a_clock_that_is_not_set_is_a_failure_and_one_that_nobody_keeps_a_note(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock_sync, "is_set", lambda: True)
    monkeypatch.setattr(clock_sync, "is_kept", lambda: True)
    assert [finding.status for finding in await found(network.check_clock())] == [Status.OK]
    monkeypatch.setattr(clock_sync, "is_kept", lambda: False)
    assert [finding.status for finding in await found(network.check_clock())] == [Status.NOTE]
    monkeypatch.setattr(clock_sync, "is_set", lambda: False)
    (finding,) = await found(network.check_clock())
    assert (finding.status, finding.remedy) == (Status.FAILED, remedies.GET_CLOCK)
    monkeypatch.setattr(clock_sync, "is_kept", lambda: True)
    (finding,) = await found(network.check_clock())
    assert (finding.status, finding.remedy) == (Status.FAILED, "sudo timedatectl set-ntp true")


def test_the_route_is_that_of_the_client_through_a_proxy_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "no_proxy", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    endpoint = "https://x.example/path"
    assert route_to(Service(endpoint=endpoint)) == Route("x.example", 443, secure=True)
    assert route_to(Service(endpoint="ws://127.0.0.1:8765")) == Route("127.0.0.1", 8765, secure=False)
    by_config = Service(endpoint=endpoint, proxy="http://lisa:pass@proxy.example:3128")
    assert route_to(by_config) == Route("proxy.example", 3128, secure=False, proxy=True)
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example:8080")
    assert route_to(Service(endpoint=endpoint)) == Route("other.example", 8080, secure=False, proxy=True)
    monkeypatch.setenv("NO_PROXY", "x.example")
    assert route_to(Service(endpoint=endpoint)) == Route("x.example", 443, secure=True)


@pytest.mark.parametrize(
    ("errno", "words", "remedy"),
    [(socket.EAI_NONAME, "there is no such name", "service.endpoint"), (socket.EAI_AGAIN, "temporary", "nmtui")],
)
async def test_an_unknown_name_is_told_apart_from_a_network_that_is_down(
    monkeypatch: pytest.MonkeyPatch, errno: int, words: str, remedy: str
) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(errno, "temporary failure")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    (finding,) = await found(network.resolve_name(Route("x.example", 443, secure=True)))
    assert finding.status is Status.FAILED
    assert words in finding.what
    assert remedy in finding.remedy


async def test_a_name_that_is_none_is_a_finding() -> None:
    (finding,) = await found(network.resolve_name(Route("x" * 80 + ".example", 443, secure=True)))
    assert finding.status is Status.FAILED


async def test_where_nobody_listens_the_connection_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (finding,) = await found(network.connect(Route("127.0.0.1", port, secure=True)))
    assert (finding.name, finding.status) == ("line", Status.FAILED)
    assert finding.remedy == f"nc -vz -w 5 127.0.0.1 {port}"


# Certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and its key, in one file, signed by itself."""
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/O=Test", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run(command + names, check=True, capture_output=True, timeout=20)
    path.write_text(
        path.read_text(encoding="ascii") + Path(f"{path}.crt").read_text(encoding="ascii"), encoding="ascii"
    )
    return path


@asynccontextmanager
async def secure_server(certificate: Path) -> AsyncIterator[Route]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)  # handshakes that are refused
    try:
        yield Route("localhost", server.sockets[0].getsockname()[1], secure=True)
    finally:
        server.close()


async def test_a_certificate_this_machine_trusts_is_ok(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with secure_server(certificate) as route:
        line, cert = await found(network.connect(route))
    assert (line.status, cert.status) == (Status.OK, Status.OK)
    assert "by Test" in cert.what
    assert cert.measured["tls_ms"] > 0


async def test_one_it_does_not_trust_is_reported_with_the_reason(certificate: Path) -> None:
    async with secure_server(certificate) as route:
        _, cert = await found(network.connect(route))
    assert cert.status is Status.FAILED
    assert "self-signed" in cert.what
    assert f"openssl s_client -connect localhost:{route.port}" in cert.remedy


@pytest.mark.parametrize("answers", [True, False])
async def test_a_port_that_speaks_no_tls_is_reported(answers: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        if answers:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    _, cert = await found(network.connect(Route("127.0.0.1", server.sockets[0].getsockname()[1], secure=True)))
    server.close()
    assert (cert.name, cert.status) == ("certificate", Status.FAILED)
    assert "no secure connection" in cert.what


# The session


async def session(faults: Faults, key: str = "right", deadline_s: float = DEADLINE_S) -> list[Finding]:
    async with service(faults, key="right") as local:
        settings = Service(endpoint=local.endpoint)
        client = Client(Config(settings), local.endpoint, lambda: Key(key))
        findings = await found(network.open_session(client, client.host, deadline_s))
        await client.close()
    return findings


async def test_a_session_is_opened_configured_measured_and_closed() -> None:
    (finding,) = await session(Faults(speed=0))
    assert finding.status is Status.OK
    assert set(finding.measured) == {"connect_ms", "update_ms"}


@pytest.mark.parametrize(
    ("faults", "key", "words", "kind"),
    [
        (Faults(), "wrong", "(401)", "AuthRefused"),
        (Faults(refuse_status=403), "right", "(403)", "AuthRefused"),
        (Faults(refuse_status=404), "right", "(404)", "SessionRejected"),
        (Faults(refuse_status=429), "right", "429", "ServiceBusy"),
        (Faults(reject_session_update="invalid_model"), "right", "invalid_model", "SessionRejected"),
        (Faults(no_session_updated=True), "right", "did not answer", "ServiceSilent"),
    ],
)
async def test_a_refusal_by_the_service_is_reported_with_its_reason(
    faults: Faults, key: str, words: str, kind: str
) -> None:
    (finding,) = await session(faults, key=key, deadline_s=0.3 if faults.no_session_updated else DEADLINE_S)
    assert finding.status is Status.FAILED
    assert words in finding.what
    assert finding.remedy == kind
