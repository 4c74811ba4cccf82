"""A service on this machine that does what a test says, well or badly; and clients of it that must leave no trace."""

from __future__ import annotations

import gc
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from device_daemon.config.settings import Config, Service
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import Key
from device_daemon.voicelive.limits import LineLimits

KEY = "k3y-that-nobody-may-see"
SPEECH_STARTED = json.dumps({"type": "input_audio_buffer.speech_started"})
PATIENCE_S = 5.0

Talk = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def no_trace(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After a test nothing is left open, and the key was not written anywhere."""
    caplog.set_level(logging.INFO)
    yield
    gc.collect()  # an HTTP session that was left open warns here, and warnings are errors
    assert "Unclosed" not in caplog.text
    assert KEY not in caplog.text


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a service whose requests `handler` answers."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.05, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    yield f"{'wss' if tls else 'ws'}://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def talking(talk: Talk) -> Handler:
    """A handler that accepts the WebSocket and goes on with `talk`."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await talk(ws, request)
        return ws

    return handle


def client_for(endpoint: str, service: Service | None = None, limits: LineLimits | None = None) -> Client:
    return Client(Config(service or Service()), endpoint, lambda: Key(KEY), limits)
