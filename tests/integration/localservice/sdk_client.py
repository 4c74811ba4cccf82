"""The real SDK as a client of the local service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from azure.ai.voicelive import models as sdk
from azure.ai.voicelive.aio import VoiceLiveConnection, connect
from azure.core.credentials import AccessToken, AzureKeyCredential

from device_daemon.localservice.server import LocalService
from tests.integration.localservice.wire import DEADLINE_S

KEY = "a secret"


class SomeToken:
    """A credential as azure-identity's are."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._token, 4_000_000_000)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_details: object) -> None:
        pass


@asynccontextmanager
async def connection(
    local: LocalService, model: str = "gpt-realtime", key: str = KEY
) -> AsyncIterator[VoiceLiveConnection]:
    async with connect(endpoint=local.endpoint, credential=AzureKeyCredential(key), model=model) as opened:
        yield opened


async def until(opened: VoiceLiveConnection, kind: sdk.ServerEventType) -> list[sdk.ServerEvent]:
    """Return the events up to one of a type, which is the last."""
    events: list[sdk.ServerEvent] = []
    async with asyncio.timeout(DEADLINE_S):
        async for event in opened:
            assert not isinstance(event, sdk.ServerEventError), event
            events.append(event)
            if event.type == kind:
                return events
    raise AssertionError(f"closed before {kind}: {[event.type for event in events]}")
