"""A connection to the service is opened, or the reason why not is reported."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from device_daemon.config.settings import Agent, Config, Service
from device_daemon.errors import (
    AuthRefused,
    KeyMissing,
    ServiceBusy,
    ServiceUnreachable,
    SessionRejected,
    SpeakerError,
)
from device_daemon.voicelive.client import Client, url_for
from device_daemon.voicelive.credentials import Key
from device_daemon.voicelive.limits import LineLimits
from tests.integration.voicelive.unruly_service import KEY, PATIENCE_S, Handler, client_for, no_trace, serving

__all__ = ["no_trace"]

pytestmark = pytest.mark.usefixtures("no_trace")


async def refusal(handler: Handler, limits: LineLimits | None = None) -> SpeakerError:
    """What connect raises."""
    async with serving(handler) as endpoint:
        client = client_for(endpoint, limits=limits)
        with pytest.raises(SpeakerError) as caught:
            await client.connect()
        await client.close()
    assert caught.value.__cause__ is None, "aiohttp's exceptions hold the request's headers, and the key in them"
    assert KEY not in "".join(traceback.format_exception(caught.value, chain=True))
    return caught.value


def answering(status: int, headers: dict[str, str] | None = None) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    return handle


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_reported_as_such(status: int) -> None:
    assert isinstance(await refusal(answering(status)), AuthRefused)


async def test_an_address_without_voice_live_is_reported_as_a_wrong_setting() -> None:
    assert isinstance(await refusal(answering(404)), SessionRejected)


async def test_a_full_service_says_how_long_to_wait() -> None:
    failure = await refusal(answering(429, {"Retry-After": "17"}))
    assert isinstance(failure, ServiceBusy)
    assert failure.retry_after_s == 17


async def test_a_service_that_is_down_is_tried_again() -> None:
    failure = await refusal(answering(503))
    assert isinstance(failure, ServiceBusy)
    assert failure.retry
    assert failure.retry_after_s is None


async def test_a_redirect_is_refused_before_the_key_is_sent_on() -> None:
    asked: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    assert isinstance(await refusal(redirect), SessionRejected)
    assert asked == ["/voice-live/realtime"]


async def test_a_service_that_accepts_and_then_says_nothing_is_given_up() -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    failure = await refusal(hang, LineLimits(handshake_s=0.05))
    assert isinstance(failure, ServiceUnreachable)
    assert "did not answer in time" in str(failure)


async def test_giving_up_while_connecting_leaves_nothing_open() -> None:
    asked = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async with serving(hang) as endpoint:
        attempt = asyncio.ensure_future(client_for(endpoint).connect())
        async with asyncio.timeout(PATIENCE_S):
            await asked.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt


async def test_a_host_where_nobody_listens_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(ServiceUnreachable, match=f"127.0.0.1:{port}"):
            await client_for(f"ws://127.0.0.1:{port}").connect()


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a proxy that lets nobody through, with a password; and the first lines of what it was asked."""
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0])
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    yield f"http://user:passw0rd@127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    server.close()


async def test_a_proxy_of_the_config_is_used_and_its_password_is_not_shown(proxy: tuple[str, list[str]]) -> None:
    address, asked = proxy
    with pytest.raises(ServiceUnreachable) as caught:
        await client_for("https://voice.example", Service(proxy=address)).connect()
    assert asked == ["CONNECT voice.example:443 HTTP/1.1"]
    assert "407" in str(caught.value)
    assert "passw0rd" not in str(caught.value)


async def test_the_proxy_of_the_environment_is_used_as_by_every_other_program(
    proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = proxy
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("https_proxy", address)
    with pytest.raises(ServiceUnreachable):
        await client_for("wss://voice.example").connect()
    assert asked == ["CONNECT voice.example:443 HTTP/1.1"]


async def test_a_proxy_that_is_not_there_is_blamed_and_not_the_service() -> None:
    with pytest.raises(ServiceUnreachable, match=r"service\.proxy"):
        await client_for("https://voice.example", Service(proxy="http://127.0.0.1:9")).connect()


async def test_after_a_refusal_the_key_is_looked_up_again_since_the_owner_may_have_changed_it() -> None:
    keys = [KEY, f"{KEY}-newer"]
    seen = []

    async def refuse(request: web.Request) -> web.Response:
        seen.append(request.headers["api-key"])
        return web.Response(status=401)

    async with serving(refuse) as endpoint:
        client = Client(Config(Service()), endpoint, lambda: Key(keys.pop(0)))
        for _ in range(2):
            with pytest.raises(AuthRefused):
                await client.connect()
    assert seen == [KEY, f"{KEY}-newer"]


async def test_without_a_key_nothing_is_sent() -> None:
    def no_key() -> Key:
        raise KeyMissing("no API key")

    with pytest.raises(KeyMissing):
        await Client(Config(Service()), "ws://127.0.0.1:9", no_key).connect()


def test_an_agent_is_asked_for_by_name_project_and_version() -> None:
    service = Service(agent=Agent(name="butler", project="home", version="2"), auth="entra")
    url = url_for(service, "https://speaker.services.ai.azure.com/")
    assert url == (
        "https://speaker.services.ai.azure.com/voice-live/realtime"
        "?api-version=2026-07-15&agent-name=butler&agent-project-name=home&agent-version=2"
    )
